/** What is refused when it is asked for, because there is enough of it; never at its turn (docs/protocol.md, Bounds). */
import { describe, expect, test, vi } from 'vitest'
import { type Command, CommandType, EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import { Crowd } from './crowd.js'
import { wordsOf } from './stage.js'

/** The real bounds take long to reach. */
vi.mock('../../../src/locks/limits.js', async (original) => ({
  ...(await original<typeof import('../../../src/locks/limits.js')>()),
  PLACES_PER_LOCK_MAX: 3,
  HOLDS_AND_PLACES_PER_LOCK_MAX: 6,
  HOLDS_AND_PLACES_MAX: 40,
  LOCKS_PER_SESSION_MAX: 12,
  TAILS_MAX: 3,
  MARKS_MAX: 3,
  FREEZES_MAX: 2,
  PINS_MAX: 2,
  UNACKNOWLEDGED_PER_SESSION_MAX: 8,
  META_TOTAL_MAX_BYTES: 100,
  DEADLOCK_SEARCH_MAX_STEPS: 4,
}))

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm']

/** Of the last thing that was told, the last word. */
const last = (effects: Parameters<typeof wordsOf>[0]) => wordsOf(effects).at(-1)?.split(' ').slice(1).join(' ')

describe('of one lock', () => {
  test('places: the fourth is refused whole, also of one that asks for more; a place that is free again is given', () => {
    const crowd = new Crowd(true)
    const [one, two] = [crowd.open(), crowd.open()]
    crowd.ask(one, ['x'], EXCLUSIVE)
    for (let i = 0; i < 3; i++) expect(last(crowd.ask(two, ['x'], EXCLUSIVE))).toBe(`queued x ${i + 1}`)
    const other = crowd.open()
    expect(last(crowd.ask(other, ['y', 'x'], EXCLUSIVE))).toBe('limit')
    expect(last(crowd.ask(other, ['x'], EXCLUSIVE, 0, { waitMs: 0 })), 'who does not wait needs none').toMatch('held')
    crowd.apply({ type: CommandType.cancel, ...crowd.asking(two), target: 1 })
    expect(last(crowd.ask(other, ['y', 'x'], EXCLUSIVE))).toBe('queued x 3')
  })

  test('holds and places together', () => {
    const crowd = new Crowd(true)
    const one = crowd.open()
    for (let i = 0; i < 6; i++) expect(last(crowd.ask(one, ['x'], SHARED))).toBe('ok x')
    expect(last(crowd.ask(one, ['x'], SHARED))).toBe('limit')
    expect(last(crowd.ask(crowd.open(), ['x'], EXCLUSIVE))).toBe('limit')
  })
})

test('of a search for a deadlock: beyond it a request waits unexamined, and that is told', () => {
  const crowd = new Crowd(true)
  const [A, B] = [crowd.open(), crowd.open()]
  const keepsAll = { keepsAll: true }
  crowd.ask(A, ['x'], EXCLUSIVE)
  crowd.ask(B, ['z'], EXCLUSIVE)
  expect(last(crowd.ask(B, ['x'], EXCLUSIVE, 0, keepsAll))).toBe('queued x 1')
  expect(last(crowd.ask(A, ['z'], EXCLUSIVE, 0, keepsAll)), 'so far it sees').toBe('deadlock')
  for (let i = 0; i < 2; i++) crowd.ask(crowd.open(), ['x'], EXCLUSIVE, 0, keepsAll)
  const effects = crowd.ask(A, ['z'], EXCLUSIVE, 0, keepsAll)
  expect(effects.map(({ kind }) => kind)).toContain('unexamined')
  expect(last(effects)).toBe('queued z 1')
})

test('of a session: each name counts, waiting or held', () => {
  const crowd = new Crowd(true)
  const [one, two] = [crowd.open(), crowd.open()]
  crowd.ask(two, ['w'], EXCLUSIVE)
  expect(last(crowd.ask(one, NAMES.slice(0, 8), EXCLUSIVE))).toMatch('ok')
  expect(last(crowd.ask(one, ['w', 'x', 'y', 'z'], EXCLUSIVE))).toMatch('queued w')
  expect(last(crowd.ask(one, ['m'], EXCLUSIVE))).toBe('limit')
  crowd.apply({ type: CommandType.cancel, ...crowd.asking(one), target: 2 })
  expect(last(crowd.ask(one, ['m'], EXCLUSIVE))).toBe('ok m')
})

test('of answers that are not acknowledged a request takes one for each name', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  const unacknowledged = { ack: 0 }
  const ask = (names: readonly string[]): Command => {
    const asks = names.map((name) => ({ name, amount: EXCLUSIVE, limit: 0 }))
    return { type: CommandType.ask, ...crowd.asking(one), ...unacknowledged, asks, ...crowd.terms }
  }
  expect(last(crowd.apply(ask(NAMES.slice(0, 7))))).toMatch('ok')
  expect(last(crowd.apply(ask(['x', 'y'])))).toBe('limit')
  expect(last(crowd.apply(ask(['x'])))).toBe('ok x')
  expect(last(crowd.apply(ask(['y'])))).toBe('limit')
  crowd.apply({ type: CommandType.ack, ...crowd.asking(one), ack: 1 })
  expect(last(crowd.apply(ask(['y', 'z'])))).toBe('ok y z')
})

