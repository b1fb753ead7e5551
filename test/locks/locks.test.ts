import { describe, expect, test } from 'vitest'
import { type Command, CommandType } from '../../src/locks/commands/commands.js'
import { LOCKS_PER_SESSION_MAX, PLACES_PER_LOCK_MAX, UNACKNOWLEDGED_PER_SESSION_MAX } from '../../src/locks/limits.js'
import { answers, attachment, Bench, kinds, numbered, type Party } from './harness.js'

function oneNode(): Bench {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  return bench
}

/** The code of the only answer, if it is an error; otherwise its kind. */
function outcome(effects: ReturnType<Bench['apply']>): unknown {
  const [first] = answers(effects) as [number, number, { kind: string; code?: string }][]
  return first?.[2].code ?? first?.[2].kind
}

describe('locks', () => {
  test('are granted first come, first served, with growing tokens', () => {
    const bench = oneNode()
    const parties = [1, 2, 3, 4].map(() => bench.open('n1', 100))
    const tokens: number[] = []
    parties.forEach((party, i) => {
      const effects = bench.lock(party, 1, 'a', { waitMs: -1, wallMs: i })
      if (i > 0)
        expect(effects.at(-1)).toMatchObject(['queued', {}, party.session, 1, 'a', i, String(parties[0]?.session)])
    })
    for (const party of parties) {
      expect(bench.machine.holder('a')?.session).toBe(party.session)
      tokens.push(bench.token('a'))
      bench.release(party, 2, 'a')
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
    expect(bench.machine.lockCount).toBe(0)
    expect(bench.machine.waiterCount).toBe(0)
  })

  test.each([
    { what: 'any token', token: (t: number) => t * 0, result: 'released' },
    { what: 'the token', token: (t: number) => t, result: 'released' },
    { what: 'an older token', token: (t: number) => t - 1, result: 'not-holder' },
    { what: 'a later token', token: (t: number) => t + 1, result: 'not-holder' },
  ])('are released with $what: $result', ({ token, result }) => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a')
    expect(outcome(bench.release(party, 2, 'a', token(bench.token('a'))))).toBe(result)
    expect(bench.machine.holder('a') === null).toBe(result === 'released')
  })

  test('are released by their holder only', () => {
    const bench = oneNode()
    const [holder, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(holder, 1, 'a')
    bench.lock(waiter, 1, 'a', { waitMs: -1 })
    bench.lock(waiter, 2, 'b')
    expect(outcome(bench.release(waiter, 3, 'a', bench.token('a')))).toBe('not-holder')
    expect(outcome(bench.release(waiter, 4, 'none'))).toBe('not-holder')
    expect(bench.machine.holder('a')).toMatchObject({ session: holder.session, waiters: 1 })
  })

  test('a release frees the next one before others are told anything', () => {
    const bench = oneNode()
    const [first, second] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(first, 1, 'a', { meta: 'one' })
    bench.lock(second, 1, 'a', { waitMs: 1_000, meta: 'two', wallMs: 9 })
    const effects = bench.release(first, 2, 'a')
    expect(answers(effects)).toEqual([
      [first.session, 2, { kind: 'released', name: 'a' }],
      [second.session, 1, { kind: 'granted', name: 'a', token: bench.token('a') }],
    ])
    expect([...bench.machine.locks()]).toMatchObject([{ name: 'a', meta: 'two', sinceWallMs: 9 }])
  })

  test('cancel and timeout end a wait once; the queue closes up', () => {
    const bench = oneNode()
    const [holder, second, third, fourth] = [1, 2, 3, 4].map(() => bench.open('n1', 100)) as [
      Party,
      Party,
      Party,
      Party,
    ]
    bench.lock(holder, 1, 'a')
    for (const party of [second, third, fourth]) bench.lock(party, 1, 'a', { waitMs: 500 })
    expect(answers(bench.cancel(second, 2, 1))).toMatchObject([
      [second.session, 1, { kind: 'not-granted', reason: 'cancelled', holder: String(holder.session) }],
      [second.session, 2, { kind: 'cancelled' }],
    ])
    expect(answers(bench.cancel(second, 3, 1))).toEqual([[second.session, 3, { kind: 'cancelled' }]])
    const timeout = (): Command => ({ type: CommandType.waitTimeout, ...numbered(third), target: 1 })
    expect(answers(bench.apply(timeout()))).toMatchObject([[third.session, 1, { reason: 'timeout' }]])
    expect(kinds(bench.apply(timeout()))).toEqual(['applied'])
    expect(bench.machine.session(fourth.session)?.queued).toMatchObject([
      { request: 1, name: 'a', position: 1, waitMs: 500 },
    ])
  })

  test('a timeout that comes after the grant changes nothing', () => {
    const bench = oneNode()
    const [holder, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(holder, 1, 'a')
    bench.lock(waiter, 1, 'a', { waitMs: 500 })
    bench.apply({ type: CommandType.end, ...attachment(holder), bye: true, wallMs: 0 })
    expect(kinds(bench.apply({ type: CommandType.waitTimeout, ...numbered(waiter), target: 1 }))).toEqual(['applied'])
    expect(bench.machine.holder('a')?.session).toBe(waiter.session)
  })

  test('a cancel that comes after the grant changes nothing', () => {
    const bench = oneNode()
    const [party, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(party, 1, 'a')
    bench.lock(waiter, 1, 'a', { waitMs: -1 })
    expect(answers(bench.cancel(party, 2, 1))).toEqual([[party.session, 2, { kind: 'cancelled' }]])
    expect(bench.machine.holder('a')?.session).toBe(party.session)
  })
})

describe('exactly once', () => {
  test('a repeated request gets its stored answer, also after a resume and after the lock has moved on', () => {
    const bench = oneNode()
    const [party, other] = [bench.open('n1', 100), bench.open('n1', 100)]
    const [granted] = answers(bench.lock(party, 1, 'a'))
    const [released] = answers(bench.release(party, 2, 'a'))
    bench.lock(other, 1, 'a')
    const { party: again } = bench.resume(party, 'n1', 100)
    expect(answers(bench.lock(again, 1, 'a'))).toEqual([granted])
    expect(answers(bench.release(again, 2, 'a'))).toEqual([released])
    expect(answers(bench.cancel(again, 2, 1))).toEqual([released])
    expect(bench.machine.holder('a')?.session).toBe(other.session)
  })

  test('one that waits is told its place again and waits once', () => {
    const bench = oneNode()
    const [holder, party] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(holder, 1, 'a')
    bench.lock(party, 1, 'a', { waitMs: -1 })
    const { party: again } = bench.resume(party, 'n1', 100)
    expect(bench.lock(again, 1, 'a', { waitMs: -1 }).at(-1)).toMatchObject([
      'queued',
      {},
      party.session,
      1,
      'a',
      1,
      String(holder.session),
    ])
    expect(bench.machine.waiterCount).toBe(1)
  })

  test('acknowledged answers are forgotten and their requests dropped', () => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    for (const request of [1, 2, 3]) bench.lock(party, request, `lock-${request}`)
    party.ack = 2
    bench.apply({ type: CommandType.ack, ...numbered(party) })
    const view = bench.machine.session(party.session)
    expect(view).toMatchObject({ lowestUnacknowledged: 3, lastN: 4 })
    expect(view?.answers.map(([request]) => request)).toEqual([3])
    expect(kinds(bench.lock(party, 2, 'other'))).toEqual(['applied'])
    expect(bench.machine.holder('other')).toBeNull()
    party.ack = 1
    bench.apply({ type: CommandType.ack, ...numbered(party) })
    expect(bench.machine.session(party.session)?.lowestUnacknowledged).toBe(3)
  })

  test('requests without an id are not stored', () => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    expect(outcome(bench.lock(party, -2, 'a'))).toBe('granted')
    expect(outcome(bench.release(party, -3, 'a'))).toBe('released')
    expect(bench.machine.session(party.session)?.answers).toEqual([])
  })

  test('there is a bound on what is unacknowledged; an acknowledgement makes room', () => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    const requests = Array.from({ length: UNACKNOWLEDGED_PER_SESSION_MAX }, (_, i) => i + 1)
    for (const request of requests) bench.release(party, request, 'none')
    const beyond = requests.length + 1
    for (const ask of [
      () => bench.lock(party, beyond, 'a'),
      () => bench.release(party, beyond, 'a'),
      () => bench.cancel(party, beyond, 1),
    ]) {
      expect(outcome(ask())).toBe('limit')
    }
    expect(bench.machine.holder('a')).toBeNull()
    party.ack = 1
    expect(outcome(bench.lock(party, beyond, 'a'))).toBe('granted')
  })
})

