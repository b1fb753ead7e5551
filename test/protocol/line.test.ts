import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeValue, type Fields, formatLine, parseAnswer, parseLine } from '../../src/protocol/line.js'
import { LineSplitter } from '../../src/protocol/line-splitter.js'

/** What a splitter with a limit of 32 bytes reports for a stream of chunks. */
function split(chunks: readonly (string | number[])[], maxLineBytes = 32): string[] {
  const seen: string[] = []
  const splitter = new LineSplitter(maxLineBytes)
  for (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : Uint8Array.from(chunk)
    for (const cut of splitter.cut(bytes)) {
      if (typeof cut === 'string') seen.push(`(${cut})`)
      else seen.push(cut.action + (cut.get('name') === undefined ? '' : `=${cut.get('name')}`))
    }
  }
  return seen
}

describe('line', () => {
  it.each([
    ['lock,name:x', { name: 'x' }],
    ['  lock ,\tname : x\t', { name: 'x' }],
    ['lock,name:a:b', { name: 'a:b' }],
    ['lock,name', { name: '' }],
    ['lock,name:a,name:b', { name: 'b' }],
    ['lock,name:%2c%2C%0a%0A%0d%20%25%2B%zz%', { name: ',,\n\n\r %%2B%zz%' }],
    ['lock,name:%2520', { name: '%20' }],
    ['lock,name:é', { name: 'é' }],
    ['lock,name:a\u00a0b', { name: 'a\u00a0b' }],
    ['lock,name:a b', { name: 'a b' }],
    ['lock,name:x', { other: undefined }],
  ])('reads %j', (text, fields) => {
    const line = parseLine(text)
    expect(line?.action).toBe('lock')
    for (const [key, value] of Object.entries(fields)) expect(line?.get(key)).toBe(value)
  })

  it.each([
    '',
    '  ',
    ',name:x',
    'lock,',
    'lock,,name:x',
    'lock,:x',
    'lo\tck',
    'lock,name:a\u0000',
    'a\u007f',
    'a\u0085b',
    'a\u0080',
    'a\u009f',
    'a\u001f',
  ])('refuses %j', (text) => expect(parseLine(text)).toBeNull())

  it('keeps every value of a repeated key', () => {
    expect(parseLine('lock,name:a,id:1,name:b')?.all('name')).toEqual(['a', 'b'])
  })

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        fc.pre(value.trim() === value && !/\p{Cc}/u.test(value.replace(/[\n\r]/g, '')))
        const line = formatLine('x', { value, absent: undefined, n: 7 })
        expect(line.endsWith(',n:7\n')).toBe(true)
        expect(parseLine(line.slice(0, -1))?.get('value')).toBe(value)
      }),
    )
    expect(escapeValue('a b,c%\r\n')).toBe('a%20b%2Cc%25%0D%0A')
  })

  it.each<[Fields | undefined, string]>([
    [undefined, 'x\n'],
    [{}, 'x\n'],
    [{ id: 1, meta: 'a,b c%\r\nd', gone: undefined, last: '' }, 'x,id:1,meta:a%2Cb%20c%25%0D%0Ad,last:\n'],
    // A key that objects have by themselves is a key like any other, and those that they inherit are none.
    [JSON.parse('{"__proto__":"p","constructor":"c"}'), 'x,__proto__:p,constructor:c\n'],
  ])('writes %j', (fields, text) => expect(formatLine('x', fields)).toBe(text))

  it('keeps words that are no keys', () => {
    const line = parseLine('err,no quorum, or none: 5')
    expect([line?.action, line?.rest, line?.get('code')]).toEqual(['err', 'no quorum, or none: 5', undefined])
    expect(parseLine('alive')?.rest).toBe('')
  })

  it.each([
    ['7', 7],
    ['0', 0],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740992', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['Infinity', undefined],
    ['1.5', undefined],
    ['', undefined],
  ])('takes %j for the number %j', (text, value) => expect(parseLine(`ok,token:${text}`)?.number('token')).toBe(value))

  it.each([
    ['10', 10_000],
    ['0.0001', 1],
    ['.5', 500],
    ['-1', undefined],
    ['1e9', undefined],
    ['NaN', undefined],
    ['', undefined],
  ])('takes %j seconds for %j ms', (text, value) => {
    expect(parseLine(`welcome,lease:${text}`)?.milliseconds('lease')).toBe(value)
    expect(parseLine('welcome')?.milliseconds('lease')).toBeUndefined()
  })
})

