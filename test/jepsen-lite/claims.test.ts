/** The checks of locks of all kinds: each is shown a history that is right, and the same with one thing wrong, which it must see. */
import { describe, expect, it } from 'vitest'
import { exclude, formatAsks, parseAsks } from './checker/amounts.js'
import { checkAll, checkClaims } from './checker/index.js'
import { readHistory } from './checker/operations.js'
import { SemaphoreLimits } from './checker/semaphore-limits.js'
import { force, history, holds, line, MS, resize, several, wrongClaims } from './checker/wrong-claims.js'
import { type HistoryEvent, NEMESIS } from './types.js'
import { judgeClaims } from './workloads/judgement.js'

describe('the checks of locks of all kinds', () => {
  it.each(wrongClaims)('see %s', (_, foundBy, wrong, right) => {
    const found = checkClaims(wrong).filter(({ check }) => check === foundBy)
    expect(found).not.toEqual([])
    expect(found[0]?.events.length).toBeGreaterThan(0)
    expect(checkClaims(right)).toEqual([])
  })

  it('let a hold be lost early that was forced, or had a ttl, and no other', () => {
    const lost = { why: 'lost', end: { left: 500 }, release: null }
    const judge = (...parts: HistoryEvent[][]): string[] =>
      judgeClaims('test', history(...parts)).map(({ check }) => check)
    const hold = holds({ process: 1, token: 1, at: [0, 10, 50, 51], ...lost })
    expect(judge(hold)).toEqual(['kept'])
    expect(judge(hold, force(1, 20, 21))).toEqual([])
    expect(judge(hold, force(2, 20, 21))).toEqual(['kept'])
    expect(judge(holds({ process: 1, token: 1, at: [0, 10, 50, 51], asked: { ttl: 40 }, ...lost }))).toEqual([])
  })
})

describe('a run in which programs were swapped, and nothing else was done', () => {
  const fault = (f: string): HistoryEvent[] => [
    line('info', NEMESIS, f, 5, { phase: 'start', target: 'n1' }),
    line('info', NEMESIS, f, 60, { phase: 'end', target: 'n1' }),
  ]
  const swap = fault('swap-program')
  const asked = (client: string, reason: string): HistoryEvent[] => [
    line('invoke', 1, 'acquire', 1, { name: 'x', client }),
    line('info', 1, 'acquire', 9, { name: 'x', reason }),
  ]
  const hold = (at: { why?: string; release?: 'info' | null }, client = 'session') =>
    holds({ process: 1, token: 1, at: [0, 10, 50, 51], asked: { client }, ...at })
  const judge = (...parts: HistoryEvent[][]): string[] => checkAll(history(...parts), []).map(({ what }) => what)

  it('lets no session client see an error', () => {
    expect(judge(swap, hold({}))).toEqual([])
    expect(judge(swap, hold({ why: 'lost', release: null }))).toEqual(['x: was lost (lost)'])
    expect(judge(swap, hold({ why: 'deadline', release: 'info' }))).toEqual(['x: was lost (deadline)'])
    expect(judge(swap, hold({ release: 'info' }))).toEqual(['x: token 1 was not given back: "null"'])
    expect(judge(swap, asked('plain', 'the session is over'))).toEqual([
      'x: whoever asked for it was told "the session is over"',
    ])
    expect(judge(swap, asked('session', 'NotGrantedError: x: timeout'))).toEqual([])
  })

  it('promises that to no other client, and nobody where something else was done as well', () => {
    expect(judge(swap, hold({ why: 'lost', release: null }, 'classic'))).toEqual([])
    expect(judge(swap, fault('kill'), hold({ why: 'lost', release: null }))).toEqual([])
    expect(judge(hold({ why: 'lost', release: null }))).toEqual([])
  })
})

describe('what is asked', () => {
  it('is written and read alike', () => {
    const asks = [
      { name: 'a', amount: 'exclusive' as const },
      { name: 'b', amount: 'shared' as const },
      { name: 'c', amount: { permits: 2, limit: 5 } },
    ]
    expect(formatAsks(asks)).toBe('a b@shared c@2/5')
    expect(parseAsks('a b@shared c@2/5')).toEqual(asks)
  })

  it('excludes what cannot be beside it', () => {
    const some = (count: number) => ({ permits: count, limit: 3 })
    expect(exclude('exclusive', 'shared', 0)).toBe(true)
    expect(exclude('shared', 'shared', 0)).toBe(false)
    expect(exclude('shared', some(1), 3)).toBe(true)
    expect(exclude(some(1), some(2), 3)).toBe(false)
    expect(exclude(some(2), some(2), 3)).toBe(true)
  })
})

describe('a request for several names', () => {
  it('is one hold for each, which end one by one, also when their client goes by another number since', () => {
    const { holds: found } = readHistory([
      ...several(1, 'x@shared y', '5 6', [0, 9]),
      line('info', 1, 'hold-end', 20, { name: 'y', token: 6, why: 'released' }),
      line('invoke', 2, 'release', 20, { name: 'y', token: 6 }),
      line('ok', 2, 'release', 22, { name: 'y', token: 6 }),
      line('info', 1, 'hold-end', 30, { name: 'x', token: 5, why: 'lost' }),
    ])
    expect(found.map(({ name, amount, token, believedUntil }) => [name, amount, token, believedUntil / MS])).toEqual([
      ['x', 'shared', 5, 30],
      ['y', 'exclusive', 6, 20],
    ])
  })
})

describe('the limit of a semaphore', () => {
  const largest = (events: readonly HistoryEvent[], from: number, to: number): number =>
    new SemaphoreLimits(readHistory(events).operations).largest('test', 'x', 3, from * MS, to * MS)

  it('is what may have been in force at some moment', () => {
    const events = history(resize(5, 10, 20), resize(2, 30, 40))
    expect(largest(events, 0, 5)).toBe(3)
    expect(largest(events, 12, 15)).toBe(5)
    expect(largest(events, 22, 25)).toBe(5)
    expect(largest(events, 22, 35)).toBe(5)
    expect(largest(events, 35, 45)).toBe(5)
    expect(largest(events, 41, 45)).toBe(2)
  })

  it('may be any that nobody heard of again', () => {
    const unknown = resize(9, 10, 20).map((event) =>
      event.type === 'ok' ? { ...event, type: 'info' as const } : event,
    )
    expect(largest(history(unknown, resize(2, 30, 40)), 41, 45)).toBe(9)
  })
})
