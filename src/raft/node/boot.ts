import { MemoryStorage } from '../core/log/memory-storage.js'
import type { Storage } from '../core/log/storage.js'
import { RawNode } from '../core/raw-node.js'
import {
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type Index,
  type RaftId,
  type SnapshotMetadata,
  type Term,
} from '../core/types.js'
import { COMMITTED_BYTES_PER_READY, INFLIGHT_MESSAGES } from '../limits.js'
import type { StateMachine } from '../ports/state-machine.js'
import type { LogStore, SnapshotSource } from '../ports/store.js'
import { DEFAULT_BOUNDS } from './bounds.js'
import type { RaftNodeOptions } from './options.js'

/** What a node starts its core from. */
export interface BootState {
  readonly hardState: HardState
  readonly snapshot: SnapshotMetadata | null
  readonly entries: readonly Entry[]
  readonly prevIndex: Index
  readonly prevTerm: Term
}

/** Of the first snapshot of a cluster that begins empty. */
export const FIRST_INDEX: Index = 1

/** A joiner has nothing; its leader sends it a snapshot. */
export const NOTHING: BootState = {
  hardState: EMPTY_HARD_STATE,
  snapshot: null,
  entries: [],
  prevIndex: 0,
  prevTerm: 0,
}

/**
 * The log of a new cluster begins with a snapshot of term 1, the same on every member, at index 1 as in etcd-raft's
 * scenarios, or behind the one that it is restored from: there is no first entry to lose, and a member that is added later is sent a snapshot like any other.
 */
export async function writeGenesis(
  store: LogStore,
  index: Index,
  voters: readonly number[],
  state: SnapshotSource,
): Promise<BootState> {
  const snapshot: SnapshotMetadata = { index, term: 1, confState: { ...EMPTY_CONF_STATE, voters } }
  const hardState: HardState = { term: 1, vote: 0, commit: index }
  await store.saveSnapshot(snapshot, state)
  await store.installSnapshot(snapshot, hardState)
  return { hardState, snapshot, entries: [], prevIndex: index, prevTerm: 1 }
}

export function loadWindow(boot: BootState): MemoryStorage {
  const metadata = boot.snapshot ?? { index: 0, term: 0, confState: EMPTY_CONF_STATE }
  const { hardState, prevIndex, prevTerm, entries } = boot
  return MemoryStorage.load({ hardState, snapshot: { metadata, data: EMPTY_BYTES }, prevIndex, prevTerm, entries })
}

/**
 * Reads a snapshot of this disk, each chunk verified, and returns what puts it in the place of the machine's state, at
 * once: nothing may run between that and the moment at which the driver goes by the new index.
 */
export async function readState(
  store: LogStore,
  machine: StateMachine,
  { index, term }: { readonly index: Index; readonly term: Term },
): Promise<() => void> {
  const reader = await store.openSnapshot(index, term)
  try {
    const restorer = machine.beginRestore()
    for await (const chunk of reader.chunks()) restorer.push(chunk)
    restorer.end()
    return () => restorer.finish(index)
  } finally {
    await reader.close()
  }
}

/** Replaces the machine's state by a snapshot of this disk, while nothing else runs on it yet. */
export async function restoreMachine(store: LogStore, machine: StateMachine, index: Index, term: Term): Promise<void> {
  const replaceState = await readState(store, machine, { index, term })
  replaceState()
}

/** The shortest election timeout in ticks; a tick is as long as a heartbeat. */
export function electionTicks({ heartbeatMs, electionTimeoutMs }: RaftNodeOptions): number {
  return Math.max(2, Math.round(electionTimeoutMs / heartbeatMs))
}

export function makeCore(options: RaftNodeOptions, id: RaftId, storage: Storage, applied: Index): RawNode {
  const { random } = options
  const { appendMessageBytes, inflightBytes, uncommittedBytes } = { ...DEFAULT_BOUNDS, ...options.bounds }
  return new RawNode({
    id,
    storage,
    applied,
    electionTick: electionTicks(options),
    heartbeatTick: 1,
    randomInt: (bound) => random.int(bound),
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    stepDownOnRemoval: true,
    disableProposalForwarding: true,
    maxSizePerMsg: appendMessageBytes,
    maxInflightMsgs: INFLIGHT_MESSAGES,
    maxInflightBytes: inflightBytes,
    maxUncommittedEntriesSize: uncommittedBytes,
    maxCommittedSizePerReady: COMMITTED_BYTES_PER_READY,
  })
}
