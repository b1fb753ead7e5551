/** What was acknowledged as durable stays: term, vote and log, over every crash (I2, I5, I7). */
import type { ConfState, Entry, HardState, Index, SnapshotMetadata, Term } from '../../../src/raft/core/types.js'
import type {
  Identity,
  LogBatch,
  LogStore,
  SnapshotReader,
  SnapshotReceiver,
  SnapshotSource,
} from '../../../src/raft/node/interfaces.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'

/** What a volume has acknowledged, kept outside of it. */
interface Durable {
  hardState: HardState
  readonly terms: Map<Index, Term>
  last: Index
  snapshotIndex: Index
  raftId: number
  /** A write was under way when its process died: it may have happened. */
  unsure: boolean
}

export class StoreCheck {
  readonly #volumes = new Map<string, Durable>()
  /** Content of an entry by index and term, with the term before it: equal wherever it is stored (log matching). */
  readonly #entries = new Map<string, string>()

  constructor(
    private readonly world: World,
    /** Entries are on their way to a volume. */
    readonly onAppend: (volume: string, entries: readonly Entry[]) => void,
  ) {}

  tap(process: Process, volume: string, store: LogStore): LogStore {
    this.#opened(process, volume, store)
    return new TappedStore(process, store, this, volume)
  }

  /** Index `index` was applied: is it on the disks of a quorum of one of these configurations (I5)? Returns its term. */
  committed(index: Index, confStates: readonly ConfState[]): Term {
    const holders = new Map<Term, Set<number>>()
    const behind = new Set<number>()
    for (const { terms, snapshotIndex, raftId } of this.#volumes.values()) {
      const term = terms.get(index)
      if (snapshotIndex >= index) behind.add(raftId)
      else if (term !== undefined) holders.set(term, (holders.get(term) ?? new Set()).add(raftId))
    }
    if (holders.size === 0) holders.set(0, new Set())
    const durable = [...holders].find(([, group]) =>
      confStates.some(({ voters, votersOutgoing }) =>
        [voters, votersOutgoing].every((half) => {
          const count = half.filter((id) => group.has(id) || behind.has(id)).length
          return half.length === 0 || 2 * count > half.length
        }),
      ),
    )
    if (durable === undefined) this.world.fail(`entry ${index} is applied and not on the disks of a quorum`)
    return durable?.[0] ?? 0
  }

  durable(volume: string): Durable {
    const known = this.#volumes.get(volume) ?? {
      hardState: { term: 0, vote: 0, commit: 0 },
      terms: new Map(),
      last: 0,
      snapshotIndex: 0,
      raftId: 0,
      unsure: false,
    }
    this.#volumes.set(volume, known)
    return known
  }

  entries(process: Process, entries: readonly Entry[], known: Durable): void {
    for (const { index, term, type, data } of entries) {
      const before = entries.find((entry) => entry.index === index - 1)?.term ?? known.terms.get(index - 1)
      const key = `${index}/${term}`
      const text = `${type}:${Buffer.from(data).toString('base64')}`
      const stored = this.#entries.get(key)
      if (stored === undefined) this.#entries.set(key, text)
      else if (stored !== text)
        this.world.fail(`${process.name} stores another entry ${index} of term ${term} than others`)
      this.#before(process, index, term, before)
    }
  }

  readonly #termBefore = new Map<string, Term>()

  #before(process: Process, index: Index, term: Term, before: Term | undefined): void {
    if (before === undefined) return
    const key = `${index}/${term}`
    const known = this.#termBefore.get(key)
    this.#termBefore.set(key, before)
    if (known !== undefined && known !== before) {
      this.world.fail(
        `${process.name}: before entry ${index} of term ${term} stands term ${before}, elsewhere ${known}`,
      )
    }
  }

  hardState(process: Process, next: HardState, known: Durable): void {
    const { term, vote } = known.hardState
    const regressed = next.term < term || (next.term === term && vote !== 0 && next.vote !== vote)
    if (regressed) {
      this.world.fail(`${process.name} goes from term ${term}, vote ${vote} to term ${next.term}, vote ${next.vote}`)
    }
  }

  #opened(process: Process, volume: string, { loaded }: LogStore): void {
    const known = this.durable(volume)
    this.hardState(process, loaded.hardState, known)
    this.entries(process, loaded.entries, known)
    const terms = new Map(loaded.entries.map((entry) => [entry.index, entry.term]))
    terms.set(loaded.prevIndex, loaded.prevTerm)
    const last = loaded.entries.at(-1)?.index ?? loaded.prevIndex
    if (!known.unsure) {
      if (last < known.last)
        this.world.fail(`${process.name} lost entries: ${known.last} was acknowledged, ${last} is the last`)
      for (const [index, term] of known.terms) {
        if (index > loaded.prevIndex && index <= known.last && terms.get(index) !== term) {
          this.world.fail(`${process.name} lost entry ${index} of term ${term}`)
        }
      }
    }
    known.hardState = loaded.hardState
    known.terms.clear()
    for (const [index, term] of terms) known.terms.set(index, term)
    known.last = last
    known.snapshotIndex = Math.max(known.snapshotIndex, loaded.snapshot?.index ?? 0)
    known.raftId = loaded.identity?.raftId ?? 0
    known.unsure = false
  }
}

