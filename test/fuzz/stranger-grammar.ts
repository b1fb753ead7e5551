/** What strangers say before the first line: TLS and PROXY headers, whole, damaged, cut off. */
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { connect } from 'node:tls'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import { version2 } from '../sockets/proxy-kit.js'
import { damaged, freeText, numberText } from './values.js'

/** Most begin like something: pure noise is turned away at its first byte. */
export function strangersWords(random: SeededRandom, hello: Buffer): Buffer {
  const header = random.pick([
    Buffer.from(`PROXY TCP4 ${numberText(random)}.1.1.1 1.1.1.1 ${numberText(random)} 1\r\n`),
    Buffer.from(`PROXY ${freeText(random)}\r\n`),
    version2({
      command: random.pick([0x21, 0x20, random.int(256)]),
      family: random.pick([0x11, 0x21, random.int(256)]),
      addresses: [...random.bytes(random.pick([0, 12, 36, 216, random.int(5_000)]))],
    }),
  ])
  const record = Buffer.concat([
    Buffer.of(0x16, 3, random.int(5), random.int(256), random.int(256)),
    random.bytes(random.int(300)),
  ])
  const bytes = random.pick([
    hello,
    hello,
    header,
    Buffer.concat([header, hello]),
    record,
    Buffer.from(freeText(random)),
  ])
  const cut = random.chance(0.3) ? bytes.subarray(0, random.int(bytes.length + 1)) : bytes
  return random.chance(0.6) ? Buffer.from(damaged(random, cut)) : cut
}

/** What an honest client says first. */
export async function clientHello(): Promise<Buffer> {
  const [near, far] = duplexPair()
  const tls = connect({ socket: near, servername: 'localhost' })
  tls.on('error', () => undefined)
  const [bytes] = (await once(far, 'data')) as [Buffer]
  tls.destroy()
  return bytes
}
