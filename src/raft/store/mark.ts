/**
 * The mark: a copy of the newest meta record that is known to be synced, in a small file of two slots that are written
 * in turn. It is written after LevelDB has synced a batch and before that batch is acknowledged, so what it says was in
 * the database. LevelDB may hold more (a crash between the two), never less.
 */
import { CodecError } from './codec.js'
import type { DiskFile } from './disk.js'
import { decodeMeta, EMPTY_META, encodeMeta, META_BYTES, type Meta } from './meta.js'

/** Each slot has a page of its own: a torn write of one can never reach the other. */
const SLOT_BYTES = 4096
const SLOTS = 2
export const MARK_FILE_BYTES = SLOTS * SLOT_BYTES

export interface Mark {
  readonly meta: Meta
  readonly slot: number
}

function readSlot(file: Buffer, slot: number): Mark | null {
  try {
    return { meta: decodeMeta(file.subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + META_BYTES)), slot }
  } catch (error) {
    if (error instanceof CodecError) return null
    throw error
  }
}

/** The newest mark in the bytes of a mark file. One slot may be damaged; null if both are. */
export function newestMark(file: Buffer): Mark | null {
  let newest: Mark | null = null
  for (let slot = 0; slot < SLOTS; slot++) {
    const mark = readSlot(file, slot)
    if (mark !== null && (newest === null || mark.meta.sequence > newest.meta.sequence)) newest = mark
  }
  return newest
}

function initialMarkFile(): Buffer {
  const file = Buffer.alloc(MARK_FILE_BYTES)
  for (let slot = 0; slot < SLOTS; slot++) file.set(encodeMeta(EMPTY_META), slot * SLOT_BYTES)
  return file
}

/** A new mark file: both slots prove the empty log. Its size never changes, so that a sync has no metadata to write. */
export const INITIAL_MARK_FILE: Buffer = initialMarkFile()

/** True if no store was ever opened with this file: opening one overwrites a slot before it returns. */
export const isInitialMarkFile = (file: Buffer): boolean => file.equals(INITIAL_MARK_FILE)

export class MarkFile {
  readonly #file: DiskFile
  #slot: number

  /** `file` is open in mode `durable`; `slot` has the newest mark, which is the last to be overwritten. */
  constructor(file: DiskFile, slot: number) {
    this.#file = file
    this.#slot = slot
  }

  /** Resolves when the mark is on disk. */
  write(meta: Buffer): Promise<void> {
    this.#slot = (this.#slot + 1) % SLOTS
    return this.#file.write(this.#slot * SLOT_BYTES, meta)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
