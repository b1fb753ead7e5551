import { crc32c } from '@node-rs/crc32'
import { invariant } from '../../invariant.js'
import type { Entry, HardState, Index, SnapshotMetadata } from '../core/types.js'
import { SWEEP_STEP_BLOCKS } from '../limits.js'
import type { LogBatch } from '../ports/store.js'
import { type BlockInfo, encodeBlock, keepEntriesBefore } from './block.js'
import type { DatabaseOperation } from './disk.js'
import { blockKey, META_KEY, recordKey } from './layout.js'
import { encodeMeta, type LogPoint, type Meta } from './meta.js'
import { digestRecords, encodeRecord, type Records } from './records.js'

/** One atomic write. `meta` is the value of the meta record in it, and what the journal says afterwards. */
export interface Plan {
  readonly operations: readonly DatabaseOperation[]
  readonly meta: Buffer
  readonly sequence: number
}

export interface ImageContents {
  readonly meta: Meta
  readonly blocks: readonly BlockInfo[]
  readonly records: Records
  /** Blocks before the start of the log whose deletion was not completed. */
  readonly forgotten: readonly BlockInfo[]
}

const put = (key: Buffer, value: Buffer): DatabaseOperation => ({ type: 'put', key, value })
const del = (key: Buffer): DatabaseOperation => ({ type: 'del', key })

const endOf = (block: BlockInfo): LogPoint => ({ index: block.lastIndex, term: block.lastTerm, chain: block.checksum })

/**
 * What the database contains, without the entries, and how each change of it is written. Pure: it does no I/O, so that
 * the simulator can run it over any disk. Planning a write changes the image at once; if the write then fails, the store
 * is no longer used.
 */
export class LogImage {
  #meta: Meta
  readonly #blocks: BlockInfo[]
  readonly #records: Map<string, Uint8Array>
  /** Blocks that end at or before the start of the log and are still on disk. */
  readonly #forgotten: BlockInfo[]

  constructor({ meta, blocks, records, forgotten }: ImageContents) {
    this.#meta = meta
    this.#blocks = [...blocks]
    this.#records = new Map(records)
    this.#forgotten = [...forgotten]
  }

  get meta(): Meta {
    return this.#meta
  }

  get records(): Records {
    return this.#records
  }

  /** The block that a batch from `firstIndex` on would cut in two; its value is needed to plan that batch. */
  blockCutBy(firstIndex: Index): BlockInfo | null {
    const block = this.#blocks[this.#positionOf(firstIndex)]
    return block !== undefined && block.firstIndex < firstIndex ? block : null
  }

  /** `cut`: the verified value of `blockCutBy(first index of the batch)`, or null if no block is cut. */
  planAppend(batch: LogBatch, cut: Buffer | null): Plan {
    const hardState = this.#advance(batch.hardState ?? this.#meta.hardState)
    const { term, vote } = this.#meta.hardState
    invariant(
      batch.mustSync || (batch.entries.length === 0 && term === hardState.term && vote === hardState.vote),
      'store: only a change of the commit index may go without a sync',
    )
    const operations = batch.entries.length > 0 ? this.#replaceFrom(batch.entries, cut) : []
    const { last } = this.#meta
    invariant(hardState.commit <= last.index, () => `store: commit ${hardState.commit} is after the end ${last.index}`)
    invariant(last.term <= hardState.term, () => `store: entry of term ${last.term} in term ${hardState.term}`)
    return this.#plan(operations, { hardState })
  }

  /** Forgets whole blocks up to `index`; the one that straddles it stays. Null if there is nothing to forget. */
  planCompact(index: Index): Plan | null {
    const removed = this.#blocks.splice(0, this.#positionOf(index + 1))
    const lastRemoved = removed.at(-1)
    if (lastRemoved === undefined) return null
    this.#forget(removed)
    return this.#plan([], { prev: endOf(lastRemoved) })
  }

