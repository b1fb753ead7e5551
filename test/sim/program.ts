/**
 * The programs that nodes of a run may be: the present one, from these sources; one of the next feature level, which is compiled
 * from them with a few edits (`test/kit/programs`); and one of the level before, which is the present one told to know no more.
 * Nodes of all run side by side, the next one with classes of its own: whatever asks for the class of an error must ask the
 * program that threw it.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { decodeCommand, encodeCommand } from '../../src/locks/commands/codec.js'
import { checkInvariants } from '../../src/locks/invariants.js'
import { LockMachine } from '../../src/locks/machine.js'
import { createTransport } from '../../src/raft/net/transport.js'
import { StoreError } from '../../src/raft/ports/store.js'
import { PeerProtocolError } from '../../src/raft/ports/transport.js'
import { openStore } from '../../src/raft/store/open-store.js'
import { ClientPort } from '../../src/server/clients/client-port.js'
import { exitStatusOf } from '../../src/server/exit-status.js'
import { memberUidOf } from '../../src/server/records/member-uid.js'
import { NodeComposition } from '../../src/service/composition.js'
import { nextLevelProgram } from '../kit/programs/next-level.js'

export const PRESENT = {
  FEATURE_LEVEL,
  decodeCommand,
  encodeCommand,
  checkInvariants,
  LockMachine,
  createTransport,
  StoreError,
  PeerProtocolError,
  openStore,
  ClientPort,
  exitStatusOf,
  memberUidOf,
  NodeComposition,
}
export type Program = typeof PRESENT

/** Where a built program has what is in `PRESENT`. */
const MODULES = [
  'feature-level',
  'locks/commands/codec',
  'locks/invariants',
  'locks/machine',
  'raft/net/transport',
  'raft/ports/store',
  'raft/ports/transport',
  'raft/store/open-store',
  'server/clients/client-port',
  'server/exit-status',
  'server/records/member-uid',
  'service/composition',
] as const

/** The number of the command that it adds. */
export const NEXT_COMMAND = 99

/** The highest level that there is a program for. */
export const NEXT_LEVEL: number = FEATURE_LEVEL + 1

/** The lowest that there is a program for. */
export const FORMER_LEVEL: number = FEATURE_LEVEL - 1

class FormerComposition extends NodeComposition {
  constructor(...[settings, ...others]: ConstructorParameters<typeof NodeComposition>) {
    super({ ...settings, programLevel: FORMER_LEVEL }, ...others)
  }
}

const FORMER: Program = {
  ...PRESENT,
  FEATURE_LEVEL: FORMER_LEVEL,
  NodeComposition: FormerComposition,
  openStore: (directory, options) => openStore(directory, { ...options, programLevel: FORMER_LEVEL }),
}

let next: Program | null = null

/** Before a run in which nodes are upgraded. Takes some seconds the first time after the sources have changed. */
export async function loadNextProgram(): Promise<void> {
  if (next !== null) return
  const root = await nextLevelProgram()
  const load = (name: string): Promise<object> => import(pathToFileURL(join(root, 'dist', `${name}.js`)).href)
  const loaded: Program = Object.assign({}, ...(await Promise.all(MODULES.map(load))))
  for (const name of Object.keys(PRESENT)) {
    if (!(name in loaded)) throw new Error(`the next level's program has no ${name} where the simulator looks for it`)
  }
  if (loaded.FEATURE_LEVEL !== NEXT_LEVEL) throw new Error(`it knows level ${loaded.FEATURE_LEVEL}, not ${NEXT_LEVEL}`)
  next = loaded
}

export function programOf(level: number): Program {
  if (level === FEATURE_LEVEL) return PRESENT
  if (level === FORMER_LEVEL) return FORMER
  if (level !== NEXT_LEVEL || next === null) throw new Error(`no program of level ${level} is loaded`)
  return next
}
