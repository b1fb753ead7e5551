import { decodeConfChange } from '../../src/raft/core/confchange/codec.js'
import type { RaftConfig } from '../../src/raft/core/config.js'
import { MemoryStorage } from '../../src/raft/core/log/memory-storage.js'
import type { Message } from '../../src/raft/core/messages.js'
import { RawNode } from '../../src/raft/core/raw-node.js'
import {
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  type Entry,
  EntryType,
  type HardState,
  type Index,
  type RaftId,
  type Snapshot,
} from '../../src/raft/core/types.js'

export type ConfigTemplate = Omit<RaftConfig, 'id' | 'storage' | 'applied'>

export const EMPTY_SNAPSHOT: Snapshot = {
  metadata: { index: 0, term: 0, confState: EMPTY_CONF_STATE },
  data: EMPTY_BYTES,
}

/** A log in memory whose snapshot is always the newest state of the node's state machine. */
class ScenarioStorage extends MemoryStorage {
  confState: ConfState
  readonly #history: readonly Snapshot[]

  constructor(history: readonly Snapshot[], confState: ConfState) {
    super()
    this.#history = history
    this.confState = confState
  }

  override initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: super.initialState().hardState, confState: this.confState }
  }

  override snapshot(): Snapshot {
    return this.#history.at(-1) ?? EMPTY_SNAPSHOT
  }
}

/**
 * One member of a scenario: a RawNode with its log and its state machine, which appends the data of all entries. The state
 * machine's whole past is kept; a snapshot from the leader does not enter it, as in etcd's runner.
 */
export class ScenarioNode {
  raw: RawNode
  readonly storage: ScenarioStorage
  readonly appendWork: Message[] = []
  readonly applyWork: Message[] = []
  readonly #config: RaftConfig
  readonly #history: Snapshot[]
  #applied: Index

  constructor(
    readonly id: RaftId,
    template: ConfigTemplate,
    bootstrap: Snapshot,
  ) {
    this.#history = [bootstrap]
    this.#applied = bootstrap.metadata.index
    this.storage = new ScenarioStorage(this.#history, bootstrap.metadata.confState)
    if (bootstrap.metadata.index > 0) this.storage.applySnapshot(bootstrap)
    this.#config = { ...template, id, storage: this.storage }
    this.raw = new RawNode({ ...this.#config, applied: this.#applied })
  }

  get electionTick(): number {
    return this.#config.electionTick
  }

  get heartbeatTick(): number {
    return this.#config.heartbeatTick
  }

  get asyncStorageWrites(): boolean {
    return this.#config.asyncStorageWrites === true
  }

  /** A crash and a new start: what was stored and applied is there, everything else is gone. */
  restart(): void {
    this.appendWork.length = 0
    this.applyWork.length = 0
    this.raw = new RawNode({ ...this.#config, applied: this.#applied })
  }

  append(hardState: HardState | null, entries: readonly Entry[], snapshot: Snapshot | null): void {
    if (hardState !== null) this.storage.setHardState(hardState)
    if (snapshot === null) {
      this.storage.append(entries)
    } else {
      this.storage.applySnapshot(snapshot)
      this.storage.confState = snapshot.metadata.confState
      this.#applied = snapshot.metadata.index
    }
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) this.#applyOne(entry)
  }

  #applyOne(entry: Entry): void {
    const before = this.#history.at(-1) ?? EMPTY_SNAPSHOT
    let update = entry.data
    let { confState } = before.metadata
    if (entry.type !== EntryType.normal) {
      const change = decodeConfChange(entry.type, entry.data)
      confState = this.raw.applyConfChange(change)
      this.storage.confState = confState
      update = change.context
    }
    const data = new Uint8Array([...before.data, ...update])
    this.#history.push({ metadata: { index: entry.index, term: entry.term, confState }, data })
    this.#applied = entry.index
  }
}
