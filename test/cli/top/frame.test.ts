/** What `tnl top` shows: whatever the size, whatever the names. */
import { describe, expect, it } from 'vitest'
import { frame, plainFrame, shortAge } from '../../../src/cli/top/frame.js'
import type { Queue } from '../../../src/cli/top/queue-reader.js'
import { type Key, press, type Settings } from '../../../src/cli/top/settings.js'
import { type View, Viewer } from '../../../src/cli/top/view.js'
import type { StatusReport } from '../../../src/service/status.js'

const SETTINGS: Settings = {
  order: 'both',
  filter: '',
  typing: null,
  paused: false,
  help: false,
  intervalMs: 2_000,
  scrolled: 0,
}

const queue = (name: string, waiters: number, waitedFor: number, rest: Partial<Queue> = {}): Queue => ({
  name,
  waiters,
  waiter: `waiter@of-${name}`,
  waitedFor,
  holder: 'holder@host.17',
  heldFor: waitedFor + 5,
  holds: 1,
  ...rest,
})

const LONG = 'n'.repeat(255)
const QUEUES = [
  queue('a', 9, 10),
  queue('b', 5, 90_000, { holds: 3 }),
  queue(LONG, 2, 3_700, { waiter: 'w'.repeat(255), holder: 'h'.repeat(255) }),
  queue('c', 1, 0),
]

function view(rest: Partial<View> = {}): View {
  const node = { endpoint: 'n1:7654', error: null, applied: 7, lag: 0, lease: 8.5, connections: 3, version: '1.0' }
  return {
    at: new Date('2030-01-31T08:00:00Z'),
    cluster: 'f00dcafe0123456789abcdef01234567',
    leader: 'n1',
    term: 3,
    level: 2,
    locks: 12,
    sessions: 4,
    waiters: 17,
    requestsPerSecond: 1_234.5,
    grantsPerSecond: 3.25,
    refusalsPerSecond: null,
    nodes: [
      { ...node, node: 'n1', role: 'leader', requestsPerSecond: 20 },
      { ...node, node: 'n2', role: 'unreachable', requestsPerSecond: null, error: 'connect\x1b[2J ü' },
    ],
    queues: {
      count: 4,
      waiters: 17,
      contended: QUEUES,
      oldest: [...QUEUES].sort((a, b) => b.waitedFor - a.waitedFor),
    },
    problem: null,
    ...rest,
  }
}

const texts = (...args: Parameters<typeof frame>): string[] => frame(...args).map(({ text }) => text)
/** The first column below a title. */
function namesBelow(lines: readonly string[], title: string): string[] {
  const from = lines.findIndex((line) => line.startsWith(title)) + 1
  const to = lines.findIndex((line, at) => at >= from && line.trim() === '')
  return lines.slice(from, to < 0 ? lines.length - 1 : to).map((line) => line.split(' ', 1)[0] ?? '')
}

