/**
 * In a cluster of level 1 the machine does what 0.3.0 did. `former-level.json` has 500 entries and the hash of the state after
 * every tenth, as the program of v0.3.0 made them from a random workload: it is never made again.
 */
import { expect, test } from 'vitest'
import { LockMachine } from '../../src/locks/machine.js'
import { checkState } from '../fuzz/replicas.js'
import history from './former-level.json' with { type: 'json' }
import { GENESIS } from './harness.js'

test('a history of 0.3.0 leads to the states that it led to, on replicas that are restored on the way too', () => {
  let machine = new LockMachine(GENESIS, { checkEachEntry: true })
  for (const [at, bytes] of history.entries.entries()) {
    const index = at + 1
    machine.applyCommand(index, Buffer.from(bytes, 'base64'))
    machine.endEntry(index)
    if (index % 10 > 0) continue
    expect(machine.stateHash(), `after entry ${index}`).toBe(history.hashes[index / 10 - 1])
    if (index % 50 === 0) machine = checkState(machine, GENESIS, index)
  }
  expect(machine.ignoredCount).toBe(0)
})
