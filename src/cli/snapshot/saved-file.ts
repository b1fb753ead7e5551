/** The file of `tnl snapshot save`: what it says of itself, and the state that it holds. */
import { FormatError } from '../../bytes/reader.js'
import { LockMachine } from '../../locks/machine.js'
import type { LockState } from '../../locks/state/state.js'
import type { SnapshotMetadata } from '../../raft/core/types.js'
import { OlderProgramError } from '../../raft/ports/older-program.js'
import { asBuffer, CodecError } from '../../raft/store/codec.js'
import type { DiskFile } from '../../raft/store/disk.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { openSealed } from '../../raft/store/sealed-file.js'
import { readChunks, readOutline } from '../../raft/store/snapshot-format.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'

/** Said before the contents, by whoever saved it. */
export interface SavedAbout {
  readonly cluster: string
  readonly level: number
  readonly index: number
  readonly term: number
  /** By the clock of the machine on which it was saved. */
  readonly savedUnixMs: number
  /** HOST:PORT of the node that sent it. */
  readonly from: string
  /** Of the program that wrote the file. */
  readonly version: string
}

export interface SavedSnapshot {
  readonly about: SavedAbout
  /** SHA-256 of all that comes before it in the file, where it stands at the end. */
  readonly seal: string
  readonly sizeBytes: number
  readonly metadata: SnapshotMetadata
  readonly state: LockState
  /** The snapshot file inside. */
  readonly body: DiskFile
}

/** Reads and verifies all of it, and runs `use` while it is open. What is wrong with the file becomes a CommandFailure. */
export async function withSaved<T>(path: string, use: (saved: SavedSnapshot) => Promise<T>): Promise<T> {
  const file = await opened(path)
  try {
    return await use(await readSaved(file).catch((error: unknown) => fail(path, error)))
  } finally {
    await file.close()
  }
}

/** The same without the state, in little memory: whether the file is the one that was written. */
export async function verifySaved(path: string): Promise<Pick<SavedSnapshot, 'seal' | 'sizeBytes'>> {
  const file = await opened(path)
  const verify = async () => {
    const sealed = await openSealed(file, 'TNLSAVE')
    const seal = await sealed.verify()
    for await (const _ of readChunks(sealed.body, await readOutline(sealed.body)));
    return { seal, sizeBytes: await file.sizeBytes() }
  }
  try {
    return await verify().catch((error: unknown) => fail(path, error))
  } finally {
    await file.close()
  }
}

async function opened(path: string): Promise<DiskFile> {
  try {
    return await nodeDisk.openFile(path, 'read')
  } catch (error) {
    throw new CommandFailure(TnlExit.failed, `${path} cannot be read: ${explain(error)}`)
  }
}

function fail(path: string, error: unknown): never {
  const isOfFile = error instanceof CodecError || error instanceof FormatError || error instanceof OlderProgramError
  if (!isOfFile && !(error instanceof Error && 'code' in error)) throw error
  throw new CommandFailure(TnlExit.failed, `${path}: ${explain(error)}`)
}

async function readSaved(file: DiskFile): Promise<SavedSnapshot> {
  const { about, body, verify } = await openSealed(file, 'TNLSAVE')
  const seal = await verify()
  const machine = new LockMachine({ clusterId: '', nodeLeaseMs: 0, createdUnixSeconds: 0, members: [] })
  const restorer = machine.beginRestore()
  const outline = await readOutline(body)
  for await (const chunk of readChunks(body, outline)) restorer.push(asBuffer(chunk))
  restorer.end()
  restorer.finish(outline.metadata.index)
  const sizeBytes = await file.sizeBytes()
  // The seal holds, so whoever saved it has written it: anything else that is not there is of another program.
  return {
    about: about as unknown as SavedAbout,
    seal,
    sizeBytes,
    metadata: outline.metadata,
    state: machine.inspect(),
    body,
  }
}
