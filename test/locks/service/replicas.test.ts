/**
 * Entries of several commands, and sweeps that take their time: what the model does at once, the machine does bit by bit. All
 * replicas must do it alike, and when the sweep is over, nobody may wait who fits.
 */
import { expect, test, vi } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType, EXCLUSIVE } from '../../../src/locks/commands/commands.js'
import { LockMachine } from '../../../src/locks/machine.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { checkState } from '../../fuzz/replicas.js'
import { Crowd } from './crowd.js'
import { goesBeside } from './model/entities.js'
import { seenOf } from './seen.js'
import { wordsOf } from './stage.js'
import { Workload } from './workload.js'
import { canonical, GENESIS } from './world.js'

vi.mock('../../../src/locks/limits.js', async (original) => ({
  ...(await original<typeof import('../../../src/locks/limits.js')>()),
  SWEPT_SESSIONS_PER_ENTRY: 1,
  SWEPT_SESSIONS_PER_SWEEP: 1,
}))

const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1)
const ENTRIES = 150

/** Who waits though all of its asks fit beside what is there and what waits before it, and none is frozen. */
function forgotten(machine: LockMachine): number[] {
  const { locks, requests, freezes } = machine.inspect()
  const isFrozen = (name: string) => [...freezes.keys()].some((prefix) => name.startsWith(prefix))
  const waiting = [...requests].sort((a, b) => a.number - b.number)
  const fitting = waiting.filter(({ places }, at) =>
    places.every(({ lock, amount }) => {
      const earlier = waiting.slice(0, at).flatMap((one) => one.places)
      const beside = [...(locks.get(lock.name)?.holds() ?? []), ...earlier.filter((place) => place.lock === lock)]
      const amounts = beside.map((one) => one.amount)
      return !isFrozen(lock.name) && goesBeside(amount, amounts, lock.limit)
    }),
  )
  return fitting.map(({ request }) => request)
}

test('replicas that apply and those that restore agree at every entry, and nobody is forgotten', {
  timeout: 60_000,
}, () => {
  let swept = 0
  for (const seed of SEEDS) {
    const random = new SeededRandom(seed)
    const machine = new LockMachine(GENESIS, { checkEachEntry: true })
    let copy = new LockMachine(GENESIS)
    const workload = new Workload(() => seenOf(machine), random)
    const apply = (index: number, commands: readonly Uint8Array[]) => {
      const told = [machine, copy].map((one) => {
        for (const bytes of commands) one.applyCommand(index, bytes)
        one.endEntry(index)
        return canonical(one.takeEffects())
      })
      expect(told[1], `seed ${seed}, entry ${index}`).toBe(told[0])
    }
    for (const [at, { nodeId: node }] of GENESIS.members.entries()) {
      const up = { node, epoch: 10 + at, expected: 0, dead: 0, address: '', peer: '', programLevel: 2 }
      apply(at + 1, [encodeCommand({ type: CommandType.nodeUp, ...up })])
    }
    apply(4, [encodeCommand({ type: CommandType.setLevel, to: 2, expected: 1 })])
    for (let index = 5; index < ENTRIES; index++) {
      const commands = Array.from({ length: 1 + random.int(4) }, () => encodeCommand(workload.next(), 2))
      apply(index, commands)
      if (machine.inspect().unswept.size > 0) swept++
      else expect(forgotten(machine), `seed ${seed}, entry ${index}: a lost wake-up`).toEqual([])
      if (random.chance(0.1)) copy = checkState(machine, GENESIS, index)
    }
  }
  expect(swept, 'or no sweep took its time').toBeGreaterThan(SEEDS.length)
})

test('what a dead client held is free at once, though a sweep of another node is under way and its lock was looked at before', () => {
  const crowd = new Crowd(true)
  const classic = (node: string, epoch: number, conn: number, name: string) => {
    const opening = { node, epoch, conn, floor: 1, clientId: name, name, amount: EXCLUSIVE, limit: 0 }
    return crowd.apply({ type: CommandType.openClassic, ...opening, waitMs: -1, meta: '', delayMs: 0, wallMs: 1 })
  }
  for (const conn of [1, 2, 3, 4]) classic('n2', 11, conn, `l${conn}`)
  classic('n3', 12, 1, 'x')
  const A = crowd.open()
  crowd.apply({ type: CommandType.expireNode, node: 'n2', epoch: 11 })
  expect(wordsOf(crowd.ask(A, ['x'], EXCLUSIVE, 0, { waitMs: 0 }))).toEqual(['1 held x x'])
  crowd.apply({ type: CommandType.expireNode, node: 'n3', epoch: 12 })
  expect(crowd.machine.sweepPending()).toBe(true)
  expect(wordsOf(crowd.ask(A, ['x'], EXCLUSIVE, 0, { waitMs: 0 }))).toEqual(['2 ok x'])
})