  /** The log restarts after the snapshot. No entry of the old one stays, not even a tail behind it (mutant M46). */
  planInstall(metadata: SnapshotMetadata, hardState: HardState | null): Plan {
    const { index, term } = metadata
    const { commit } = this.#meta.hardState
    invariant(index >= commit, () => `store: snapshot ${index} is older than the commit index ${commit}`)
    const next = this.#advance({ ...(hardState ?? this.#meta.hardState), commit: Math.max(commit, index) })
    invariant(term <= next.term, () => `store: snapshot of term ${term} in term ${next.term}`)
    const removed = this.#blocks.splice(0)
    const after = removed.findIndex((block) => block.lastIndex > index)
    const tail = after === -1 ? [] : removed.splice(after)
    this.#forget(removed)
    // A chain of its own, so that no block from before can ever be taken for a part of the new log.
    const start = { index, term, chain: crc32c(`start ${this.#meta.sequence}`) }
    return this.#plan(
      tail.map((block) => del(blockKey(block.firstIndex))),
      { hardState: next, prev: start, last: start },
    )
  }

  /**
   * Deletes a slice of what was forgotten; null if nothing is left. Needs neither a sync nor a change of the meta record:
   * a block that ends before the start of the log is not of it, whether it is there or not.
   */
  planSweep(): readonly DatabaseOperation[] | null {
    const slice = this.#forgotten.splice(-SWEEP_STEP_BLOCKS)
    return slice.length === 0 ? null : slice.map((block) => del(blockKey(block.firstIndex)))
  }

  planRecord(name: string, value: Uint8Array | null): Plan {
    const key = recordKey(name)
    if (value === null) this.#records.delete(name)
    else this.#records.set(name, new Uint8Array(value))
    const operation = value === null ? del(key) : put(key, encodeRecord(value))
    return this.#plan([operation], { recordsDigest: digestRecords(this.#records) })
  }

  /**
   * Changes nothing. Written at each start: it proves that the disk can be written to, and renews the journal. Its number
   * is that of the newest `proven` write + 1, however often a start ends before its slot is written: so the database never
   * gets further ahead of the journal than by one write.
   */
  planStart(proven: number): Plan {
    this.#meta = { ...this.#meta, sequence: proven }
    return this.#plan([], {})
  }

  #forget(blocks: readonly BlockInfo[]): void {
    for (const block of blocks) this.#forgotten.push(block)
  }

  #plan(operations: DatabaseOperation[], change: Partial<Meta>): Plan {
    this.#meta = { ...this.#meta, ...change, sequence: this.#meta.sequence + 1 }
    const meta = encodeMeta(this.#meta)
    operations.push(put(META_KEY, meta))
    return { operations, meta, sequence: this.#meta.sequence }
  }

  /** The hard state after `next`: the term never falls, a vote is never changed, the commit index never falls. */
  #advance(next: HardState): HardState {
    const { term, vote, commit } = this.#meta.hardState
    invariant(next.term >= term, () => `store: the term would fall from ${term} to ${next.term}`)
    invariant(
      next.term > term || vote === 0 || next.vote === vote,
      () => `store: the vote of term ${term} would change from ${vote} to ${next.vote}`,
    )
    return { term: next.term, vote: next.vote, commit: Math.max(commit, next.commit) }
  }

  #replaceFrom(entries: readonly Entry[], cut: Buffer | null): DatabaseOperation[] {
    const first = entries[0]
    invariant(first !== undefined, 'store: replacing by nothing')
    const { prev, last, hardState } = this.#meta
    invariant(first.index > prev.index && first.index <= last.index + 1, () => `store: gap before ${first.index}`)
    invariant(first.index > hardState.commit, () => `store: committed entry ${first.index} would be replaced`)
    checkContiguous(entries)

    const position = this.#positionOf(first.index)
    const cutBlock = this.blockCutBy(first.index)
    invariant((cutBlock === null) === (cut === null), 'store: the cut block is needed, and only that')
    const kept = cutBlock !== null && cut !== null ? keepEntriesBefore(cut, cutBlock, first.index) : null
    const before = this.#blocks[position - 1]
    invariant((before?.lastTerm ?? prev.term) <= first.term, () => `store: the term falls at entry ${first.index}`)
    const block = encodeBlock(before?.checksum ?? prev.chain, kept, entries)
    const removed = this.#blocks.splice(position, Number.POSITIVE_INFINITY, block.info)
    this.#meta = { ...this.#meta, last: endOf(block.info) }

    const operations = removed
      .filter((old) => old.firstIndex !== block.info.firstIndex)
      .map((old) => del(blockKey(old.firstIndex)))
    operations.push(put(blockKey(block.info.firstIndex), block.value))
    return operations
  }

  /** Position of the block that contains `index`, or of the first one after it. */
  #positionOf(index: Index): number {
    const blocks = this.#blocks
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const block = blocks[middle]
      if (block !== undefined && block.lastIndex < index) low = middle + 1
      else high = middle
    }
    return low
  }
}

function checkContiguous(entries: readonly Entry[]): void {
  entries.reduce((previous, entry) => {
    invariant(entry.index === previous.index + 1, () => `store: entry ${entry.index} follows ${previous.index}`)
    invariant(entry.term >= previous.term, () => `store: the term falls at entry ${entry.index}`)
    return entry
  })
}
