/**
 * What a start does with the contents of the disk: either everything that was acknowledged is there, or a `StoreError`
 * says what is not. Pure; the simulator feeds it the pairs of a fake disk.
 *
 * Why this is a proof: the newest meta record is at least as new as the mark (`synced`), so no acknowledged batch came
 * after it, and not newer than by the one batch that was under way, so the mark is not an older copy; and it names the start, the end and the last checksum of the log and the digest of the records as they were
 * with that batch, and the contents must be exactly that. A shortened or holed log is never served (A21, M39).
 */
import type { Entry } from '../core/types.js'
import type { StoreError } from '../ports/store.js'
import { type BlockInfo, readBlockEntries, readBlockInfo } from './block.js'
import { CodecError } from './codec.js'
import type { DatabaseOperation } from './disk.js'
import { damaged } from './errors.js'
import { LOG_DIRECTORY, MARK_FILE, parseKey } from './layout.js'
import type { ImageContents } from './log-image.js'
import { MARK_FILE_BYTES, type Mark, marksIn, newestMark } from './mark.js'
import { decodeMeta, encodeMeta, type LogPoint, type Meta } from './meta.js'
import { decodeRecord, digestRecords } from './records.js'

export interface RecoveredLog extends ImageContents {
  readonly mark: Mark
  readonly entries: readonly Entry[]
}

const IN_LOG = `${LOG_DIRECTORY}/`

/**
 * The batches that are in the mark and were not in the database yet when the node ended: written again, in order, before
 * anything is judged. Null if there is nothing to do, or if LevelDB lacks what it had synced already, which is damage
 * and is reported by the scan. `storedMeta`: the value of the meta record, if there is one.
 */
export function batchesToRepeat(markFile: Buffer, storedMeta: Buffer | undefined): readonly DatabaseOperation[] | null {
  // One that was cut is reported by the scan.
  const marks = markFile.byteLength < MARK_FILE_BYTES ? [] : marksIn(markFile)
  const newest = marks[0]
  const stored = storedMeta === undefined ? null : sequenceOf(storedMeta)
  if (newest === undefined || stored === null || stored < newest.journal.base) return null
  const missing = marks.filter(({ meta }) => meta.sequence > stored).reverse()
  const isWhole = missing.every(
    ({ meta, journal }, place) => meta.sequence === stored + 1 + place && journal.operations.length > 0,
  )
  if (missing.length === 0 || !isWhole) return null
  return missing.flatMap(({ journal }) => journal.operations)
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

  /** `markFile`: the bytes of the mark file. Throws StoreError unless everything acknowledged is there. */
  finish(markFile: Buffer): RecoveredLog {
    if (markFile.byteLength < MARK_FILE_BYTES) {
      throw this.#damaged(MARK_FILE, `it is cut to ${markFile.byteLength} bytes`)
    }
    const mark = newestMark(markFile)
    if (mark === null) throw this.#damaged(MARK_FILE, 'none of the copies of the mark has a matching checksum')
    const meta = this.#meta
    if (meta === null) throw this.#damaged(IN_LOG, `the meta record is missing, but ${proofOf(mark.meta)}`)
    this.#checkMark(meta, mark.meta)
    // What ends before the start of the log was compacted; a crash may have come before its deletion.
    const forgotten = this.#blocks.filter((block) => block.lastIndex <= meta.prev.index)
    const blocks = this.#blocks.filter((block) => block.lastIndex > meta.prev.index)
    this.#checkChain(meta, blocks)
    if (digestRecords(this.#records) !== meta.recordsDigest) {
      throw this.#damaged(IN_LOG, `a small record was lost or is an older one; there are ${this.#records.size}`)
    }
    const entries = this.#entries.slice(this.#entries.length - (meta.last.index - meta.prev.index))
    return { meta, mark, blocks, entries, records: this.#records, forgotten }
  }

  #addBlock(firstIndex: number, value: Buffer): void {
    const info = readBlockInfo(value)
    if (info.firstIndex !== firstIndex) throw new CodecError(`it is the block from ${info.firstIndex} on`)
    for (const entry of readBlockEntries(value, info)) this.#entries.push(entry)
    this.#blocks.push(info)
  }

  #checkMark(meta: Meta, proven: Meta): void {
    const ends = `the database ends with write ${meta.sequence}, entry ${meta.last.index}, term ${meta.hardState.term}`
    const isOther = meta.sequence === proven.sequence && !encodeMeta(meta).equals(encodeMeta(proven))
    const contradicts =
      isOther ||
      meta.sequence < proven.sequence ||
      meta.hardState.term < proven.hardState.term ||
      meta.hardState.commit < proven.hardState.commit ||
      meta.prev.index < proven.prev.index
    if (contradicts) throw this.#damaged(IN_LOG, `${ends}, but ${proofOf(proven)}`)
    // A batch comes to the database only after the one before it was marked.
    if (meta.sequence > proven.sequence + 1) {
      const older = `it ends with write ${proven.sequence}, but the database has write ${meta.sequence}`
      throw this.#damaged(
        MARK_FILE,
        `${older}: it is an older copy or damaged, and batches may be missing that only it had`,
      )
    }
    const isOtherVote = proven.hardState.vote !== 0 && meta.hardState.vote !== proven.hardState.vote
    if (meta.hardState.term === proven.hardState.term && isOtherVote) {
      throw this.#damaged(IN_LOG, `the vote of term ${meta.hardState.term} is not the one that ${MARK_FILE} proves`)
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
  return `${MARK_FILE} proves write ${sequence} with everything up to entry ${last.index} and term ${hardState.term}`
}
