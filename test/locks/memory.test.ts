import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { encodeCommand } from '../../src/locks/commands/codec.js'
import { CommandType } from '../../src/locks/commands/commands.js'
import { LockMachine } from '../../src/locks/machine.js'
import { GENESIS } from './harness.js'

const LOCKS = 200_000
const HEAP_PER_LOCK_MAX_BYTES = 512

test(`a held lock with its session costs at most ${HEAP_PER_LOCK_MAX_BYTES} bytes of heap`, { timeout: 60_000 }, () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const machine = new LockMachine(GENESIS)
  const up = { node: 'n1', epoch: 2 ** 52 + 1, expected: 0, dead: 0, address: 'n1:7654', peer: '', programLevel: 1 }
  machine.applyCommand(1, encodeCommand({ type: CommandType.nodeUp, ...up }))
  collectGarbage()
  const before = process.memoryUsage().heapUsed
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
  collectGarbage()
  const perLock = (process.memoryUsage().heapUsed - before) / LOCKS
  console.log(`${perLock.toFixed(0)} bytes of heap per held lock, its session included`)
  expect(machine.lockCount).toBe(LOCKS)
  expect(perLock).toBeLessThanOrEqual(HEAP_PER_LOCK_MAX_BYTES)
})
