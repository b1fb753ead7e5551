/**
 * What a relay says of the client that it speaks for: the PROXY protocol, versions 1 and 2, as HAProxy's specification has it.
 * Read byte by byte as it comes, and never past its end, because a TLS handshake may follow.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { type HostPort, MAX_PORT } from '../../address.js'
import { PROXY_HEADER_MAX_BYTES, PROXY_LINE_MAX_BYTES } from '../limits.js'

export interface ProxyHeader {
  /** The client; null: the relay speaks for itself (`LOCAL`, as health checks do), or does not know for whom (`UNKNOWN`). */
  readonly client: HostPort | null
  /** How long the header is. */
  readonly bytes: number
}

/** `incomplete`: it may become one with more bytes. `malformed`: whatever follows. */
export type ProxyReading = ProxyHeader | 'incomplete' | 'malformed'

const LINE_START = Buffer.from('PROXY ')
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n')
/** Signature, version and command, family and protocol, length of the rest. */
const HEADER_BYTES = 16
const VERSION_2 = 2
const COMMAND = { local: 0, proxy: 1 } as const
const FAMILY = { ipv4: 1, ipv6: 2 } as const
const IPV4_BYTES = 4
const IPV6_BYTES = 16
const PORT_BYTES = 2

export function readProxyHeader(bytes: Buffer): ProxyReading {
  if (startsAlike(bytes, SIGNATURE)) return bytes.length < HEADER_BYTES ? 'incomplete' : readVersion2(bytes)
  if (startsAlike(bytes, LINE_START)) return readVersion1(bytes)
  return 'malformed'
}

/** As far as both go. */
function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.subarray(0, length).equals(start.subarray(0, length))
}

// --------------------------------------------------------------------------------------------------- version 1

/** `PROXY TCP4 192.0.2.7 198.51.100.1 56324 7654` and CR LF. */
function readVersion1(bytes: Buffer): ProxyReading {
  const end = bytes.subarray(0, PROXY_LINE_MAX_BYTES).indexOf('\r\n')
  if (end < 0) return bytes.length < PROXY_LINE_MAX_BYTES ? 'incomplete' : 'malformed'
  const [, family, host = '', target = '', port = '', targetPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const length = end + 2
  // What may follow is for nobody.
  if (family === 'UNKNOWN') return { client: null, bytes: length }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false
  if (!isAddress(host) || !isAddress(target) || more.length > 0) return 'malformed'
  const number = portOf(port)
  if (number === null || portOf(targetPort) === null) return 'malformed'
  return { client: { host: withoutZone(host), port: number }, bytes: length }
}

function portOf(text: string): number | null {
  const port = Number(text)
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && port <= MAX_PORT ? port : null
}

/** A zone is a word of the relay's machine and means nothing here. */
const withoutZone = (host: string): string => host.replace(/%.*$/, '')

// --------------------------------------------------------------------------------------------------- version 2

/** Signature, version and command, family and protocol, length, addresses; then values that are skipped. */
function readVersion2(bytes: Buffer): ProxyReading {
  const versionAndCommand = bytes.readUInt8(SIGNATURE.length)
  const family = bytes.readUInt8(SIGNATURE.length + 1) >> 4
  const length = HEADER_BYTES + bytes.readUInt16BE(SIGNATURE.length + 2)
  const command = versionAndCommand & 0x0f
  if (versionAndCommand >> 4 !== VERSION_2 || length > PROXY_HEADER_MAX_BYTES) return 'malformed'
  if (command !== COMMAND.local && command !== COMMAND.proxy) return 'malformed'
  if (bytes.length < length) return 'incomplete'
  const addressBytes = family === FAMILY.ipv4 ? IPV4_BYTES : family === FAMILY.ipv6 ? IPV6_BYTES : 0
  // Unix sockets and what is not specified name no client that could be shown.
  if (command === COMMAND.local || addressBytes === 0) return { client: null, bytes: length }
  const addresses = bytes.subarray(HEADER_BYTES, length)
  if (addresses.length < 2 * (addressBytes + PORT_BYTES)) return 'malformed'
  const host = textOf(addresses.subarray(0, addressBytes))
  return { client: { host, port: addresses.readUInt16BE(2 * addressBytes) }, bytes: length }
}

function textOf(address: Buffer): string {
  if (address.length === IPV4_BYTES) return address.join('.')
  const groups: string[] = []
  for (let at = 0; at < address.length; at += 2) groups.push(address.readUInt16BE(at).toString(16))
  // `::ffff:192.0.2.7` is that IPv4 address, however a relay writes it.
  const mapped = /^0:0:0:0:0:ffff:/.test(`${groups.join(':')}`) ? address.subarray(IPV6_BYTES - IPV4_BYTES) : null
  return mapped === null ? groups.join(':').replace(/(?:^|:)0(?::0)+(?::|$)/, '::') : mapped.join('.')
}
