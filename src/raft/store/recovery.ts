/**
 * What a start does with the contents of the disk: either everything that was acknowledged is there, or a `StoreError`
 * says what is not. Pure; the simulator feeds it the pairs of a fake disk.
 *
 * Why this is a proof: the newest meta record is at least as new as the journal (`synced`), so no acknowledged batch came
 * after it. It is newer by at most the one batch that was under way, so the journal is not an older copy. And it names the
 * start, the end and the last checksum of the log and the digest of the records, all as of that batch; the contents must
 * match exactly. A shortened log, or one with a hole, is never served (mutant M39).
 */
import type { Entry } from '../core/types.js'
import type { StoreError } from '../ports/store.js'
import { type BlockInfo, readBlockEntries, readBlockInfo } from './block.js'
import { CodecError } from './codec.js'
import type { DatabaseOperation } from './disk.js'
import { damaged } from './errors.js'
import { JOURNAL_BYTES, type JournalSlot, newestSlot, slotsIn } from './journal.js'
import { JOURNAL_FILE, LOG_DIRECTORY, parseKey } from './layout.js'
import type { ImageContents } from './log-image.js'
import { decodeMeta, encodeMeta, type LogPoint, type Meta } from './meta.js'
import { decodeRecord, digestRecords } from './records.js'

export interface RecoveredLog extends ImageContents {
  readonly proof: JournalSlot
  readonly entries: readonly Entry[]
}

const IN_LOG = `${LOG_DIRECTORY}/`

/**
 * The batches that were in the journal and not yet in the database when the node ended. They are written again, in order,
 * before anything is judged. Null if there is nothing to do, or if LevelDB lacks what it had synced already, which is damage
 * and is reported by the scan. `storedMeta`: the value of the meta record, if there is one.
 */
export function batchesToRepeat(journal: Buffer, storedMeta: Buffer | undefined): readonly DatabaseOperation[] | null {
  // One that was cut is reported by the scan.
  const slots = journal.byteLength < JOURNAL_BYTES ? [] : slotsIn(journal)
  const newest = slots[0]
  const stored = storedMeta === undefined ? null : sequenceOf(storedMeta)
  if (newest === undefined || stored === null || stored < newest.batch.base) return null
  const missing = slots.filter(({ meta }) => meta.sequence > stored).reverse()
  const isWhole = missing.every(
    ({ meta, batch }, place) => meta.sequence === stored + 1 + place && batch.operations.length > 0,
  )
  if (missing.length === 0 || !isWhole) return null
  return missing.flatMap(({ batch }) => batch.operations)
}

