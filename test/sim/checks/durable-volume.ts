/** One directory through all its processes: what was acknowledged, and what was under way when the last one ended. */
import type { Index, SnapshotMetadata } from '../../../src/raft/core/types.js'
import type { LoadedLog } from '../../../src/raft/ports/store.js'
import { DurableLog, type Write } from './durable-log.js'

const nameOf = ({ index, term }: Pick<SnapshotMetadata, 'index' | 'term'>): string => `${index}-${term}`

export class DurableVolume {
  log = new DurableLog()
  /** Writes in line that were not acknowledged, in order. */
  #pending: Write[] = []
  /** Snapshots of which a file may be there. */
  readonly #snapshots = new Map<string, SnapshotMetadata>()
  /** The newest one that must be there. */
  #installed: SnapshotMetadata | null = null

  get snapshotIndex(): Index {
    return this.#installed?.index ?? 0
  }

  copy(): DurableVolume {
    const copy = new DurableVolume()
    copy.log = this.log.copy()
    copy.#pending = [...this.#pending]
    for (const [name, metadata] of this.#snapshots) copy.#snapshots.set(name, metadata)
    copy.#installed = this.#installed
    return copy
  }

  begun(write: Write): void {
    this.#pending.push(write)
  }

  /** The store works in line: what was begun before `write` has happened too. */
  acknowledged(write: Write): void {
    const place = this.#pending.indexOf(write)
    for (const done of this.#pending.splice(0, place + 1)) {
      this.log.apply(done)
      if (done.kind === 'install') this.#install(done.metadata)
    }
  }

  snapshotBegun(metadata: SnapshotMetadata): void {
    this.#snapshots.set(nameOf(metadata), metadata)
  }

  snapshotSaved(metadata: SnapshotMetadata): void {
    const { first, last } = this.log
    if (metadata.index >= first - 1 && metadata.index <= last) this.#install(metadata)
  }

  /**
   * A process found this: exactly what was acknowledged, or that and the first of the writes that were under way, each
   * whole. Returns what is wrong. `isDamaged`: a snapshot that was lost may be replaced by an older one, if the log
   * reaches back to it.
   */
  opened(loaded: LoadedLog, records: ReadonlyMap<string, string>, isDamaged: boolean): string | null {
    const possible = this.log.copy()
    const problems = [possible.difference(loaded, records)]
    for (const write of this.#pending) {
      if (problems.at(-1) === null) break
      possible.apply(write)
      problems.push(possible.difference(loaded, records))
    }
    if (problems.at(-1) !== null)
      return `is neither what was acknowledged nor with what was under way: ${problems.join('; ')}`
    const problem = this.#snapshotProblem(loaded, possible, isDamaged)
    if (problem !== null) return problem
    this.log = possible
    this.log.startsAfter(loaded.prevIndex)
    this.#pending = []
    this.#installed = loaded.snapshot
    return null
  }

  #install(metadata: SnapshotMetadata): void {
    this.#snapshots.set(nameOf(metadata), metadata)
    if (metadata.index > this.snapshotIndex) this.#installed = metadata
  }

  #snapshotProblem({ snapshot, prevIndex }: LoadedLog, log: DurableLog, isDamaged: boolean): string | null {
    if (snapshot === null) return this.snapshotIndex === 0 ? null : `lost the snapshot of ${this.snapshotIndex}`
    const name = nameOf(snapshot)
    const isOlder = snapshot.index < this.snapshotIndex
    if (snapshot.index < prevIndex || (isOlder && !isDamaged))
      return `has only snapshot ${name}, not ${this.snapshotIndex}`
    if (log.terms.get(snapshot.index) !== snapshot.term) return `has a snapshot ${name} that is not of its log`
    const known = JSON.stringify(this.#snapshots.get(name)?.confState)
    return known === JSON.stringify(snapshot.confState) ? null : `has a snapshot ${name} that nobody made`
  }
}