describe('a frame', () => {
  it('fits every size, and has its foot at the foot', () => {
    const views = [view(), view({ queues: null, problem: 'no node answers; trying on', leader: null })]
    for (const shown of views) {
      for (const settings of [SETTINGS, { ...SETTINGS, help: true }, { ...SETTINGS, typing: LONG, scrolled: 99 }]) {
        for (const columns of [1, 2, 17, 40, 79, 80, 81, 200]) {
          for (let rows = 1; rows <= 40; rows += 1) {
            const lines = texts(shown, settings, { columns, rows })
            expect(lines.length).toBe(rows)
            expect(lines.every((text) => text.length <= columns && /^[\x20-\x7e…]*$/.test(text))).toBe(true)
          }
        }
      }
    }
  })

  it('has all that counts at 80 by 24', () => {
    const lines = texts(view(), SETTINGS, { columns: 80, rows: 24 })
    expect(lines[0]).toBe('leader n1, term 3  1 of 2 nodes  sessions 4  level 2  cluster f00dcafe')
    expect(lines[1]).toBe('locks 12  waiting 17 on 4 names  req/s 1235  granted/s 3.3  refused/s -')
    expect(lines.some((line) => /^n2 +unreachable .*connect\?\[2J \?$/.test(line.trimEnd()))).toBe(true)
    expect(namesBelow(lines, 'MOST CONTENDED')).toEqual(['a', 'b', expect.stringMatching(/^n{10,}…$/), 'c'])
    expect(namesBelow(lines, 'OLDEST WAITERS').slice(0, 2)).toEqual(['b', expect.stringMatching(/^n{10,}…$/)])
    expect(lines.find((line) => line.startsWith('b '))).toMatch(/ 5 +1d01h +waiter@of-b +\(3\) holder@ho… +1d01h/)
    expect(lines.at(-1)).toMatch(/^08:00:00 every 2 s {2}sorted: both .*q quit/)
  })

  it.each([
    ['waiters', 'MOST CONTENDED', 'a'],
    ['oldest', 'OLDEST WAITERS', 'b'],
    ['held', 'LONGEST HELD', 'b'],
    ['name', 'NAME', 'a'],
  ] as const)('in the order %s is one table', (order, title, first) => {
    const lines = texts(view(), { ...SETTINGS, order }, { columns: 80, rows: 24 })
    const names = namesBelow(lines, title)
    expect(names).toHaveLength(4)
    expect(names[0]).toBe(first)
    const scrolled = texts(view(), { ...SETTINGS, order, scrolled: 2 }, { columns: 80, rows: 7 })
    expect(namesBelow(scrolled, title)[0]).not.toBe(first)
  })

  it('on a small screen has the most contended alone', () => {
    const lines = texts(view(), SETTINGS, { columns: 60, rows: 10 })
    expect(namesBelow(lines, 'MOST CONTENDED')).toHaveLength(4)
    expect(lines.join('\n')).not.toContain('OLDEST')
  })

  it('says that nobody waits, and that something is not known', () => {
    const quiet = { count: 0, waiters: 0, contended: [], oldest: [] }
    expect(plainFrame(view({ queues: quiet }), { ...SETTINGS, filter: 'x' }, 80)).toContain(
      'nobody waits for names that begin with x\n',
    )
    expect(plainFrame(view({ queues: null, problem: 'lost' }), SETTINGS, 80)).toMatch(/\nlost\n/)
  })

  it.each([
    [0, '0s'],
    [59.9, '59s'],
    [61, '1m01s'],
    [7_500, '2h05m'],
    [100_000, '1d03h'],
  ])('%d s are %s', (seconds, text) => {
    expect(shortAge(seconds)).toBe(text)
  })
})

describe('keys', () => {
  const keys = (...pressed: (string | Key)[]): unknown =>
    pressed.reduce<unknown>((settings, key) => {
      if (typeof settings === 'string') return settings
      return press(settings as Settings, typeof key === 'string' ? { sequence: key, name: key } : key)
    }, SETTINGS)
  const enter = { name: 'return', sequence: '\r' }
  const escapeKey = { name: 'escape', sequence: '\x1b' }

  it.each<[string, unknown, unknown]>([
    ['q', keys('q'), 'quit'],
    ['Ctrl-C', keys({ name: 'c', sequence: '\x03', ctrl: true }), 'interrupt'],
    ['Ctrl-C while typing', keys('/', { name: 'c', sequence: '\x03', ctrl: true }), 'interrupt'],
    ['Ctrl-Z', keys({ name: 'z', sequence: '\x1a', ctrl: true }), 'stop'],
    ['Space', keys(' '), 'refresh'],
  ])('%s', (_, effect, expected) => {
    expect(effect).toBe(expected)
  })

  it('sort, pause, and change the interval within its bounds', () => {
    expect(keys('s')).toMatchObject({ order: 'waiters' })
    expect(keys('s', 's', 's', 's', 's')).toMatchObject({ order: 'both' })
    expect(keys('o', 'p')).toMatchObject({ order: 'oldest', paused: true })
    expect(keys(...'+++++')).toMatchObject({ intervalMs: 500 })
    expect(keys(...'--------')).toMatchObject({ intervalMs: 60_000 })
    expect(keys({ name: 'down' }, { name: 'pagedown' }, { name: 'up' })).toMatchObject({ scrolled: 10 })
  })

  it('type a filter that a name can begin with, and nothing else', () => {
    expect(keys('/', ...'q/p', enter)).toMatchObject({ filter: 'q/p', typing: null })
    expect(keys('/', ...'ab', { name: 'backspace', sequence: '\x7f' }, enter)).toMatchObject({ filter: 'a' })
    expect(keys('/', 'a', ' ', ',', 'ü', { name: 'f1', sequence: '\x1bOP' }, enter)).toMatchObject({ filter: 'a' })
    expect(keys('/', 'x'.repeat(300), enter)).toMatchObject({ filter: '' })
    expect(keys('/', 'a', enter, '/', 'b', escapeKey)).toMatchObject({ filter: 'a', typing: null })
    expect(keys('/', 'a', enter, escapeKey)).toMatchObject({ filter: '' })
  })
})

describe('rates', () => {
  const report = (counts: Partial<StatusReport>): StatusReport =>
    ({ node: 'n1', role: 'leader', term: 1, leader: 'n1', commit: 5, applied: 3, ...counts }) as StatusReport
  const counted = (uptime: number, requests: number): StatusReport =>
    report({ uptime, requests_count: requests, lock_acquired_count: requests / 2, lock_not_acquired_count: 0 })

  it('are those since the look before, and unknown after a restart', () => {
    const viewer = new Viewer()
    const look = (uptime: number, requests: number, atMs: number): View =>
      viewer.view([{ endpoint: 'n1:1', report: counted(uptime, requests) }], null, null, atMs)
    expect(look(10, 100, 0).requestsPerSecond).toBeNull()
    expect(look(12, 300, 2_000)).toMatchObject({ requestsPerSecond: 100, grantsPerSecond: 50, refusalsPerSecond: 0 })
    expect(look(1, 400, 4_000).requestsPerSecond).toBeNull()
    expect(look(3, 420, 6_000).nodes[0]).toMatchObject({ requestsPerSecond: 10, lag: 2 })
  })

  it('the leader is who leads in the highest term', () => {
    const states = [
      { endpoint: 'a:1', report: report({ node: 'a', leader: 'a', term: 3 }) },
      { endpoint: 'b:1', report: report({ node: 'b', leader: 'b', term: 4 }) },
      { endpoint: 'c:1', error: 'gone' },
    ]
    expect(new Viewer().view(states, null, null, 0)).toMatchObject({ leader: 'b', term: 4, nodes: { length: 3 } })
  })
})