test('of tails, and what can leave one: a loop of min-hold and release does not fill the cluster', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  const asking = { minHoldMs: 86_400_000 }
  for (const name of ['a', 'b', 'c']) {
    expect(last(crowd.ask(one, [name], EXCLUSIVE, 0, asking))).toBe(`ok ${name}`)
    crowd.apply({ type: CommandType.release, ...crowd.asking(one), name, token: 0, done: false, wallMs: 1 })
  }
  for (const more of [asking, { delayMs: 1 }, { ttlMs: 9, loose: true }]) {
    expect(last(crowd.ask(one, ['d'], EXCLUSIVE, 0, more))).toBe('limit')
  }
  expect(last(crowd.ask(one, ['d'], EXCLUSIVE)), 'plain locks do not notice').toBe('ok d')
  const [tail] = crowd.machine.inspect().locks.get('a')?.holds() ?? []
  const over = { name: 'a', token: tail?.token ?? 0, clock: 1, wallMs: 1 }
  crowd.apply({ type: CommandType.timeOver, ...over })
  expect(last(crowd.ask(one, ['e'], EXCLUSIVE, 0, asking))).toBe('ok e')
})

test('of done-marks: a place is kept from the asking on, so that a success always finds its mark', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  for (const key of ['k1', 'k2', 'k3'])
    expect(last(crowd.ask(one, [key], EXCLUSIVE, 0, { once: key }))).toBe(`ok ${key}`)
  expect(last(crowd.ask(one, ['k4'], EXCLUSIVE, 0, { once: 'k4' }))).toBe('limit')
  const release = (name: string, done: boolean) =>
    last(crowd.apply({ type: CommandType.release, ...crowd.asking(one), name, token: 0, done, wallMs: 1 }))
  expect(release('k1', true)).toBe('released')
  expect(last(crowd.ask(one, ['k4'], EXCLUSIVE, 0, { once: 'k4' })), 'the mark is there').toBe('limit')
  expect(release('k2', false)).toBe('released')
  expect(last(crowd.ask(one, ['k4'], EXCLUSIVE, 0, { once: 'k4' }))).toBe('ok k4')
  expect(release('k3', true)).toBe('released')
  expect(release('k4', true)).toBe('released')
})

test('of freezes and pins: one that is there can be set anew', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  const freeze = (prefix: string) => {
    const words = { prefix, untilWallMs: 0, isOver: false, reason: '', wallMs: 1 }
    return last(crowd.apply({ type: CommandType.freeze, ...crowd.asking(one), ...words }))
  }
  const resize = (name: string, limit: number) =>
    last(crowd.apply({ type: CommandType.resize, ...crowd.asking(one), name, limit }))
  expect(['x', 'y', 'z', 'y'].map(freeze)).toEqual(['frozen', 'frozen', 'limit', 'frozen'])
  expect(['x', 'y', 'z', 'y'].map((name) => resize(name, 3))).toEqual(['resized', 'resized', 'limit', 'resized'])
  expect(resize('x', 0)).toBe('resized')
  expect(resize('z', 3)).toBe('resized')
})

test('of meta: each name has it', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  expect(last(crowd.ask(one, ['a', 'b'], EXCLUSIVE, 0, { meta: 'm'.repeat(40) }))).toBe('ok a b')
  expect(last(crowd.ask(one, ['c', 'd'], EXCLUSIVE, 0, { meta: 'm'.repeat(20) }))).toBe('limit')
  expect(last(crowd.ask(one, ['c'], EXCLUSIVE, 0, { meta: 'm'.repeat(20) }))).toBe('ok c')
})

describe('of one request', () => {
  const crowd = new Crowd(true)
  const one = crowd.open()
  const many = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`)
  const kept = (count: number) => ({ keeps: many(count).map((name) => ({ name, token: 1 })) })

  test.each([
    ['65 names', many(65), {}, 'limit'],
    ['a name of 256 bytes', ['é'.repeat(128)], {}, 'limit'],
    ['the same name twice', ['x', 'x'], {}, 'bad-request'],
    ['no name', [], {}, 'bad-request'],
    ['257 kept', ['x'], kept(257), 'limit'],
    ['meta of 4,097 bytes', ['x'], { meta: 'm'.repeat(4_097) }, 'limit'],
    ['delay of a day and a bit', ['x'], { delayMs: 86_400_001 }, 'limit'],
    ['min-hold of a day and a bit', ['x'], { minHoldMs: 86_400_001 }, 'limit'],
    ['ttl of a month and a bit', ['x'], { ttlMs: 30 * 86_400_000 + 1 }, 'limit'],
    ['a mark for more than ten years', ['x'], { once: 'k', onceTtlMs: 3_650 * 86_400_000 + 1 }, 'limit'],
    ['loose without ttl', ['x'], { loose: true }, 'bad-request'],
  ])('%s', (_what, names, terms, answer) => {
    expect(last(crowd.ask(one, names, EXCLUSIVE, 0, terms))).toBe(answer)
  })

  test.each([
    ['permits without a limit', 1, 0, 'bad-request'],
    ['a limit without permits', SHARED, 3, 'bad-request'],
    ['less than exclusive', -2, 0, 'bad-request'],
    ['a limit above a million', 1, 1_000_001, 'limit'],
    ['more permits than there are', 4, 3, 'permits'],
  ])('%s', (_what, amount, limit, answer) => {
    expect(last(crowd.ask(one, ['x'], amount, limit))).toBe(answer)
  })
})
