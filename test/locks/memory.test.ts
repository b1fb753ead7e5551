import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType, EXCLUSIVE } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { GENESIS } from './harness.js'
import { Crowd } from './service/crowd.js'

const LOCKS = 200_000
const HEAP_PER_LOCK_MAX_BYTES = 512

/** Runs `fill`, which takes so many locks, and says what each of them costs. */
function bytesPerLock(machine: LockMachine, fill: () => void): number {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  fill()
  collectGarbage()
  const perLock = (process.memoryUsage().heapUsed - before) / LOCKS
  expect(machine.lockCount).toBe(LOCKS)
  return perLock
}

test('in a cluster of level 2 too, and less in a session with many', { timeout: 60_000 }, () => {
  const crowd = new Crowd()
  const perLock = bytesPerLock(crowd.machine, () => {
    for (let i = 0; i < LOCKS / 200; i++) {
      const session = crowd.open()
      for (let k = 0; k < 200; k++) crowd.ask(session, [`django-migrations-${200 * i + k}`], EXCLUSIVE)
    }
  })
  console.log(`${perLock.toFixed(0)} bytes of heap per lock of a session with 200`)
  expect(perLock).toBeLessThanOrEqual(HEAP_PER_LOCK_MAX_BYTES)
})

test(`a held lock with its session costs at most ${HEAP_PER_LOCK_MAX_BYTES} bytes of heap`, { timeout: 60_000 }, () => {
  const machine = new LockMachine(GENESIS)
  const up = { node: 'n1', epoch: 2 ** 52 + 1, expected: 0, dead: 0, address: 'n1:7654', peer: '', programLevel: 1 }
  machine.applyCommand(1, encodeCommand({ type: CommandType.nodeUp, ...up }))
  const perLock = bytesPerLock(machine, () => {
    for (let i = 1; i <= LOCKS; i++) {
      const opening = { node: 'n1', epoch: up.epoch, conn: i, floor: i, clientId: `host-${i % 100}.example` }
      const asked = { name: `django-migrations-${i}`, waitMs: 0, meta: '', delayMs: 0, wallMs: 1_795_000_000_000 + i }
      machine.applyCommand(
        i + 1,
        encodeCommand({ type: CommandType.openClassic, ...opening, ...asked, amount: -1, limit: 0 }),
      )
      machine.endEntry(i + 1)
      machine.takeEffects()
    }
  })
  console.log(`${perLock.toFixed(0)} bytes of heap per held lock, its session included`)
  expect(perLock).toBeLessThanOrEqual(HEAP_PER_LOCK_MAX_BYTES)
})
