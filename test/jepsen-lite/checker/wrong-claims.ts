/** Histories of locks of all kinds that are wrong in one thing, each with one that is right and differs from it in nothing else. */
import type { EventType, HistoryEvent, HistoryValue } from '../types.js'

export const MS = 1e6

export const line = (type: EventType, process: number, f: string, ms: number, value: HistoryValue): HistoryEvent => ({
  type,
  process,
  f,
  value,
  time: ms * MS,
  workload: 'test',
})

interface HoldOptions {
  readonly process: number
  readonly token: number
  /** Asked, told; released, and answered. */
  readonly at: readonly [number, number, number, number]
  readonly asked?: HistoryValue
  readonly queuedAt?: number
  readonly why?: string
  readonly end?: HistoryValue
  /** The operation `release` has another outcome; null: there is none. */
  readonly release?: EventType | null
  readonly released?: HistoryValue
}

/** One who holds `x`. */
export function holds({
  process,
  token,
  at,
  asked = {},
  queuedAt,
  why = 'released',
  end,
  release = 'ok',
  released,
}: HoldOptions) {
  const [from, told, to, gone] = at
  const name = { name: 'x' }
  return [
    line('invoke', process, 'acquire', from, { ...name, ...asked }),
    ...(queuedAt === undefined ? [] : [line('info', process, 'queued', queuedAt, name)]),
    line('ok', process, 'acquire', told, { ...name, token }),
    line('info', process, 'hold-end', to, { ...name, token, why, until: to * MS, ...end }),
    ...(release === null
      ? []
      : [
          line('invoke', process, 'release', to, { ...name, token, ...released }),
          line(release, process, 'release', gone, { ...name, token }),
        ]),
  ]
}

/** Some operation of an operator or a client that only looks. */
export function does(
  process: number,
  f: string,
  from: number,
  to: number,
  value: HistoryValue,
  answer: HistoryValue = {},
) {
  return [line('invoke', process, f, from, value), line('ok', process, f, to, { ...value, ...answer })]
}

export function refused(
  process: number,
  from: number,
  to: number,
  asked: HistoryValue,
  reason: string,
): HistoryEvent[] {
  return [line('invoke', process, 'acquire', from, asked), line('fail', process, 'acquire', to, { ...asked, reason })]
}

export const history = (...parts: readonly (readonly HistoryEvent[])[]): HistoryEvent[] =>
  parts.flat().sort((a, b) => a.time - b.time)

const shared = { amount: 'shared' }
const permits = (count: number, limit = 3): HistoryValue => ({ amount: `${count}/${limit}` })
export const resize = (limit: number, from: number, to: number) => does(9, 'resize', from, to, { name: 'x', limit })
export const force = (token: number, from: number, to: number, now = false) =>
  does(9, 'force', from, to, { name: 'x', token, now })
const once = { once: 'job' }
const run = (process: number, token: number, ms: number) => [
  line('info', process, 'run', ms, { ...once, name: 'x', token }),
]
const done = { ...once, done: true }

export function several(process: number, names: string, tokens: string, at: readonly [number, number]): HistoryEvent[] {
  return [
    line('invoke', process, 'acquire', at[0], { names }),
    line('ok', process, 'acquire', at[1], { names, tokens }),
  ]
}