describe('line splitter', () => {
  it('drops one CR before LF and takes several lines from one chunk', () => {
    expect(split(['lock,name:a\r\nrelease\n.ping\r\n'])).toEqual(['lock=a', 'release', '.ping'])
  })

  it('reports empty lines, bad UTF-8 and a CR in the middle as malformed', () => {
    expect(split(['\n\r\n', [0x61, 0xff, 0x0a], 'a\rb\n', [0xc3, 0x0a]])).toEqual(Array(5).fill('(malformed)'))
  })

  it('delivers nothing without a line end', () => {
    expect(split(['lock,name:a'])).toEqual([])
  })

  it('takes a line of exactly the limit and refuses one byte more, whether it has ended or not', () => {
    expect(split([`${'a'.repeat(32)}\n`])).toEqual(['a'.repeat(32)])
    expect(split([`${'a'.repeat(33)}\n.ping\n`])).toEqual(['(too long)'])
    expect(split(['a'.repeat(20), 'a'.repeat(13)])).toEqual(['(too long)'])
    expect(split(['.ping\n', 'a'.repeat(33), '\n.ping\n'])).toEqual(['.ping', '(too long)'])
  })

  it('does not depend on how the stream was cut', () => {
    const stream = new TextEncoder().encode('lock,name:é\r\n\nrelease\n.keepalive,name:%2C\n€\nlast,name:z\n')
    const whole = split([[...stream]])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length })), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length]
        const chunks = places.slice(1).map((end, at) => [...stream.subarray(places[at], end)])
        expect(split(chunks)).toEqual(whole)
      }),
    )
    expect(split([...stream].map((byte) => [byte]))).toEqual(whole)
  })

  it('keeps what came of a long line, however often it has to make room for more', () => {
    const name = Array.from({ length: 3_000 }, (_, at) => String.fromCharCode(97 + (at % 26))).join('')
    const bytes = new TextEncoder().encode(`lock,name:${name}\n.ping\n`)
    for (const step of [1, 7, 100, 127, 128, 129, 1_000]) {
      const chunks: number[][] = []
      for (let at = 0; at < bytes.length; at += step) chunks.push([...bytes.subarray(at, at + step)])
      expect(split(chunks, 4_096), `in pieces of ${step}`).toEqual([`lock=${name}`, '.ping'])
    }
  })

  it('takes a line of exactly the limit in pieces', () => {
    expect(split(['a'.repeat(20), 'a'.repeat(12), '\n'])).toEqual(['a'.repeat(32)])
  })

  it('delivers no further line of a chunk once it was stopped', () => {
    const seen: string[] = []
    const splitter = new LineSplitter(32)
    for (const chunk of ['a\nb\n', 'c\n']) {
      for (const cut of splitter.cut(new TextEncoder().encode(chunk))) {
        seen.push(typeof cut === 'string' ? cut : cut.action)
        splitter.stop()
      }
    }
    expect(seen).toEqual(['a'])
  })
})

describe('an answer with JSON', () => {
  it('is not cut where people have written commas, colons and controls', () => {
    const json = '{"meta":"a,,b,:c\u0085 50%2C","n":{}}'
    const line = parseAnswer(`info,id:7,${json}`)
    expect([line?.action, line?.number('id'), line?.json]).toEqual(['info', 7, json])
    expect(parseAnswer('info,{}')?.json).toBe('{}')
    expect(parseAnswer('ok,id:1,meta:{a')?.get('meta')).toBe('{a')
    expect([parseAnswer('info,id:7')?.json, parseAnswer('info,,{}'), parseAnswer('lock,,{}')]).toEqual(['', null, null])
  })
})
