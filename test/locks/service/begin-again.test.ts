/** What a restored cluster begins with, of a thousand states that clients have made. */
import { expect, test, vi } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType, EXCLUSIVE } from '../../../src/locks/commands/commands.js'
import { COUNTER_STEPS_PER_SECOND } from '../../../src/locks/limits.js'
import { LockMachine } from '../../../src/locks/machine.js'
import type { Hold } from '../../../src/locks/state/entities.js'
import type { LockState } from '../../../src/locks/state/state.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { checkState, restored } from '../../fuzz/replicas.js'
import { Bench } from '../harness.js'
import { Crowd } from './crowd.js'
import { seenOf } from './seen.js'
import { wordsOf } from './stage.js'
import { Workload } from './workload.js'
import { GENESIS } from './world.js'

// Sweeps take their time, so that some states have ended epochs with sessions.
vi.mock('../../../src/locks/limits.js', async (original) => ({
  ...(await original<typeof import('../../../src/locks/limits.js')>()),
  SWEPT_SESSIONS_PER_ENTRY: 1,
  SWEPT_SESSIONS_PER_SWEEP: 1,
}))

const SEEDS = Array.from({ length: 8 }, (_, i) => i + 1)
const ENTRIES = 150

const AGAIN = {
  clusterId: 'again',
  nodeLeaseMs: 7_000,
  createdUnixSeconds: 2_000_000,
  members: [{ raftId: 1, nodeId: 'm1', peerAddress: 'm1:7655' }],
}

/** Under which token something is left of each hold, and as what: judged from what it is now. */
function expectedOf(hold: Hold): readonly [number, string] | null {
  const { token, terms, phase, session } = hold
  if (phase === 'tail') return [token, 'tail']
  if (phase === 'held' && session === null) return [token, 'held']
  const leavesDelay = phase === 'held' && (terms?.delayMs ?? 0) > 0
  return leavesDelay || (terms?.minHoldMs ?? 0) > 0 ? [token, 'tail'] : null
}

/** What nobody has to hold. */
const standing = ({ marks, pins, freezes }: LockState): string =>
  JSON.stringify([[...marks.values()], [...pins.values()], [...freezes.values()]], (key, value) =>
    key === 'stamp' ? 0 : value,
  )

const holdsOf = (machine: LockMachine): Hold[] =>
  [...machine.inspect().locks.values()].flatMap((lock) => [...lock.holds()])

test('sessions, requests and epochs are gone; what needs none of them is what it was; replicas agree', {
  timeout: 60_000,
}, () => {
  const seen = { loose: 0, tails: 0, gone: 0, waiting: 0, marks: 0, freezes: 0, pins: 0, unswept: 0 }
  for (const seed of SEEDS) {
    const random = new SeededRandom(seed)
    const machine = new LockMachine(GENESIS)
    const workload = new Workload(() => seenOf(machine), random)
    const apply = (index: number, bytes: Uint8Array) => {
      machine.applyCommand(index, bytes)
      machine.endEntry(index)
      machine.takeEffects()
    }
    for (const [at, { nodeId: node }] of GENESIS.members.entries()) {
      const up = { node, epoch: 10 + at, expected: 0, dead: 0, address: '', peer: '', programLevel: 2 }
      apply(at + 1, encodeCommand({ type: CommandType.nodeUp, ...up }))
    }
    apply(4, encodeCommand({ type: CommandType.setLevel, to: 2, expected: 1 }))
    for (let index = 5; index < ENTRIES; index++) {
      apply(index, encodeCommand(workload.next(), 2))
      if (index % 10 !== 0) continue
      const saved = restored(machine, GENESIS, index)
      const before = saved.inspect()
      const expected = holdsOf(saved).map(expectedOf)
      const stays = standing(before)
      const { counter } = before
      seen.waiting += before.requests.size
      seen.unswept += before.unswept.size
      seen.marks += before.marks.size
      seen.freezes += before.freezes.size
      seen.pins += before.pins.size

      saved.beginAgain(AGAIN)
      const copy = checkState(saved, AGAIN, index)
      const where = `seed ${seed}, entry ${index}`
      for (const state of [saved.inspect(), copy.inspect()]) {
        const { sessions, requests, epochs, nodes, members, clusterId, nodeLeaseMs } = state
        expect([sessions.size, requests.size, epochs.size, nodes.size, state.placeCount], where).toEqual([
          0, 0, 0, 0, 0,
        ])
        expect([...members.values()], where).toEqual([{ ...AGAIN.members[0], memberUid: '' }])
        expect([clusterId, nodeLeaseMs], where).toEqual(['again', 7_000])
        expect(standing(state), where).toBe(stays)
        expect(state.counter, where).toBe(Math.max(counter + 1, AGAIN.createdUnixSeconds * COUNTER_STEPS_PER_SECOND))
      }
      const left = holdsOf(saved).map(({ token, phase }) => [token, phase])
      expect(left.sort(), where).toEqual(expected.filter((one) => one !== null).sort())
      seen.loose += left.filter(([, phase]) => phase === 'held').length
      seen.tails += left.filter(([, phase]) => phase === 'tail').length
      seen.gone += expected.filter((one) => one === null).length
    }
  }
  for (const [what, count] of Object.entries(seen)) expect(count, `no ${what} in all these states`).toBeGreaterThan(0)
})

test('a free lock is granted under a token above all that were given, and a counter that is ahead of the clock goes on', () => {
  const crowd = new Crowd()
  const [a, b] = [crowd.open(), crowd.open()]
  crowd.ask(a, ['x'], EXCLUSIVE)
  crowd.ask(b, ['x'], EXCLUSIVE)
  const highest = crowd.machine.inspect().counter
  crowd.machine.beginAgain({ ...AGAIN, members: GENESIS.members, createdUnixSeconds: 0 })
  expect(crowd.machine.inspect().counter).toBe(highest + 1)
  expect(crowd.machine.inspect().locks.size).toBe(0)
  expect(crowd.machine.takeEffects()).toEqual([])
  expect(crowd.machine.reports.isCurrent('x', highest)).toBe(false)
  const up = { node: 'n1', epoch: 10, expected: 0, dead: 0, address: '', peer: '', programLevel: 2 }
  crowd.apply({ type: CommandType.nodeUp, ...up })
  const c = crowd.open()
  expect(wordsOf(crowd.ask(c, ['x'], EXCLUSIVE))).toEqual(['1 ok x'])
  const [hold] = holdsOf(crowd.machine)
  expect(hold?.token).toBeGreaterThan(highest)
})

test('under level 1, where each lock was passed on before the next was given back, nobody is granted what a session held', () => {
  const bench = new Bench()
  bench.nodeUp('n1', 100)
  const [holder, waiter] = [bench.open('n1', 100), bench.open('n1', 100)]
  bench.lock(holder, 1, 'x', { delayMs: 0 })
  bench.lock(waiter, 1, 'x', { waitMs: -1, delayMs: 5_000 })
  const { machine } = bench
  const { counter } = machine.inspect()
  machine.beginAgain({ ...AGAIN, createdUnixSeconds: 0 })
  expect(machine.inspect()).toMatchObject({ level: 1, counter: counter + 1 })
  expect(machine.inspect().locks.size).toBe(0)
})
