/**
 * What one entry costs in a crowd, counted in blocks of code that ran (a block takes some nanoseconds; 5 ms are about a
 * million): 10,000 places, holders, tails, 100 freezes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CommandType, EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import type { Effect } from '../../../src/locks/effects.js'
import { FREEZES_MAX, GRANTS_PER_ENTRY_MAX, SWEPT_SESSIONS_PER_ENTRY } from '../../../src/locks/limits.js'
import { WorkMeter } from '../../kit/work.js'
import { Crowd } from './crowd.js'

const CROWD = 10_000
const BLOCKS_MAX = 1_000_000
const KEEPS_ALL = { keepsAll: true }

const meter = new WorkMeter('/src/locks/')
beforeAll(() => meter.start())
afterAll(() => meter.stop())

/** Blocks that the entry runs. */
async function costOf(run: () => readonly Effect[]): Promise<{ blocks: number; effects: readonly Effect[] }> {
  await meter.take()
  const effects = run()
  const blocks = await meter.take()
  return { blocks, effects }
}

const granted = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.kind === 'answered' && effect.answer.kind === 'granted').length

test('10,000 shared waiters that are freed at once are granted in slices', { timeout: 60_000 }, async () => {
  const crowd = new Crowd()
  const holder = crowd.open()
  crowd.ask(holder, ['x'], EXCLUSIVE)
  for (let i = 0; i < CROWD; i++) crowd.ask(crowd.open(), ['x'], SHARED)
  const release = { type: CommandType.release, ...crowd.asking(holder), name: 'x', token: 0, done: false, wallMs: 1 }
  let { blocks, effects } = await costOf(() => crowd.apply(release))
  const most = [blocks]
  let entries = 1
  const tokens = granted(effects)
  expect(tokens).toBe(GRANTS_PER_ENTRY_MAX)
  for (let all = tokens; all < CROWD; entries++) {
    expect(crowd.machine.sweepPending(), 'the leader goes on proposing').toBe(true)
    ;({ blocks, effects } = await costOf(() => crowd.apply({ type: CommandType.sweep })))
    most.push(blocks)
    all += granted(effects)
  }
  expect(entries).toBe(Math.ceil(CROWD / GRANTS_PER_ENTRY_MAX))
  expect(crowd.machine.sweepPending()).toBe(false)
  expect(Math.max(...most)).toBeLessThan(BLOCKS_MAX)
})

