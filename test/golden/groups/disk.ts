/** What lies in a data directory: the layouts one by one, and a whole directory as a store of that release left it. */
import { type Entry, EntryType, type HardState } from '../../../src/raft/core/types.js'
import type { Identity } from '../../../src/raft/ports/store.js'
import { encodeBlock, readBlockEntries, readBlockInfo } from '../../../src/raft/store/block.js'
import { asBuffer } from '../../../src/raft/store/codec.js'
import { decodeIdentity, encodeIdentity } from '../../../src/raft/store/identity.js'
import { JOURNAL_BYTES, placeSlot, SLOT_BYTES, slotsIn } from '../../../src/raft/store/journal.js'
import { blockKey, META_KEY, parseKey, recordKey } from '../../../src/raft/store/layout.js'
import { decodeMeta, encodeMeta, type Meta } from '../../../src/raft/store/meta.js'
import { decodeRecord, encodeRecord } from '../../../src/raft/store/records.js'
import { type Group, kind } from '../group.js'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const entries: readonly Entry[] = [
  { term: 6, index: 122, type: EntryType.normal, data: utf8('one') },
  { term: 7, index: 123, type: EntryType.confChangeV2, data: new Uint8Array(0) },
]
const hardState: HardState = { term: 7, vote: 4_294_967_297, commit: 122 }
const meta: Meta = {
  sequence: 4_294_967_296,
  hardState,
  prev: { index: 121, term: 6, chain: 0xdeadbeef },
  last: { index: 123, term: 7, chain: 0x01020304 },
  recordsDigest: 0xcafe,
}
const identity: Identity = { clusterId: 'c0ffee00', nodeId: 'n1', raftId: 1, memberUid: 'a1b2c3d4' }

interface BlockValue {
  readonly chain: number
  readonly entries: readonly Entry[]
}

/** Any: the bytes do not say which. */
const SLOT = 3

interface SlotValue {
  readonly meta: Meta
  readonly base: number
  readonly operations: readonly { readonly type: string; readonly key: Uint8Array; readonly value?: Uint8Array }[]
}

const operations: SlotValue['operations'] = [
  { type: 'put', key: META_KEY, value: encodeMeta(meta) },
  { type: 'del', key: blockKey(122) },
]

function encodeSlot({ meta: proven, base, operations: written }: SlotValue): Uint8Array {
  const asOperations = written.map(({ type, key, value }) =>
    type === 'put'
      ? { type: 'put' as const, key: Buffer.from(key), value: Buffer.from(value ?? []) }
      : { type: 'del' as const, key: Buffer.from(key) },
  )
  return placeSlot(SLOT, encodeMeta(proven), { base, operations: asOperations }).bytes
}

/** The bytes lie around the middle of their slot. */
function decodeSlot(bytes: Uint8Array): SlotValue {
  const file = Buffer.alloc(JOURNAL_BYTES)
  file.set(bytes, SLOT * SLOT_BYTES + SLOT_BYTES / 2 - bytes.byteLength / 2)
  const [found] = slotsIn(file)
  if (found === undefined) throw new Error('no slot')
  return { meta: found.meta, ...found.batch }
}

const keys = { block: blockKey(4_294_967_297), meta: META_KEY, record: recordKey('epochs') }

export const DISK: Group = {
  file: 'disk.json',
  kinds: [
    kind<BlockValue>(
      'block',
      { 'of two entries': { chain: 0xdeadbeef, entries } },
      ({ chain, entries: list }) => encodeBlock(chain, null, list).value,
      (bytes) => {
        const info = readBlockInfo(asBuffer(bytes))
        return { chain: info.chain, entries: readBlockEntries(asBuffer(bytes), info) }
      },
    ),
    kind<Meta>('meta record', { one: meta }, encodeMeta, (bytes) => decodeMeta(asBuffer(bytes))),
    kind<Uint8Array>('record', { small: utf8('value') }, encodeRecord, (bytes) => decodeRecord(asBuffer(bytes))),
    kind<SlotValue>('journal slot', { 'a batch': { meta, base: 17, operations } }, encodeSlot, decodeSlot),
    kind<Identity>('identity', { one: identity }, encodeIdentity, decodeIdentity),
    kind<unknown>(
      'key',
      Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, parseKey(key)])),
      (value) => keys[(value as { kind: keyof typeof keys }).kind],
      (bytes) => parseKey(asBuffer(bytes)),
    ),
  ],
}
