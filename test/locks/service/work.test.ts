/**
 * What one entry costs in a crowd, counted in blocks of code that ran (a block takes some nanoseconds; 5 ms are about a
 * million): 10,000 places, holders, tails, 100 freezes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType, EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import type { Effect } from '../../../src/locks/effects.js'
import { FREEZES_MAX, GRANTS_PER_ENTRY_MAX } from '../../../src/locks/limits.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { WorkMeter } from '../../kit/work.js'
import { GENESIS } from './world.js'

const CROWD = 10_000
const BLOCKS_MAX = 1_000_000
const TERMS = {
  ...{ waitMs: -1, meta: '', delayMs: 0, minHoldMs: 0, ttlMs: 0, loose: false, once: '', onceTtlMs: 0 },
  ...{ keepsAll: false, keeps: [], wallMs: 1 },
}

const meter = new WorkMeter('/src/locks/')
beforeAll(() => meter.start())
afterAll(() => meter.stop())

/** One session asks for everything, so that it is in every list. */
class Crowd {
  readonly machine = new LockMachine(GENESIS)
  #index = 0
  readonly #sessions: { session: number; n: number; request: number }[] = []

  constructor() {
    for (const [at, { nodeId: node }] of GENESIS.members.entries()) {
      const up = { node, epoch: 10 + at, expected: 0, dead: 0, address: '', peer: '', programLevel: 2 }
      this.apply({ type: CommandType.nodeUp, ...up })
    }
    this.apply({ type: CommandType.setLevel, to: 2, expected: 1 })
  }

  apply(...commands: Command[]): readonly Effect[] {
    this.#index++
    for (const command of commands) this.machine.applyCommand(this.#index, encodeCommand(command, this.machine.level))
    this.machine.endEntry(this.#index)
    return this.machine.takeEffects()
  }

  /** A session of its own for each. */
  open(): number {
    const at = this.#sessions.length
    const opening = { node: 'n1', epoch: 10, conn: at + 1, floor: 1, clientId: `c${at}`, secretHash: '' }
    const [opened] = this.apply({ type: CommandType.open, ...opening, leaseMs: 10_000, lingerMs: 0 })
    if (opened?.kind !== 'opened') throw new Error('not opened')
    this.#sessions.push({ session: opened.session, n: 0, request: 0 })
    return at
  }

  asking(at: number) {
    const one = this.#sessions[at]
    if (one === undefined) throw new Error('no such session')
    one.n++
    one.request++
    const { session, n, request } = one
    return { node: 'n1', epoch: 10, session, attach: 1, n, ack: request - 1, request }
  }

  ask(at: number, names: readonly string[], amount: number, limit = 0, more: object = {}): readonly Effect[] {
    const asks = names.map((name) => ({ name, amount, limit }))
    return this.apply({ type: CommandType.ask, ...this.asking(at), asks, ...TERMS, ...more })
  }

  /** Blocks that the entry runs. */
  async costOf(run: () => readonly Effect[]): Promise<{ blocks: number; effects: readonly Effect[] }> {
    await meter.take()
    const effects = run()
    const blocks = await meter.take()
    return { blocks, effects }
  }
}

const granted = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.kind === 'answered' && effect.answer.kind === 'granted').length

test('10,000 shared waiters that are freed at once are granted in slices', { timeout: 60_000 }, async () => {
  const crowd = new Crowd()
  const holder = crowd.open()
  crowd.ask(holder, ['x'], EXCLUSIVE)
  for (let i = 0; i < CROWD; i++) crowd.ask(crowd.open(), ['x'], SHARED)
  const release = { type: CommandType.release, ...crowd.asking(holder), name: 'x', token: 0, done: false, wallMs: 1 }
  let { blocks, effects } = await crowd.costOf(() => crowd.apply(release))
  const most = [blocks]
  let entries = 1
  const tokens = granted(effects)
  expect(tokens).toBe(GRANTS_PER_ENTRY_MAX)
  for (let all = tokens; all < CROWD; entries++) {
    expect(crowd.machine.sweepPending(), 'the leader goes on proposing').toBe(true)
    ;({ blocks, effects } = await crowd.costOf(() => crowd.apply({ type: CommandType.sweep })))
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
      const words = { prefix: `p${i}/`, untilWallMs: 0, reason: '', wallMs: 1 }
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
  'a name with 10,000 waiters is frozen and thawed': (crowd) => {
    const one = crowd.open()
    crowd.ask(one, ['x'], EXCLUSIVE)
    for (let i = 1; i < CROWD; i++) crowd.ask(crowd.open(), ['x', 'y'], SHARED)
    return () => {
      const words = { prefix: '', untilWallMs: 0, reason: '', wallMs: 1 }
      const freeze = { type: CommandType.freeze, ...crowd.asking(one), ...words }
      return crowd.apply(freeze, { type: CommandType.thaw, ...crowd.asking(one), prefix: '' })
    }
  },
}

test.each(Object.entries(ENTRIES))('work of one entry: %s', { timeout: 60_000 }, async (_what, prepare) => {
  const crowd = new Crowd()
  const { blocks } = await crowd.costOf(prepare(crowd))
  console.log(`${blocks} blocks`)
  expect(blocks).toBeLessThan(BLOCKS_MAX)
})
