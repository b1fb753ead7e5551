/** What was acknowledged as durable stays: term, vote, log and records, over every crash (I2, I5, I7, I8). */
import type { ConfState, Entry, HardState, Index, Term } from '../../../src/raft/core/types.js'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import type { LogStore } from '../../../src/raft/ports/store.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'
import type { Write } from './durable-log.js'
import { DurableVolume } from './durable-volume.js'
import { hexOf, TappedStore } from './tapped-store.js'

/** What a process opens: whether its contents were tampered with decides what may be missing. */
export interface OpenedVolume {
  readonly id: string
  readonly isDamaged: boolean
}

export class StoreCheck {
  readonly #volumes = new Map<string, DurableVolume>()
  /** The directories of a node: after a loss, a move or a copy there are several. */
  readonly #ofNode = new Map<string, Set<DurableVolume>>()
  readonly #recordKeys = new Set<string>()
  /** Content of an entry by index and term, with the term before it: equal wherever it is stored (log matching). */
  readonly #entries = new Map<string, string>()

  constructor(
    private readonly world: World,
    /** Entries are on their way to a volume. */
    readonly onAppend: (volume: string, entries: readonly Entry[]) => void,
  ) {}

  async tap(process: Process, volume: OpenedVolume, store: LogStore): Promise<LogStore> {
    const durable = this.#volume(volume.id)
    await this.#opened(process, volume, durable, store)
    return new TappedStore(process, store, durable, {
      writes: (write) => this.#writes(process, volume.id, durable, write),
    })
  }

  /** Index `index` was applied: is it on the disks of a quorum of one of these configurations (I5)? Returns its term. */
  committed(index: Index, confStates: readonly ConfState[]): Term {
    const holders = new Map<Term, Set<number>>()
    const behind = new Set<number>()
    for (const { log, snapshotIndex } of this.#volumes.values()) {
      const raftId = log.identity?.raftId ?? 0
      const term = log.terms.get(index)
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

  /** Volume `to` is a copy of `from`, and must have what that one has acknowledged. */
  copied(from: string, to: string): void {
    this.#volumes.set(to, this.#volume(from).copy())
  }

  /** A leader counts on nothing that a follower of its term has not on its disk, or on a copy of it (I8). */
  counted(leader: NodeStatus): void {
    for (const { nodeId, match } of leader.progress) {
      const logs = [...(this.#ofNode.get(nodeId) ?? [])].map(({ log }) => log)
      const isOfTerm = logs.length > 0 && logs.every(({ hardState }) => hardState.term <= leader.term)
      if (isOfTerm && logs.every(({ last }) => match > last)) {
        this.world.fail(`${leader.nodeId} counts on ${match} entries of ${nodeId}, which has not so many`)
      }
    }
  }

  #volume(id: string): DurableVolume {
    const known = this.#volumes.get(id) ?? new DurableVolume()
    this.#volumes.set(id, known)
    return known
  }

  #belongs(nodeId: string, volume: DurableVolume): void {
    this.#ofNode.set(nodeId, (this.#ofNode.get(nodeId) ?? new Set()).add(volume))
  }

  #writes(process: Process, volume: string, { log }: DurableVolume, write: Write): void {
    if (write.kind === 'append') {
      this.#entriesOf(process, write.batch.entries, log.terms)
      this.onAppend(volume, write.batch.entries)
    }
    if (write.kind === 'append' || write.kind === 'install') {
      const { hardState } = write.kind === 'append' ? write.batch : write
      if (hardState !== null) this.#hardState(process, hardState, log.hardState)
    }
    if (write.kind === 'record') this.#recordKeys.add(write.key)
    if (write.kind === 'identity') this.#belongs(write.identity.nodeId, this.#volume(volume))
  }

  #entriesOf(process: Process, entries: readonly Entry[], known: ReadonlyMap<Index, Term>): void {
    for (const { index, term, type, data } of entries) {
      const before = entries.find((entry) => entry.index === index - 1)?.term ?? known.get(index - 1)
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

  #hardState(process: Process, next: HardState, { term, vote }: HardState): void {
    const regressed = next.term < term || (next.term === term && vote !== 0 && next.vote !== vote)
    if (regressed) {
      this.world.fail(`${process.name} goes from term ${term}, vote ${vote} to term ${next.term}, vote ${next.vote}`)
    }
  }

  async #opened(process: Process, volume: OpenedVolume, durable: DurableVolume, store: LogStore): Promise<void> {
    const { loaded } = store
    this.#hardState(process, loaded.hardState, durable.log.hardState)
    this.#entriesOf(process, loaded.entries, durable.log.terms)
    const records = new Map<string, string>()
    for (const key of this.#recordKeys) {
      const value = await store.getRecord(key)
      if (value !== null) records.set(key, hexOf(value))
    }
    const problem = durable.opened(loaded, records, volume.isDamaged)
    if (problem !== null) this.world.fail(`what ${process.name} found ${problem}`)
    if (loaded.identity !== null) this.#belongs(loaded.identity.nodeId, durable)
  }
}
