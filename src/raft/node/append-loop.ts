import { invariant } from '../../invariant.js'
import type { Clock } from '../../platform.js'
import type { Message } from '../core/messages.js'
import type { Entry, HardState, Snapshot, SnapshotMetadata } from '../core/types.js'
import { STORED_BATCH_BYTES } from '../limits.js'
import type { LogStore } from '../ports/store.js'

/** What the loop did, once it is durable. `messages` are in the order in which the core asked for them. */
export interface Appended {
  readonly entries: readonly Entry[]
  readonly hardState: HardState | null
  readonly snapshot: Snapshot | null
  readonly messages: readonly Message[]
}

/** Puts a state that was read beforehand in the place of the machine's, at once. */
export type ReplaceState = () => void

const NOTHING_TO_REPLACE: ReplaceState = () => undefined

/**
 * The append thread of asynchronous storage writes: at most one storage batch is in flight, and what the core asks for
 * meanwhile becomes the next batch (group commit). A message with a snapshot is a batch of its own; if
 * the entries behind the snapshot arrived in the same turn, it carries them as well.
 */
export class AppendLoop {
  #queue: Message[] = []
  #busy = false
  #stopped = false
  #mustStoreCommit = false
  #writes = 0
  #isWriting = false
  /** The newest one; its term and vote are durable or in the batch under way. */
  #hardState: HardState

  constructor(
    private readonly store: LogStore,
    /** Reads the state of a snapshot that is about to be installed. */
    private readonly readState: (metadata: SnapshotMetadata) => Promise<ReplaceState>,
    durable: HardState,
    private readonly clock: Clock,
    private readonly onStored: (durationMs: number) => void,
    /** `replaceState` is to be called in the turn in which the driver moves to the snapshot, and in no earlier one. */
    private readonly onAppended: (done: Appended, replaceState: ReplaceState) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#hardState = durable
  }

  get busy(): boolean {
    return this.#busy
  }

  /** The number of the write that the disk has not answered, 0 if there is none. Restoring the machine is no such write. */
  get writeUnderWay(): number {
    return this.#isWriting ? this.#writes : 0
  }

  push(message: Message): void {
    this.#queue.push(message)
  }

  /**
   * The commit index is stored now and not with the next entries. After a membership change: a node that starts again goes
   * by the last change that it knows to be committed, and may wait for voters that were removed because they are lost.
   */
  storeCommit(): void {
    this.#mustStoreCommit = true
  }

  stop(): void {
    this.#stopped = true
  }

  /** Starts the next batch if none is in flight. Called at the end of a turn, so that a batch takes all that arrived. */
  kick(): void {
    if (this.#busy || this.#stopped || (this.#queue.length === 0 && !this.#mustStoreCommit)) return
    const messages = this.#take()
    const done = merge(messages)
    // A higher commit index alone is not worth a disk write: it rides with the next batch (A1, mustSync).
    const voteChanged =
      done.hardState !== null &&
      (done.hardState.term !== this.#hardState.term || done.hardState.vote !== this.#hardState.vote)
    // It does ride along: a follower that stores a membership change stores with it that the change before is committed
    // (the leader proposes one only then), so that after a restart its configuration is never two changes behind.
    if (done.hardState !== null) this.#hardState = done.hardState
    const isIdle = done.snapshot === null && done.entries.length === 0 && !voteChanged
    if (isIdle && !this.#mustStoreCommit) {
      this.onAppended(done, NOTHING_TO_REPLACE)
      this.kick()
      return
    }
    this.#mustStoreCommit = false
    this.#busy = true
    const startMs = this.clock.takerNow()
    this.#write(done).then(
      (replaceState) => {
        this.#busy = false
        this.onStored(this.clock.takerNow() - startMs)
        if (!this.#stopped) this.onAppended(done, replaceState)
      },
      (error: unknown) => {
        this.#stopped = true
        this.onError(error)
      },
    )
  }

  /**
   * The snapshot first, then the entries, as the core counts on both once this is done. A crash in between leaves a log
   * that ends earlier and of which nothing was acknowledged; the commit index on disk never exceeds it.
   */
  async #write({ snapshot, hardState, entries }: Appended): Promise<ReplaceState> {
    let replaceState = NOTHING_TO_REPLACE
    if (snapshot !== null) {
      const { metadata } = snapshot
      const state = hardState === null ? null : committedUpTo(hardState, metadata.index)
      // Read first: what cannot be read must not have taken the place of a log that can.
      replaceState = await this.readState(metadata)
      await this.#toDisk(() => this.store.installSnapshot(metadata, state))
      if (entries.length === 0) return replaceState
    }
    // All that a turn brought may be more than one write should hold: 32 frames that waited behind a slow disk.
    for (const part of partsOf(entries)) {
      const last = part[part.length - 1]
      const isLastPart = last === undefined || last === entries[entries.length - 1]
      const partState = isLastPart ? this.#hardState : committedUpTo(this.#hardState, last.index)
      await this.#toDisk(() => this.store.append({ hardState: partState, entries: part, mustSync: true }))
    }
    return replaceState
  }

  async #toDisk(write: () => Promise<void>): Promise<void> {
    this.#writes += 1
    this.#isWriting = true
    await write()
    this.#isWriting = false
  }

  #take(): Message[] {
    const queue = this.#queue
    const first = queue.findIndex((message) => message.snapshot !== null)
    if (first === -1) {
      this.#queue = []
      return queue
    }
    return queue.splice(0, first === 0 ? 1 : first)
  }
}

const committedUpTo = (hardState: HardState, index: number): HardState => ({
  ...hardState,
  commit: Math.min(hardState.commit, index),
})

/** `entries` in pieces of about STORED_BATCH_BYTES; without entries one empty piece, for the hard state. */
function partsOf(entries: readonly Entry[]): (readonly Entry[])[] {
  const parts: (readonly Entry[])[] = []
  let start = 0
  let bytes = 0
  entries.forEach((entry, i) => {
    if (bytes > 0 && bytes + entry.data.length > STORED_BATCH_BYTES) {
      parts.push(entries.slice(start, i))
      start = i
      bytes = 0
    }
    bytes += entry.data.length
  })
  parts.push(start === 0 ? entries : entries.slice(start))
  return parts
}

/** Later entries replace earlier ones from their first index on, exactly as separate writes would have. */
function merge(messages: readonly Message[]): Appended {
  let entries: readonly Entry[] = []
  let hardState: HardState | null = null
  let snapshot: Snapshot | null = null
  for (const message of messages) {
    // etcd-raft's convention: term 0 stands for "no hard state in this message".
    if (message.term !== 0) hardState = { term: message.term, vote: message.vote, commit: message.commit }
    if (message.snapshot !== null) snapshot = message.snapshot
    if (message.entries.length > 0)
      entries = entries.length === 0 ? message.entries : replaceFrom(entries, message.entries)
  }
  return { entries, hardState, snapshot, messages }
}

function replaceFrom(stored: readonly Entry[], newer: readonly Entry[]): Entry[] {
  const from = newer[0]
  const base = stored[0]
  invariant(from !== undefined && base !== undefined, 'append loop: merging nothing')
  if (from.index <= base.index) return [...newer]
  const kept = stored.slice(0, from.index - base.index)
  invariant(kept.length === from.index - base.index, 'append loop: a gap between two storage writes')
  return kept.concat(newer)
}