/** What is wrong, which check sees it, the history, and one that is right and differs from it in nothing else. */
export const wrongClaims: readonly (readonly [
  what: string,
  foundBy: string,
  wrong: HistoryEvent[],
  right: HistoryEvent[],
])[] = [
  [
    'a reader beside a writer',
    'beliefs',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 50, 51] }),
      holds({ process: 2, token: 2, at: [20, 30, 60, 61], asked: shared }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 50, 51], asked: shared }),
      holds({ process: 2, token: 2, at: [20, 30, 60, 61], asked: shared }),
    ),
  ],
  [
    'a writer beside the second of two readers',
    'beliefs',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: shared }),
      holds({ process: 2, token: 2, at: [0, 11, 40, 41], asked: shared }),
      holds({ process: 3, token: 3, at: [45, 50, 60, 61] }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 42, 43], asked: shared }),
      holds({ process: 2, token: 2, at: [0, 11, 40, 41], asked: shared }),
      holds({ process: 3, token: 3, at: [45, 50, 60, 61] }),
    ),
  ],
  [
    'more permits than the limit, though any two of the holders fit',
    'beliefs',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(1) }),
      holds({ process: 2, token: 2, at: [0, 11, 80, 82], asked: permits(1) }),
      holds({ process: 3, token: 3, at: [45, 50, 60, 61], asked: permits(2) }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(1) }),
      holds({ process: 2, token: 2, at: [0, 11, 80, 82], asked: permits(1) }),
      holds({ process: 3, token: 3, at: [45, 50, 60, 61], asked: permits(1) }),
    ),
  ],
  [
    'a permit granted after a shrink that leaves none',
    'beliefs',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(2) }),
      resize(2, 20, 25),
      holds({ process: 2, token: 2, at: [30, 35, 60, 61], asked: permits(1) }),
    ),
    // Granted before: a shrink revokes nothing.
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(2) }),
      resize(2, 20, 25),
      holds({ process: 2, token: 2, at: [15, 35, 60, 61], asked: permits(1) }),
    ),
  ],
  [
    'somebody granted while a forced holder believes',
    'beliefs',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], why: 'lost' }),
      force(1, 20, 25),
      holds({ process: 2, token: 2, at: [30, 35, 60, 61] }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], why: 'lost' }),
      force(1, 20, 25, true),
      holds({ process: 2, token: 2, at: [30, 35, 60, 61] }),
    ),
  ],
  [
    'one whose permits fit who passes another whose permits do not',
    'fifo',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(2) }),
      holds({ process: 2, token: 3, at: [15, 90, 95, 96], asked: permits(2), queuedAt: 16 }),
      holds({ process: 3, token: 2, at: [20, 30, 60, 61], asked: permits(1) }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 80, 81], asked: permits(2) }),
      holds({ process: 2, token: 2, at: [15, 90, 95, 96], asked: permits(2), queuedAt: 16 }),
      holds({ process: 3, token: 3, at: [20, 91, 93, 94], asked: permits(1) }),
    ),
  ],
  [
    'one who passes an earlier request for several names',
    'fifo',
    history(
      [...several(1, 'x y', '5 6', [0, 90]), line('info', 1, 'queued', 5, { name: 'y' })],
      holds({ process: 2, token: 4, at: [20, 30, 60, 61] }),
    ),
    // A name that the other does not ask for.
    history(
      [...several(1, 'z y', '5 6', [0, 90]), line('info', 1, 'queued', 5, { name: 'y' })],
      holds({ process: 2, token: 4, at: [20, 30, 60, 61] }),
    ),
  ],
  ['one of two names', 'all-or-nothing', several(1, 'x y', '5', [0, 9]), several(1, 'x y', '5 6', [0, 9])],
  [
    'tokens in another order than the names',
    'all-or-nothing',
    several(1, 'x y', '6 5', [0, 9]),
    several(1, 'x y', '5 6', [0, 9]),
  ],
  [
    'a part found after a resume',
    'all-or-nothing',
    [...several(1, 'x y', '5 6', [0, 9]), line('info', 1, 'held-in-part', 10, { names: 'x y' })],
    several(1, 'x y', '5 6', [0, 9]),
  ],
  [
    'work that is given to somebody after it was marked',
    'marks',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: once, released: done }),
      run(1, 1, 15),
      holds({ process: 2, token: 2, at: [30, 35, 60, 61], asked: once, released: done }),
      run(2, 2, 50),
    ),
    // The first did not say that it was done.
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: once, released: { ...once, done: false } }),
      run(1, 1, 15),
      holds({ process: 2, token: 2, at: [30, 35, 60, 61], asked: once, released: done }),
      run(2, 2, 50),
    ),
  ],
  [
    'a mark that nobody set',
    'marks',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: once, released: { ...once, done: false } }),
      refused(2, 30, 31, { name: 'x', ...once }, 'done'),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: once, released: done }),
      run(1, 1, 15),
      refused(2, 30, 31, { name: 'x', ...once }, 'done'),
    ),
  ],
  [
    'a mark set under a hold that was lost',
    'marks',
    history(
      holds({
        process: 1,
        token: 1,
        at: [0, 10, 20, 21],
        asked: once,
        released: done,
        release: 'fail',
        why: 'deadline',
      }),
      run(1, 1, 15),
      refused(2, 30, 31, { name: 'x', ...once }, 'done'),
    ),
    // Nobody heard what came of it.
    history(
      holds({
        process: 1,
        token: 1,
        at: [0, 10, 20, 21],
        asked: once,
        released: done,
        release: 'info',
        why: 'deadline',
      }),
      run(1, 1, 15),
      refused(2, 30, 31, { name: 'x', ...once }, 'done'),
    ),
  ],
  [
    'a grant to one who asks under a freeze',
    'freezes',
    history(
      does(9, 'freeze', 0, 5, { prefix: 'x' }),
      holds({ process: 1, token: 1, at: [10, 15, 20, 21] }),
      does(9, 'thaw', 30, 35, { prefix: 'x' }),
    ),
    history(
      does(9, 'freeze', 0, 5, { prefix: 'y' }),
      holds({ process: 1, token: 1, at: [10, 15, 20, 21] }),
      does(9, 'thaw', 30, 35, { prefix: 'y' }),
    ),
  ],
  [
    'a waiter that is granted under a freeze, as its token says',
    'freezes',
    history(
      holds({ process: 1, token: 8, at: [0, 20, 25, 26] }),
      does(9, 'freeze', 1, 5, { prefix: 'x' }),
      holds({ process: 2, token: 7, at: [6, 7, 8, 9] }).map((event) => ({
        ...event,
        value: { ...event.value, name: 'y' },
      })),
      does(9, 'thaw', 30, 35, { prefix: 'x' }),
    ),
    // Granted before the other, and told late.
    history(
      holds({ process: 1, token: 6, at: [0, 20, 25, 26] }),
      does(9, 'freeze', 1, 5, { prefix: 'x' }),
      holds({ process: 2, token: 7, at: [6, 7, 8, 9] }).map((event) => ({
        ...event,
        value: { ...event.value, name: 'y' },
      })),
      does(9, 'thaw', 30, 35, { prefix: 'x' }),
    ),
  ],
  [
    'a refusal for a freeze that is over',
    'freezes',
    history(
      does(9, 'freeze', 0, 5, { prefix: 'x' }),
      does(9, 'thaw', 6, 9, { prefix: 'x' }),
      refused(1, 10, 11, { name: 'x' }, 'frozen'),
    ),
    history(
      does(9, 'freeze', 0, 5, { prefix: 'x' }),
      does(9, 'thaw', 6, 19, { prefix: 'x' }),
      refused(1, 10, 11, { name: 'x' }, 'frozen'),
    ),
  ],
  [
    'a grant before the end of min-hold',
    'times',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: { minHold: 100 } }),
      holds({ process: 2, token: 2, at: [30, 80, 85, 86] }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: { minHold: 100 } }),
      holds({ process: 2, token: 2, at: [30, 95, 96, 97] }),
    ),
  ],
  [
    'a grant before the end of the delay of one that was killed',
    'times',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 0], asked: { delay: 100 }, why: 'killed', release: null }),
      holds({ process: 2, token: 2, at: [30, 80, 85, 86] }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21], asked: { delay: 100 } }),
      holds({ process: 2, token: 2, at: [30, 80, 85, 86] }),
    ),
  ],
  [
    'a ttl that is too short',
    'times',
    holds({ process: 1, token: 1, at: [0, 10, 50, 51], asked: { ttl: 100 }, why: 'lost', end: { reason: 'ttl' } }),
    holds({ process: 1, token: 1, at: [0, 10, 95, 96], asked: { ttl: 100 }, why: 'lost', end: { reason: 'ttl' } }),
  ],
  [
    'a token that is valid after its release',
    'current-tokens',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21] }),
      does(2, 'check', 22, 25, { name: 'x', token: 1 }, { valid: true }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 20, 21] }),
      does(2, 'check', 20.5, 25, { name: 'x', token: 1 }, { valid: true }),
    ),
  ],
  [
    'a token that is stale while it is held',
    'current-tokens',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 50, 51] }),
      does(2, 'check', 22, 25, { name: 'x', token: 1 }, { valid: false }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 50, 51], why: 'lost' }),
      force(1, 20, 21),
      does(2, 'check', 22, 25, { name: 'x', token: 1 }, { valid: false }),
    ),
  ],
  [
    'a holder that is told stale before it is told lost',
    'current-tokens',
    history(
      holds({ process: 1, token: 1, at: [0, 10, 50, 51], why: 'lost', release: null }),
      force(1, 20, 21),
      does(1, 'check', 22, 25, { name: 'x', token: 1, own: true }, { valid: false }),
    ),
    history(
      holds({ process: 1, token: 1, at: [0, 10, 24, 51], why: 'lost', release: null }),
      force(1, 20, 21),
      does(1, 'check', 22, 25, { name: 'x', token: 1, own: true }, { valid: false }),
    ),
  ],
]
