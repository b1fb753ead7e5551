import { invariant } from '../core/invariant.js'
import type { Message } from '../core/messages.js'
import type { Entry, HardState, Index, Snapshot, Term } from '../core/types.js'
import type { Clock, LogBatch, LogStore } from './interfaces.js'

/** What the loop did, once it is durable. `messages` are in the order in which the core asked for them. */
export interface Appended {
  readonly entries: readonly Entry[]
  readonly hardState: HardState | null
  readonly snapshot: Snapshot | null
  readonly messages: readonly Message[]
}

/**
 * The append thread of asynchronous storage writes: at most one storage batch is in flight, and what the core asks for
 * meanwhile becomes the next batch (group commit, raft-reference D1). A message with a snapshot is a batch of its own.
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
    /** The machine follows the snapshot before anything later is stored: what comes next builds on both. */
    private readonly restore: (index: Index, term: Term) => Promise<void>,
    durable: HardState,
    private readonly clock: Clock,
    private readonly onStored: (durationMs: number) => void,
    private readonly onAppended: (done: Appended) => void,
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
      this.onAppended(done)
      this.kick()
      return
    }
    this.#mustStoreCommit = false
    this.#busy = true
    const startMs = this.clock.takerNow()
    this.#write(done).then(
      () => {
        this.#busy = false
        this.onStored(this.clock.takerNow() - startMs)
        if (!this.#stopped) this.onAppended(done)
      },
      (error: unknown) => {
        this.#stopped = true
        this.onError(error)
      },
    )
  }

  async #write(done: Appended): Promise<void> {
    if (done.snapshot !== null) {
      const { metadata } = done.snapshot
      await this.#toDisk(() => this.store.installSnapshot(metadata, done.hardState))
      await this.restore(metadata.index, metadata.term)
      return
    }
    const batch: LogBatch = { hardState: this.#hardState, entries: done.entries, mustSync: true }
    await this.#toDisk(() => this.store.append(batch))
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
