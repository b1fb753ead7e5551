/** One reader and one writer for the log, snapshots and the wire. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, FormatError } from '../../src/bytes/reader.js'
import { ByteWriter, EncodingError } from '../../src/bytes/writer.js'

const safe = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER))

/** A value and the method that writes and reads it. */
const anything = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('varint' as const, 'wide' as const, 'u64' as const), value: safe }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(2 ** 32 - 1) }),
  fc.record({ kind: fc.constant('signed' as const), value: fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
)
type Anything = typeof anything extends fc.Arbitrary<infer T> ? T : never

function write(out: ByteWriter, { kind, value }: Anything): void {
  // The union ties each kind to its value, which an index by kind forgets.
  const put = out[kind].bind(out) as (value: Anything['value']) => void
  put(value)
}

describe('bytes', () => {
  it('come back as they were written, wherever the buffer grew', () => {
    fc.assert(
      fc.property(fc.array(anything), fc.nat(40), (values, initialBytes) => {
        const out = new ByteWriter(initialBytes)
        for (const each of values) write(out, each)
        const input = new ByteReader(out.copy(), 'test')
        for (const { kind, value } of values) expect(input[kind]()).toBe(value)
        input.end()
      }),
    )
  })

  it('that were woven in stand in their place, not copied', () => {
    const piece = fc.oneof(anything, fc.uint8Array({ maxLength: 20 }))
    fc.assert(
      fc.property(fc.array(piece), fc.nat(40), (pieces, initialBytes) => {
        const [woven, whole] = [new ByteWriter(initialBytes), new ByteWriter()]
        for (const each of pieces) {
          if (each instanceof Uint8Array) {
            woven.weave(each)
            whole.raw(each)
          } else for (const out of [woven, whole]) write(out, each)
        }
        const parts = woven.parts()
        expect(Buffer.concat(parts)).toEqual(Buffer.from(whole.copy()))
        for (const each of pieces) if (each instanceof Uint8Array && each.length > 0) expect(parts).toContain(each)
      }),
    )
  })

  it('are refused when they end too early, whatever is read', () => {
    for (const read of ['byte', 'bool', 'varint', 'signed', 'wide', 'u32', 'u64', 'text'] as const) {
      expect(() => new ByteReader(new Uint8Array(0), 'test')[read](), read).toThrow(FormatError)
    }
    expect(() => new ByteReader(Uint8Array.of(1, 2, 3), 'test').u32()).toThrow(/too early/)
  })

  it('announce no more items than can follow', () => {
    const out = new ByteWriter()
    out.u32(3)
    out.raw(new Uint8Array(23))
    expect(() => new ByteReader(out.copy(), 'test').count(8, 'ids')).toThrow(/3 ids cannot follow/)
    out.byte(0)
    expect(new ByteReader(out.copy(), 'test').count(8, 'ids')).toBe(3)
  })

  it('have no form for numbers that are out of range', () => {
    const out = new ByteWriter()
    expect(() => out.u32(2 ** 32)).toThrow(EncodingError)
    expect(() => out.u64(2 ** 53)).toThrow(EncodingError)
    expect(() => out.u64(-1)).toThrow(EncodingError)
    expect(() => new ByteReader(new Uint8Array(8).fill(255), 'test').u64()).toThrow(/2\^53/)
  })
})