/** What is done to a lock that so many hold, wait for, or have left tails of. */
const ENTRIES: Record<string, (crowd: Crowd) => () => readonly Effect[]> = {
  'one more asks behind 10,000 places': (crowd) => {
    crowd.ask(crowd.open(), ['x'], EXCLUSIVE)
    for (let i = 1; i < CROWD; i++) crowd.ask(crowd.open(), ['x'], EXCLUSIVE)
    const late = crowd.open()
    return () => crowd.ask(late, ['x'], EXCLUSIVE)
  },
  'the first of 10,000 places is cancelled': (crowd) => {
    crowd.ask(crowd.open(), ['x'], EXCLUSIVE)
    const first = crowd.open()
    for (let i = 1; i < CROWD; i++) crowd.ask(i === 1 ? first : crowd.open(), ['x'], EXCLUSIVE)
    return () => crowd.apply({ type: CommandType.cancel, ...crowd.asking(first), target: 1 })
  },
  'a writer asks beside 10,000 readers': (crowd) => {
    for (let i = 0; i < CROWD; i++) crowd.ask(crowd.open(), ['x'], SHARED)
    const late = crowd.open()
    return () => crowd.ask(late, ['x'], EXCLUSIVE, 0, { waitMs: 0 })
  },
  'a permit of 10,000 is released': (crowd) => {
    const first = crowd.open()
    for (let i = 0; i < CROWD; i++) crowd.ask(i === 0 ? first : crowd.open(), ['s'], 1, CROWD)
    const release = { type: CommandType.release, ...crowd.asking(first), name: 's', token: 0, done: false, wallMs: 1 }
    return () => crowd.apply(release)
  },
  'one asks beside 10,000 tails': (crowd) => {
    const one = crowd.open()
    for (let i = 0; i < CROWD; i++) {
      crowd.ask(one, ['s'], 1, CROWD, { minHoldMs: 1_000 })
      crowd.apply({ type: CommandType.release, ...crowd.asking(one), name: 's', token: 0, done: false, wallMs: 1 })
    }
    return () => crowd.ask(one, ['s'], 1, CROWD)
  },
  'a name is asked for under 100 freezes': (crowd) => {
    const one = crowd.open()
    for (let i = 0; i < FREEZES_MAX; i++) {
      const words = { prefix: `p${i}/`, untilWallMs: 0, isOver: false, reason: '', wallMs: 1 }
      crowd.apply({ type: CommandType.freeze, ...crowd.asking(one), ...words })
    }
    const names = Array.from({ length: 64 }, (_, i) => `x${i}`)
    return () => crowd.ask(one, names, EXCLUSIVE)
  },
  'a session with 10,000 holds ends': (crowd) => {
    const one = crowd.open()
    for (let i = 0; i < CROWD; i++) crowd.ask(one, [`x${i}`], EXCLUSIVE)
    const { session } = crowd.asking(one)
    const attachment = { node: 'n1', epoch: 10, session, attach: 1 }
    return () => crowd.apply({ type: CommandType.end, ...attachment, bye: true, wallMs: 1 })
  },
  'readers of a dead node are swept before 10,000 waiters': (crowd) => {
    const readers = Array.from({ length: 2 * SWEPT_SESSIONS_PER_ENTRY }, (_, i) => i + 1)
    for (const conn of readers) {
      const opening = {
        node: 'n2',
        epoch: 11,
        conn,
        floor: conn,
        clientId: '',
        waitMs: -1,
        meta: '',
        delayMs: 0,
        wallMs: 1,
      }
      crowd.apply({ type: CommandType.openClassic, ...opening, name: 'x', amount: SHARED, limit: 0 })
    }
    for (let i = 0; i < CROWD; i++) crowd.ask(crowd.open(), ['x'], EXCLUSIVE)
    return () => crowd.apply({ type: CommandType.expireNode, node: 'n2', epoch: 11 })
  },
  'a search that has to be given up': (crowd) => {
    const asker = crowd.open()
    crowd.ask(asker, ['x'], EXCLUSIVE)
    crowd.ask(crowd.open(), ['z'], EXCLUSIVE)
    for (let i = 0; i < CROWD; i++) {
      const one = crowd.open()
      crowd.ask(one, [`y${i}`], EXCLUSIVE)
      crowd.ask(one, ['x'], EXCLUSIVE, 0, KEEPS_ALL)
    }
    return () => crowd.ask(asker, ['z'], EXCLUSIVE, 0, KEEPS_ALL)
  },
  'a search through 3,000 that could go on one after the other': (crowd) => {
    const asker = crowd.open()
    crowd.ask(asker, ['x'], EXCLUSIVE)
    crowd.ask(crowd.open(), ['z'], EXCLUSIVE)
    crowd.ask(crowd.open(), ['queue'], EXCLUSIVE)
    for (let i = 0; i < 3_000; i++) {
      const one = crowd.open()
      crowd.ask(one, [`y${i}`], EXCLUSIVE)
      crowd.ask(one, i === 0 ? ['queue', 'x'] : ['queue'], EXCLUSIVE, 0, KEEPS_ALL)
    }
    return () => crowd.ask(asker, ['z'], EXCLUSIVE, 0, KEEPS_ALL)
  },
  'a name with 10,000 waiters is frozen and thawed': (crowd) => {
    const one = crowd.open()
    crowd.ask(one, ['x'], EXCLUSIVE)
    for (let i = 1; i < CROWD; i++) crowd.ask(crowd.open(), ['x', 'y'], SHARED)
    return () => {
      const words = { prefix: '', untilWallMs: 0, isOver: false, reason: '', wallMs: 1 }
      const freeze = { type: CommandType.freeze, ...crowd.asking(one), ...words }
      return crowd.apply(freeze, { type: CommandType.thaw, ...crowd.asking(one), prefix: '' })
    }
  },
}

test.each(Object.entries(ENTRIES))('work of one entry: %s', { timeout: 60_000 }, async (_what, prepare) => {
  const crowd = new Crowd()
  const { blocks } = await costOf(prepare(crowd))
  console.log(`${blocks} blocks`)
  expect(blocks).toBeLessThan(BLOCKS_MAX)
})
