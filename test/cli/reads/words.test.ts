/** What `tnl who`, `why` and `history` print, of what a node tells. */
import { describe, expect, it } from 'vitest'
import { historyText } from '../../../src/cli/reads/history.js'
import { whoText } from '../../../src/cli/reads/who.js'
import { whyText } from '../../../src/cli/reads/why.js'

const hold = {
  token: 1_882_875_951_579_141,
  mode: 'exclusive',
  state: 'held',
  holder: 'deploy-6',
  node: 'n1',
  heldFor: 40,
}
const place = { position: 1, mode: 'exclusive', holder: 'deploy-7', names: 1, waitedFor: 12.3, wait: 47.2 }
const who = { name: 'db/migrate', kind: 'plain', state: 'held', holds: [], holdCount: 0, waiting: [], waiterCount: 0 }

const lines = (text: string): string[] => text.split('\n')

describe('who', () => {
  it('shows holders with what is left, the queue with ages, and the words of both', () => {
    const holds = [{ ...hold, endsBy: 'holder', leaseLeft: 10, meta: 'release 42\nof the shop' }]
    const waiting = [{ ...place, names: 3, meta: 'me too' }]
    expect(lines(whoText({ ...who, holds, holdCount: 1, waiting, waiterCount: 5 }))).toEqual([
      'db/migrate: a lock, held, 5 waiting',
      '  HOLDER    NODE  MODE       TOKEN             HELD  LEFT',
      '  deploy-6  n1    exclusive  1882875951579141  40 s  lease, ≥ 10 s',
      '    “release 42\\nof the shop”',
      '  WAITING  WHO       MODE       ASKED     GIVES UP',
      '  1        deploy-7  exclusive  12 s ago  in 48 s   and 2 other names',
      '    “me too”',
      '  … and 4 more',
    ])
  })

  it.each([
    [{ endsBy: 'holder' }, 'connected'],
    [{ endsBy: 'ttl', endsWithin: 600 }, 'ttl, ≤ 10 min'],
    [{ endsBy: 'ttl', endsWithin: 600, loose: true }, 'loose, ≤ 10 min'],
    [{ endsBy: 'session', endsWithin: 7.05 }, 'gone, ≤ 7.1 s'],
    [{ endsBy: 'lease', endsWithin: 20, state: 'forced' }, 'broken, ≤ 20 s'],
    [{ endsBy: 'lease', endsWithin: 20, state: 'ttl' }, 'timed out, ≤ 20 s'],
    [{ endsBy: 'time', endsWithin: 5, state: 'tail' }, 'tail, ≤ 5 s'],
  ])('%j is %s', (given, words) => {
    const [, , row = ''] = lines(whoText({ ...who, holds: [{ ...hold, ...given }], holdCount: 1 }))
    expect(row.endsWith(`40 s  ${words}`)).toBe(true)
  })

  it.each([
    [{ kind: 'free', state: 'free' }, 'db/migrate: free, nobody waits'],
    [
      { kind: 'semaphore', state: 'held', limit: 5, holds: [{ ...hold, permits: 2, endsBy: 'holder' }] },
      'db/migrate: a semaphore of 5 permits, 2 of them taken, held',
    ],
    [
      { state: 'reserved', waiting: [{ ...place, names: 2 }], waiterCount: 1 },
      'db/migrate: a lock, held by nobody, reserved for deploy-7, who waits for another\n  name too',
    ],
    [
      { state: 'reserved', waiting: [place], waiterCount: 1 },
      'db/migrate: a lock, held by nobody, though somebody waits',
    ],
    [
      { frozen: [{ prefix: 'db/', reason: 'upkeep\u001b[2J', by: 'ops' }] },
      'db/migrate: a lock, held\n  frozen, as all that begins with db/, until an operator thaws them, by ops:\n    upkeep\\u{1b}[2J',
    ],
  ])('%j', (given, words) => {
    expect(whoText({ ...who, ...given }).startsWith(words), whoText({ ...who, ...given })).toBe(true)
  })
})

describe('why', () => {
  const request = {
    ...place,
    session: 17,
    names: ['db/migrate', 'web'],
    blockers: [{ text: 'x is held by a' }],
    blockerCount: 1,
  }
  const chain = [{ text: 'b waits: x is held by a' }, { text: 'a waits: y is held by c' }]
  const why = { name: 'db/migrate', requests: [{ ...request, chain }], requestCount: 1 }

  it('says who waits, what is in the way, whom that waits for, and when it is over', () => {
    const text = whyText({
      ...why,
      requests: [{ ...request, chain, blockerCount: 3, freeWithin: 25.01 }],
      requestCount: 3,
    })
    expect(lines(text)).toEqual([
      'deploy-7 (session 17) has waited 12 s for db/migrate and web, at position 1, and',
      '    waits for 48 s more at most:',
      '  - x is held by a',
      '  … and 2 more in the way',
      '  and a waits: y is held by c',
      '  At the latest in 26 s all of this is over, though nobody does anything.',
      '… and 2 more requests for db/migrate',
    ])
  })

  it.each([
    ['circle', 'and so round to one of them'],
    ['cut', 'and so on'],
    ['frozen', 'waits for a thaw'],
  ])('says where a chain leads: %s', (chainEnd, words) => {
    expect(whyText({ ...why, requests: [{ ...request, chain, chainEnd }] })).toContain(words)
  })

  it('says that nobody waits, or not that session, or that nothing is in the way', () => {
    const nobody = { name: 'x', requests: [], requestCount: 0, now: [], nowCount: 0 }
    expect(whyText(nobody)).toBe('x: nobody waits, and nothing is in the way')
    expect(whyText(nobody, '5')).toBe('session 5 does not wait for x')
    expect(whyText({ ...nobody, now: [{ text: 'x is frozen\u202e' }], nowCount: 1 })).toBe(
      'x: nobody waits. In the way of whoever asked now:\n  - x is frozen\\u{202e}',
    )
    const free = { ...request, blockers: [], blockerCount: 0, chain: [] }
    expect(whyText({ ...why, requests: [free] })).toContain('nothing is in the way any more')
    expect(whyText({ ...why, unexamined: true })).toContain('not all of it was looked at')
  })
})

it('history: when, how long, who, how it ended, and the words of whoever ended it', () => {
  const end = {
    ...hold,
    session: 1,
    from: 1_795_650_447.163,
    to: 1_795_650_455.5,
    how: 'forced',
    by: 'ops',
    reason: 'host\nis gone',
  }
  expect(lines(historyText([end, { ...end, by: '', reason: '' }]))).toEqual([
    'ENDED                 HELD   HOLDER    MODE       TOKEN             HOW',
    '2026-11-25 23:47:35Z  8.3 s  deploy-6  exclusive  1882875951579141  forced',
    '  by ops: host\\nis gone',
    '2026-11-25 23:47:35Z  8.3 s  deploy-6  exclusive  1882875951579141  forced',
  ])
})
