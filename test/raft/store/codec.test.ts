import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CodecError,
  decodeEntries,
  decodeEntry,
  decodeHardState,
  encodedEntriesBytes,
  encodeEntries,
  encodeHardState,
  HARD_STATE_BYTES,
} from '../../../src/raft/store/codec.js'
import { decodeMeta, encodeMeta, META_BYTES } from '../../../src/raft/store/meta.js'

const safeInteger = fc.maxSafeNat()
const anyEntry = fc.record({
  term: safeInteger,
  index: safeInteger,
  type: fc.constantFrom(0 as const, 1 as const, 2 as const),
  data: fc.uint8Array({ maxLength: 300 }),
})

describe('entries', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 20 }), (list) => {
        const bytes = Buffer.alloc(encodedEntriesBytes(list))
        expect(encodeEntries(bytes, 0, list)).toBe(bytes.byteLength)
        expect(decodeEntries(bytes, 0, list.length)).toEqual(list)
      }),
    )
  })

  it('are refused when they are cut off anywhere', () => {
    const list = [{ term: 3, index: 7, type: 0 as const, data: new Uint8Array([1, 2, 3]) }]
    const bytes = Buffer.alloc(encodedEntriesBytes(list))
    encodeEntries(bytes, 0, list)
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(() => decodeEntries(bytes.subarray(0, length), 0, 1)).toThrow(CodecError)
    }
    expect(() => decodeEntries(Buffer.concat([bytes, Buffer.alloc(1)]), 0, 1)).toThrow(/follow the last entry/)
  })

  it('do not keep the buffer that they were read from', () => {
    const bytes = Buffer.alloc(1000)
    encodeEntries(bytes, 0, [{ term: 1, index: 1, type: 0, data: new Uint8Array([5]) }])
    const { data } = decodeEntry(bytes, 0)
    bytes.fill(0)
    expect([...data]).toEqual([5])
    expect(data.buffer.byteLength).toBe(1)
  })

  it('have their layout for ever', () => {
    const list = [{ term: 258, index: 2 ** 40 + 9, type: 2 as const, data: new Uint8Array([0xab]) }]
    const bytes = Buffer.alloc(encodedEntriesBytes(list))
    encodeEntries(bytes, 0, list)
    expect(bytes.toString('hex')).toBe('00000001' + '02' + '0000000000000102' + '0000010000000009' + 'ab')
  })
})

it('a hard state comes back as it was', () => {
  fc.assert(
    fc.property(safeInteger, safeInteger, safeInteger, (term, vote, commit) => {
      const bytes = Buffer.alloc(HARD_STATE_BYTES)
      encodeHardState(bytes, 0, { term, vote, commit })
      expect(decodeHardState(bytes, 0)).toEqual({ term, vote, commit })
    }),
  )
})

it('a meta record comes back as it was, and any flipped bit is seen', () => {
  const uint32 = fc.nat(0xffffffff)
  const point = fc.record({ index: safeInteger, term: safeInteger, chain: uint32 })
  const hardState = fc.record({ term: safeInteger, vote: safeInteger, commit: safeInteger })
  const meta = fc.record({ sequence: safeInteger, hardState, prev: point, last: point, recordsDigest: uint32 })
  fc.assert(
    fc.property(meta, fc.nat(META_BYTES * 8 - 1), (value, bit) => {
      const bytes = encodeMeta(value)
      expect(decodeMeta(bytes)).toEqual(value)
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(() => decodeMeta(bytes)).toThrow(CodecError)
    }),
  )
})