function sequenceOf(storedMeta: Buffer): number | null {
  try {
    return decodeMeta(storedMeta).sequence
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/** Takes every pair of the database, then judges them together. */
export class LogScan {
  readonly #directory: string
  readonly #blocks: BlockInfo[] = []
  readonly #entries: Entry[] = []
  readonly #records = new Map<string, Uint8Array>()
  #meta: Meta | null = null

  constructor(directory: string) {
    this.#directory = directory
  }

  get isEmpty(): boolean {
    return this.#meta === null && this.#blocks.length === 0 && this.#records.size === 0
  }

  /** In the order of the keys. Throws StoreError at a damaged value. */
  add(key: Buffer, value: Buffer): void {
    const parsed = parseKey(key)
    if (parsed === null) throw this.#damaged(IN_LOG, `unknown key ${key.toString('hex')}`)
    if (parsed.kind === 'block') {
      this.#read(`the block of entries from ${parsed.firstIndex} on`, () => this.#addBlock(parsed.firstIndex, value))
    } else if (parsed.kind === 'meta') {
      this.#read('the meta record', () => {
        this.#meta = decodeMeta(value)
      })
    } else this.#read(`record ${parsed.name}`, () => this.#records.set(parsed.name, decodeRecord(value)))
  }

  /** `journal`: the bytes of the journal. Throws StoreError unless everything acknowledged is there. */
  finish(journal: Buffer): RecoveredLog {
    if (journal.byteLength < JOURNAL_BYTES) {
      throw this.#damaged(JOURNAL_FILE, `it is cut to ${journal.byteLength} bytes`)
    }
    const proof = newestSlot(journal)
    if (proof === null) throw this.#damaged(JOURNAL_FILE, 'none of the copies in it has a matching checksum')
    const meta = this.#meta
    if (meta === null) throw this.#damaged(IN_LOG, `the meta record is missing, but ${proofOf(proof.meta)}`)
    this.#checkJournal(meta, proof.meta)
    // What ends before the start of the log was compacted; a crash may have come before its deletion.
    const forgotten = this.#blocks.filter((block) => block.lastIndex <= meta.prev.index)
    const blocks = this.#blocks.filter((block) => block.lastIndex > meta.prev.index)
    this.#checkChain(meta, blocks)
    if (digestRecords(this.#records) !== meta.recordsDigest) {
      throw this.#damaged(IN_LOG, `a small record was lost or is an older one; there are ${this.#records.size}`)
    }
    const entries = this.#entries.slice(this.#entries.length - (meta.last.index - meta.prev.index))
    return { meta, proof, blocks, entries, records: this.#records, forgotten }
  }

  #addBlock(firstIndex: number, value: Buffer): void {
    const info = readBlockInfo(value)
    if (info.firstIndex !== firstIndex) throw new CodecError(`it is the block from ${info.firstIndex} on`)
    for (const entry of readBlockEntries(value, info)) this.#entries.push(entry)
    this.#blocks.push(info)
  }

  #checkJournal(meta: Meta, proven: Meta): void {
    const ends = `the database ends with write ${meta.sequence}, entry ${meta.last.index}, term ${meta.hardState.term}`
    const isOther = meta.sequence === proven.sequence && !encodeMeta(meta).equals(encodeMeta(proven))
    const contradicts =
      isOther ||
      meta.sequence < proven.sequence ||
      meta.hardState.term < proven.hardState.term ||
      meta.hardState.commit < proven.hardState.commit ||
      meta.prev.index < proven.prev.index
    if (contradicts) throw this.#damaged(IN_LOG, `${ends}, but ${proofOf(proven)}`)
    // A batch comes to the database only after the one before it was in the journal.
    if (meta.sequence > proven.sequence + 1) {
      const older = `it ends with write ${proven.sequence}, but the database has write ${meta.sequence}`
      throw this.#damaged(
        JOURNAL_FILE,
        `${older}: it is an older copy or damaged, and batches may be missing that only it had`,
      )
    }
    const isOtherVote = proven.hardState.vote !== 0 && meta.hardState.vote !== proven.hardState.vote
    if (meta.hardState.term === proven.hardState.term && isOtherVote) {
      throw this.#damaged(IN_LOG, `the vote of term ${meta.hardState.term} is not the one that ${JOURNAL_FILE} proves`)
    }
  }

  #checkChain(meta: Meta, blocks: readonly BlockInfo[]): void {
    let end: LogPoint = meta.prev
    for (const block of blocks) {
      const { firstIndex, lastIndex } = block
      if (firstIndex > end.index + 1) throw this.#missing(end.index + 1, firstIndex - 1)
      if (firstIndex <= end.index) {
        throw this.#damaged(IN_LOG, `block ${firstIndex} to ${lastIndex} should be gone: a deletion was lost`)
      }
      if (block.chain !== end.chain || block.firstTerm < end.term) {
        const problem = 'does not follow what is stored before it: one of the two is not the one stored last'
        throw this.#damaged(IN_LOG, `block ${firstIndex} to ${lastIndex} ${problem}`)
      }
      end = { index: lastIndex, term: block.lastTerm, chain: block.checksum }
    }
    if (end.index < meta.last.index) throw this.#missing(end.index + 1, meta.last.index)
    if (end.index > meta.last.index || end.chain !== meta.last.chain || end.term !== meta.last.term) {
      throw this.#damaged(IN_LOG, `the entries end with ${end.index} and are not those stored last`)
    }
  }

  #missing(first: number, last: number): StoreError {
    return this.#damaged(IN_LOG, `entries ${first} to ${last} are missing`)
  }

  #read(what: string, read: () => void): void {
    try {
      read()
    } catch (error) {
      if (error instanceof CodecError) throw this.#damaged(IN_LOG, `${what} is damaged: ${error.message}`, error)
      throw error
    }
  }

  #damaged(where: string, what: string, cause?: unknown): StoreError {
    return damaged(this.#directory, where, what, cause)
  }
}

function proofOf(meta: Meta): string {
  const { sequence, last, hardState } = meta
  return `${JOURNAL_FILE} proves write ${sequence} with everything up to entry ${last.index} and term ${hardState.term}`
}
