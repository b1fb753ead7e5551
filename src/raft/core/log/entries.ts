import type { Entry } from '../types.js'

/** What an entry costs beside its data, in every limit that counts bytes: term, index, type and length. */
export const ENTRY_OVERHEAD_BYTES = 24

/** Size of an entry for limits on messages and on applying, in bytes. */
export function entrySize(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

export function entriesSize(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entrySize(entry)
  return bytes
}

/** Bytes of data alone. An empty entry counts as nothing, so that no limit on uncommitted data can refuse it. */
export function payloadsSize(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.data.length
  return bytes
}

/** Copies the longest part of `entries[from, to)` that fits in `maxBytes`; the first entry is taken whatever its size. */
export function sliceWithin(entries: readonly Entry[], from: number, to: number, maxBytes: number): Entry[] {
  if (maxBytes === Number.POSITIVE_INFINITY) return entries.slice(from, to)
  let bytes = 0
  for (let i = from; i < to; i++) {
    const entry = entries[i]
    if (entry === undefined) break
    bytes += entrySize(entry)
    if (bytes > maxBytes && i > from) return entries.slice(from, i)
  }
  return entries.slice(from, to)
}
