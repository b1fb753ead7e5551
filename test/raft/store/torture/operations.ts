/**
 * What the writer does to the store. An operation is small and says everything: both sides make the same bytes from it,
 * so that the writer need not send what it wrote.
 */
import { createHash } from 'node:crypto'
import { type Entry, EntryType, type HardState } from '../../../../src/raft/core/types.js'
import type { Identity } from '../../../../src/raft/ports/store.js'

export interface SnapshotRef {
  readonly index: number
  readonly term: number
}

export type Operation =
  | {
      readonly kind: 'append'
      readonly hardState: HardState | null
      readonly first: number
      readonly terms: readonly number[]
      /** Of each entry. */
      readonly bytes: number
      readonly salt: number
    }
  | { readonly kind: 'record'; readonly name: string; readonly bytes: number | null; readonly salt: number }
  | { readonly kind: 'identity'; readonly identity: Identity }
  | { readonly kind: 'save'; readonly snapshot: SnapshotRef }
  | { readonly kind: 'receive'; readonly snapshot: SnapshotRef }
  /** A transfer that is given up, or whose bytes are damaged: nothing of it may be kept. */
  | { readonly kind: 'receive-in-vain'; readonly snapshot: SnapshotRef; readonly isDamaged: boolean }
  | { readonly kind: 'install'; readonly snapshot: SnapshotRef; readonly hardState: HardState | null }
  | { readonly kind: 'compact'; readonly index: number }

export const RECORD_NAMES = ['a', 'b', 'epoch', 'formation'] as const

const pattern = (what: string, bytes: number): Uint8Array =>
  new Uint8Array(createHash('shake256', { outputLength: bytes }).update(what).digest())

export const digestOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('base64')

export function entriesOf(operation: Operation): Entry[] {
  if (operation.kind !== 'append') return []
  const { first, terms, bytes, salt } = operation
  return terms.map((term, i) => ({
    index: first + i,
    term,
    type: EntryType.normal,
    data: bytes === 0 ? new Uint8Array(0) : pattern(`entry ${salt} ${first + i}`, bytes),
  }))
}

export const recordOf = ({ bytes, salt }: { bytes: number | null; salt: number }): Uint8Array | null =>
  bytes === null ? null : pattern(`record ${salt}`, bytes)

const SNAPSHOT_CHUNK_BYTES = 16 * 1024

/** A snapshot's contents follow from what it is of, as they do in a replicated state machine. */
export function snapshotChunks({ index, term }: SnapshotRef): Uint8Array[] {
  const count = (index * 7 + term) % 9
  return Array.from({ length: count }, (_, i) =>
    pattern(`snapshot ${index} ${term} ${i}`, 1 + ((index * 811 + i * 613) % SNAPSHOT_CHUNK_BYTES)),
  )
}

export const snapshotDigest = (snapshot: SnapshotRef): string => digestOf(Buffer.concat(snapshotChunks(snapshot)))
