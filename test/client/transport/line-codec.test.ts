import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLine, Line, LineSplitter } from '../../../src/client/transport/line-codec.js'

describe('lines', () => {
  it('escapes what would end a value', () => {
    expect(formatLine('lock', { id: 1, meta: 'a,b c%\r\nd', gone: undefined })).toBe(
      'lock,id:1,meta:a%2Cb%20c%25%0D%0Ad\n',
    )
  })

  it('reads back every value it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(new Line(formatLine('x', { value }).slice(0, -1)).get('value')).toBe(value)
      }),
    )
  })

  it('leaves an escape that is none of the five as it is', () => {
    expect(new Line('err,message:50%25%2c%41').get('message')).toBe('50%,%41')
  })

  it('keeps words that are no fields', () => {
    const line = new Line('err,no quorum')
    expect([line.action, line.rest, line.get('code')]).toEqual(['err', 'no quorum', undefined])
  })

  it('splits a value only at the first colon', () => {
    expect(new Line('redirect,address:[::1]:7654').get('address')).toBe('[::1]:7654')
  })

  it('puts lines together however the stream is cut', () => {
    const text = 'ok,name:ä\r\nalive\nready\n'
    const bytes = new TextEncoder().encode(text)
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        const seen: string[] = []
        const splitter = new LineSplitter((line) => seen.push(`${line.action}/${line.get('name') ?? ''}`))
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        for (let i = 1; i < edges.length; i += 1) splitter.push(bytes.slice(edges[i - 1], edges[i]))
        expect(seen).toEqual(['ok/ä', 'alive/', 'ready/'])
      }),
    )
  })

  it('refuses a line without an end', () => {
    expect(new LineSplitter(() => {}).push(new Uint8Array(100_000).fill(97))).toBe(false)
  })
})
