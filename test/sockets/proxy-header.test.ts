import { describe, expect, it } from 'vitest'
import { readProxyHeader } from '../../src/sockets/proxy/proxy-header.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { version2 } from './proxy-kit.js'

const read = (text: string | Buffer) => readProxyHeader(Buffer.from(text))
const V4 = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x1d, 0xe6]
const V6 = [
  0x20,
  1,
  0xd,
  0xb8,
  ...new Array<number>(11).fill(0),
  7,
  ...new Array<number>(15).fill(0),
  1,
  0xdc,
  4,
  0x1d,
  0xe6,
]

describe('version 1', () => {
  it.each([
    ['PROXY TCP4 192.0.2.7 198.51.100.1 56324 7654\r\n', { host: '192.0.2.7', port: 56_324 }],
    ['PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n', { host: '2001:db8::7', port: 1 }],
    ['PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', { host: 'fe80::1', port: 1 }],
    ['PROXY UNKNOWN\r\n', null],
    ['PROXY UNKNOWN ffff::1 what ever it says\r\n', null],
  ])('%j', (text, client) => {
    expect(read(`${text}lock,name:x\n`)).toEqual({ client, bytes: text.length })
  })

  it.each([
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 7654 9\r\n',
    'PROXY TCP4 192.0.2.7  198.51.100.1 56324 7654\r\n',
    'PROXY TCP4 192.0.2.256 198.51.100.1 56324 7654\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n',
    'PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 65536 7654\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 01 7654\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 -1 7654\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n',
    'PROXY\r\n',
    'PROXY TCP4\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
    'proxy tcp4',
    'lock,name:x\n',
    'GET / HTTP/1.1\r\n',
  ])('that no relay writes is malformed: %j', (text) => {
    // A line that does not end in time may do so at any length.
    const reading = read(text.padEnd(107, ' '))
    expect(reading).toBe('malformed')
  })
})

describe('version 2', () => {
  it('names the client, and skips what relays add', () => {
    const header = version2({ addresses: [...V4, 0x20, 0, 3, 1, 2, 3] })
    expect(read(Buffer.concat([header, Buffer.from('lock')]))).toEqual({
      client: { host: '192.0.2.7', port: 56_324 },
      bytes: header.length,
    })
    expect(read(version2({ family: 0x21, addresses: V6 }))).toMatchObject({
      client: { host: '2001:db8::7', port: 56_324 },
    })
  })

  it('knows an IPv4 address in whatever clothes', () => {
    const mapped = [...new Array<number>(10).fill(0), 0xff, 0xff, 127, 0, 0, 1, ...V6.slice(16)]
    expect(read(version2({ family: 0x21, addresses: mapped }))).toMatchObject({ client: { host: '127.0.0.1' } })
  })

  it.each([
    ['LOCAL', version2({ command: 0x20, addresses: V4 })],
    ['LOCAL without anything', version2({ command: 0x20, family: 0, addresses: [] })],
    ['no address', version2({ family: 0, addresses: [] })],
    ['a Unix socket', version2({ family: 0x31, addresses: new Array<number>(216).fill(0) })],
  ])('%s is nobody', (_what, header) => {
    expect(read(header)).toEqual({ client: null, bytes: header.length })
  })

  it.each([
    ['another version', version2({ command: 0x31, addresses: V4 })],
    ['another command', version2({ command: 0x22, addresses: V4 })],
    ['too short for its addresses', version2({ addresses: V4.slice(1) })],
    ['too long', version2({ addresses: new Array<number>(5_000).fill(0) })],
  ])('%s is malformed', (_what, header) => {
    expect(read(header)).toBe('malformed')
  })
})

it('a header in pieces is incomplete until it is there', () => {
  for (const header of [Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 7654\r\n'), version2({ addresses: V4 })]) {
    for (let length = 1; length < header.length; length += 1) {
      expect(readProxyHeader(header.subarray(0, length))).toBe('incomplete')
    }
    expect(readProxyHeader(header)).toMatchObject({ bytes: header.length })
  }
})

it('any bytes are read without harm, and what is malformed stays so', () => {
  const seed = Date.now() % 1_000_000
  const random = new SeededRandom(seed)
  const starts = [
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    version2({ addresses: V4 }).subarray(0, 12),
    Buffer.alloc(0),
  ]
  for (let left = 3_000; left > 0; left -= 1) {
    const start = starts[random.int(starts.length)] ?? Buffer.alloc(0)
    const bytes = Buffer.concat([start, random.bytes(random.int(40))])
    const whole = readProxyHeader(bytes)
    const part = readProxyHeader(bytes.subarray(0, random.int(bytes.length + 1)))
    if (part === 'malformed') expect(whole, `seed ${seed}`).toBe('malformed')
    if (typeof whole === 'object') expect(whole.bytes, `seed ${seed}`).toBeLessThanOrEqual(bytes.length)
  }
})