describe('deadlock', () => {
  test('a second request of the same session for the same lock is refused', () => {
    const bench = oneNode()
    const [holder, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(holder, 1, 'a')
    bench.lock(waiter, 1, 'a', { waitMs: -1 })
    for (const party of [holder, waiter]) {
      const [[, , answer] = []] = answers(bench.lock(party, 2, 'a', { waitMs: -1 })) as unknown[][]
      expect(answer).toMatchObject({ kind: 'error', code: 'deadlock', message: expect.stringContaining('a already') })
    }
  })

  /** Steps like `A holds x`, `B waits y`; returns what the last one came to. */
  function play(steps: readonly string[]): { result: unknown; message: string } {
    const bench = oneNode()
    const parties = new Map<string, Party>()
    let last: unknown[] = []
    let request = 0
    for (const step of steps) {
      const [who = '', verb = '', name = ''] = step.split(' ')
      const party = parties.get(who) ?? bench.open('n1', 100)
      parties.set(who, party)
      request += 1
      const effects = bench.lock(party, request, name, { waitMs: verb === 'waits' ? -1 : 0 })
      last = [...(effects.filter(([kind]) => kind === 'queued' || kind === 'answered').at(-1) ?? [])]
    }
    const answer = last[4] as { code?: string; kind?: string; message?: string }
    return { result: last[0] === 'queued' ? 'queued' : (answer.code ?? answer.kind), message: answer.message ?? '' }
  }

  test.each([
    { steps: ['A holds x', 'B holds y', 'A waits y', 'B waits x'], cycle: 'x -> y -> x' },
    {
      steps: ['A holds x', 'B holds y', 'C holds z', 'A waits y', 'B waits z', 'C waits x'],
      cycle: 'x -> y -> z -> x',
    },
    // B stands before A in the queue of y, so A waits for B as well as for the holder C.
    { steps: ['A holds x', 'C holds y', 'B waits y', 'A waits y', 'B waits x'], cycle: 'x -> y -> x' },
    // S holds nothing, but T waits behind it.
    { steps: ['H holds q', 'T holds x', 'S waits q', 'T waits q', 'S waits x'], cycle: 'x -> q -> x' },
    // B, who waits for A, will be next at w: A would wait for B as well as for the holder H.
    { steps: ['A holds x', 'H holds w', 'B waits x', 'B waits w', 'A waits w'], cycle: 'w -> x -> w' },
  ])('$steps closes a cycle', ({ steps, cycle }) => {
    const { result, message } = play(steps)
    expect(result).toBe('deadlock')
    expect(message).toContain(cycle)
  })

  test.each([
    { steps: ['A holds x', 'B holds y', 'A waits y', 'C waits x'] },
    { steps: ['A holds x', 'B holds y', 'B waits x'] },
    { steps: ['A holds x', 'B waits x', 'C waits x', 'A holds y', 'C waits y'] },
    { steps: ['C holds y', 'A holds x', 'A waits y', 'B waits y', 'B waits x'] },
  ])('$steps waits', ({ steps }) => {
    expect(play(steps).result).toBe('queued')
  })

  test('without waiting there is no deadlock, only a refusal', () => {
    expect(play(['A holds x', 'B holds y', 'A waits y', 'B holds x']).result).toBe('not-granted')
  })
})

describe('bounds', () => {
  test.each([
    { what: 'name', options: { name: 'x'.repeat(256) } },
    { what: 'name in UTF-8', options: { name: 'ä'.repeat(128) } },
    { what: 'meta', options: { meta: 'x'.repeat(4_097) } },
    { what: 'delay', options: { delayMs: 86_400_001 } },
  ])('$what', ({ options }) => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    expect(outcome(bench.lock(party, 1, 'a', options))).toBe('limit')
    expect(bench.machine.lockCount).toBe(0)
    const classic = bench.classic('n1', 100, 'a', options)
    expect(kinds(classic.effects)).toEqual(['opened', 'answered', 'ended'])
  })

  test('locks of a session and waiters of a lock', { timeout: 60_000 }, () => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    const asked = { waitMs: 0, meta: '', delayMs: 0, wallMs: 1 }
    const lock = (request: number): Command => {
      party.ack = request - 1
      return { type: CommandType.lock, ...numbered(party), ...asked, request, name: `lock-${request}` }
    }
    bench.apply(...Array.from({ length: LOCKS_PER_SESSION_MAX }, (_, i) => lock(i + 1)))
    expect(bench.machine.lockCount).toBe(LOCKS_PER_SESSION_MAX)
    expect(outcome(bench.apply(lock(LOCKS_PER_SESSION_MAX + 1)))).toBe('limit')

    const classic = (conn: number): Command => {
      const opening = { node: 'n1', epoch: 100, conn, floor: 1, clientId: '' }
      return { type: CommandType.openClassic, ...opening, ...asked, name: 'lock-1', waitMs: -1, amount: -1, limit: 0 }
    }
    bench.apply(...Array.from({ length: PLACES_PER_LOCK_MAX }, (_, i) => classic(1_000 + i)))
    expect(bench.machine.waiterCount).toBe(PLACES_PER_LOCK_MAX)
    expect(outcome(bench.apply(classic(1_000_000)))).toBe('limit')
  })
})

