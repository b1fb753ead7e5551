/** What has to be true of the state, whatever clients sent: it encodes, restores to the same, and is the same everywhere. */
import { checkInvariants } from '../../src/locks/invariants.js'
import { type Genesis, LockMachine } from '../../src/locks/machine.js'

const CHUNK_BYTES = 65_536

export function restored(machine: LockMachine, genesis: Genesis, index: number): LockMachine {
  const copy = new LockMachine(genesis)
  const source = machine.snapshot()
  const restorer = copy.beginRestore()
  for (let chunk = source.next(CHUNK_BYTES); chunk !== null; chunk = source.next(CHUNK_BYTES)) restorer.push(chunk)
  restorer.end()
  restorer.finish(index)
  return copy
}

/** Throws what is wrong; otherwise returns the copy that a snapshot made. */
export function checkState(machine: LockMachine, genesis: Genesis, index: number): LockMachine {
  checkInvariants(machine)
  const copy = restored(machine, genesis, index)
  if (copy.stateHash() !== machine.stateHash()) throw new Error('a restored snapshot is another state')
  checkInvariants(copy)
  return copy
}