class TappedStore implements LogStore {
  readonly loaded: LogStore['loaded']
  readonly #durable: Durable
  #inFlight = false

  constructor(
    private readonly process: Process,
    private readonly store: LogStore,
    private readonly check: StoreCheck,
    private readonly volume: string,
  ) {
    this.loaded = store.loaded
    this.#durable = check.durable(volume)
    process.onKilled(() => {
      this.#durable.unsure = this.#inFlight
    })
  }

  async append(batch: LogBatch): Promise<void> {
    const durable = this.#durable
    if (this.#inFlight) this.process.world.fail(`${this.process.name}: two storage batches in flight`)
    this.check.entries(this.process, batch.entries, durable)
    this.check.onAppend(this.volume, batch.entries)
    if (batch.hardState !== null) this.check.hardState(this.process, batch.hardState, durable)
    this.#inFlight = true
    await this.store.append(batch)
    this.#inFlight = false
    if (batch.hardState !== null) durable.hardState = batch.hardState
    const [first] = batch.entries
    if (first === undefined) return
    for (let index = first.index; index <= durable.last; index++) durable.terms.delete(index)
    for (const { index, term } of batch.entries) durable.terms.set(index, term)
    durable.last = batch.entries.at(-1)?.index ?? durable.last
  }

  async writeIdentity(identity: Identity): Promise<void> {
    await this.store.writeIdentity(identity)
    this.#durable.raftId = identity.raftId
  }

  async installSnapshot(metadata: SnapshotMetadata, hardState: HardState | null): Promise<void> {
    if (hardState !== null) this.check.hardState(this.process, hardState, this.#durable)
    this.#inFlight = true
    await this.store.installSnapshot(metadata, hardState)
    this.#inFlight = false
    const durable = this.#durable
    if (hardState !== null) durable.hardState = hardState
    durable.terms.clear()
    durable.terms.set(metadata.index, metadata.term)
    durable.last = metadata.index
    durable.snapshotIndex = metadata.index
    if (metadata.index > 1) this.process.world.count('snapshot installed')
  }

  async compact(index: Index): Promise<void> {
    await this.store.compact(index)
    this.#durable.snapshotIndex = Math.max(this.#durable.snapshotIndex, index)
    this.process.world.count('log compacted')
  }

  putRecord(key: string, value: Uint8Array | null): Promise<void> {
    return this.store.putRecord(key, value)
  }
  getRecord(key: string): Promise<Uint8Array | null> {
    return this.store.getRecord(key)
  }
  saveSnapshot(metadata: SnapshotMetadata, source: SnapshotSource): Promise<void> {
    return this.store.saveSnapshot(metadata, source)
  }
  openSnapshot(index: Index, term: Term): Promise<SnapshotReader> {
    return this.store.openSnapshot(index, term)
  }
  receiveSnapshot(metadata: SnapshotMetadata, sizeBytes: number): Promise<SnapshotReceiver> {
    return this.store.receiveSnapshot(metadata, sizeBytes)
  }
  close(): Promise<void> {
    return this.store.close()
  }
}