describe('lock-delay', () => {
  /** A holder of `a` with a delay, expired; somebody waits. */
  function expired(): { bench: Bench; token: number; waiter: Party; effects: ReturnType<Bench['apply']> } {
    const bench = oneNode()
    const [holder, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
    bench.lock(holder, 1, 'a', { delayMs: 8_000 })
    bench.lock(waiter, 1, 'a', { waitMs: -1 })
    const token = bench.token('a')
    bench.apply({ type: CommandType.detach, ...attachment(holder), fin: false, wallMs: 0, leaseOnly: false })
    const effects = bench.apply({ type: CommandType.expireSession, session: holder.session, attach: 1, wallMs: 0 })
    return { bench, token, waiter, effects }
  }

  test('an unclean loss blocks the lock until its delay is over', () => {
    const { bench, token, waiter, effects } = expired()
    expect(effects[0]).toEqual(['delayed', 'a', token, 8_000])
    expect(bench.machine.holder('a')).toBeNull()
    expect(bench.machine.lockCount).toBe(0)
    expect([...bench.machine.timedHolds()]).toEqual([{ name: 'a', token, clock: 'delay', forMs: 8_000 }])
    const refused = bench.classic('n1', 100, 'a')
    expect(answers(refused.effects)).toMatchObject([
      [refused.session, -1, { kind: 'not-granted', reason: 'held', holder: '' }],
    ])
    const left = (of: number, leftMs: number) => {
      bench.apply({ type: CommandType.delayLeft, name: 'a', token: of, leftMs })
      return [...bench.machine.timedHolds()].map(({ forMs }) => forMs)
    }
    expect([left(token - 1, 1), left(token, 9_000)]).toEqual([[8_000], [8_000]])
    expect([left(token, 3_000), left(token, 5_000)]).toEqual([[3_000], [3_000]])
    expect(bench.apply({ type: CommandType.delayOver, name: 'a', token: token - 1 })).toEqual([])
    const over: Command = { type: CommandType.delayOver, name: 'a', token }
    expect(outcome(bench.apply(over))).toBe('granted')
    expect(bench.machine.holder('a')?.session).toBe(waiter.session)
    expect(bench.apply(over)).toEqual([])
    expect([...bench.machine.timedHolds()]).toEqual([])
  })

  test('nobody waits any more: the lock is free when the delay is over', () => {
    const { bench, token, waiter } = expired()
    bench.apply({ type: CommandType.end, ...attachment(waiter), bye: true, wallMs: 0 })
    bench.apply({ type: CommandType.delayOver, name: 'a', token })
    expect(bench.classic('n1', 100, 'a').effects).toHaveLength(2)
  })

  test.each([
    { what: 'release', leave: (bench: Bench, party: Party) => bench.release(party, 2, 'a') },
    {
      what: 'end',
      leave: (bench: Bench, party: Party) =>
        bench.apply({ type: CommandType.end, ...attachment(party), bye: true, wallMs: 0 }),
    },
  ])('a clean $what leaves no delay', ({ leave }) => {
    const bench = oneNode()
    const party = bench.open('n1', 100)
    bench.lock(party, 1, 'a', { delayMs: 8_000 })
    leave(bench, party)
    expect(bench.machine.firstHeld(bench.classic('n1', 100, 'a').session)).toMatchObject({ name: 'a' })
  })
})
