import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { EMPTY_CONF_STATE, type Entry, EntryType, type SnapshotMetadata } from '../../../src/raft/core/types.js'
import { type LogStore, type SnapshotSource, StoreError } from '../../../src/raft/ports/store.js'

/** A directory that does not exist yet, in a temporary one that is removed after the test. */
export function freshDirectory(): string {
  const parent = mkdtempSync(join(tmpdir(), 'tnl-store-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'data')
}

export const entry = (index: number, term = 1, text = `entry ${index} of term ${term}`): Entry => ({
  index,
  term,
  type: EntryType.normal,
  data: new TextEncoder().encode(text),
})

/** Entries `first` to `last` of one term. */
export const entries = (first: number, last: number, term = 1): Entry[] =>
  Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term))

export async function append(store: LogStore, list: readonly Entry[], commit = 0): Promise<void> {
  const term = list.at(-1)?.term ?? 1
  await store.append({ hardState: { term, vote: 1, commit }, entries: list, mustSync: true })
}

export const metadata = (index: number, term = 1): SnapshotMetadata => ({
  index,
  term,
  confState: { ...EMPTY_CONF_STATE, voters: [1, 2, 3] },
})

/** A source of the given chunks, whatever size is asked for. */
export function sourceOf(chunks: readonly Uint8Array[]): SnapshotSource & { aborted: boolean } {
  let next = 0
  return {
    aborted: false,
    next: () => chunks[next++] ?? null,
    abort() {
      this.aborted = true
    },
  }
}

/** Takes every snapshot: what the chunks mean is the state machine's affair. */
export const readsAll = { push: () => undefined, end: () => undefined }

export const chunksOf = (count: number, bytes: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(bytes).fill(i + 1))

export async function readChunks(store: LogStore, index: number, term = 1): Promise<Uint8Array[]> {
  const reader = await store.openSnapshot(index, term)
  const chunks: Uint8Array[] = []
  for await (const chunk of reader.chunks()) chunks.push(new Uint8Array(chunk))
  await reader.close()
  return chunks
}

/** Plain values, so that a Buffer and a Uint8Array of the same bytes are equal. */
export const plain = (list: readonly Entry[]) =>
  list.map(({ index, term, type, data }) => ({ index, term, type, data: new TextDecoder().decode(data) }))

/** The StoreError that `work` rejects with. */
export async function storeErrorOf(work: Promise<unknown>): Promise<StoreError> {
  const outcome = await work.then(
    () => 'nothing was rejected',
    (error: unknown) => error,
  )
  if (outcome instanceof StoreError) return outcome
  throw new Error('expected a StoreError', { cause: outcome })
}
