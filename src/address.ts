/** HOST:PORT as users write it. IPv6 addresses stand in brackets wherever a port may follow. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

export const MAX_PORT = 65_535

export class AddressError extends Error {
  override readonly name = 'AddressError'
  readonly code = 'TNL_ADDRESS'
}

const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/
const IPV6 = /^(?=[^%]*:)(?:[0-9A-Fa-f]{0,4}:){1,7}(?:[0-9A-Fa-f]{0,4}|\d+(?:\.\d+){3})(?:%[A-Za-z0-9_.-]+)?$/

/** `HOST[:PORT]`, `[IPV6][:PORT]` or a bare IPv6 address. Throws AddressError, also when neither port nor default is given. */
export function parseHostPort(text: string, defaultPort?: number): HostPort {
  const { host, port } = split(text)
  if (host === '') throw new AddressError('the host is missing')
  if (!HOST_NAME.test(host) && !IPV6.test(host)) {
    throw new AddressError(
      `not a host name or address${host.includes(':') ? ' (IPv6 stands in brackets: [::1]:7654)' : ''}`,
    )
  }
  if (port === null && defaultPort === undefined) {
    throw new AddressError(`the port is missing (${host.includes(':') ? '[IPV6]:PORT' : 'HOST:PORT'})`)
  }
  return { host, port: port === null ? (defaultPort ?? 0) : parsePort(port) }
}

/** A decimal port from 0 (any free one) to 65535. Throws AddressError. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > MAX_PORT) throw new AddressError(`not a port from 0 to ${MAX_PORT}`)
  return port
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function isLoopbackHost(host: string): boolean {
  const address = host.toLowerCase().replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}

/**
 * One text for all spellings of an address: its 16 bytes in hex, an IPv4 address as the IPv6 address that maps it, without
 * a zone. Null for what is no address, such as a name.
 */
export function addressKey(host: string): string | null {
  const address = host.toLowerCase().replace(/%.*$/, '')
  if (!address.includes(':')) return keyOf(`::ffff:${address}`)
  return keyOf(address)
}

const ADDRESS_HEX_DIGITS = 32
const GROUP = /^[0-9a-f]{1,4}$/
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

function keyOf(ipv6: string): string | null {
  const halves = ipv6.split('::').map(hexOfGroups)
  const [head = null, tail = ''] = halves
  if (halves.length > 2 || head === null || tail === null) return null
  const missing = ADDRESS_HEX_DIGITS - head.length - tail.length
  const isWhole = halves.length === 1 ? missing === 0 : missing > 0
  return isWhole ? head + '0'.repeat(missing) + tail : null
}

/** Groups of an IPv6 address; the last one may be an IPv4 address. Null if one is neither. */
function hexOfGroups(text: string): string | null {
  let hex = ''
  for (const group of text === '' ? [] : text.split(':')) {
    const bytes = IPV4.exec(group)?.slice(1).map(Number)
    if (bytes === undefined && !GROUP.test(group)) return null
    if (bytes?.some((byte) => byte > 255)) return null
    hex +=
      bytes === undefined ? group.padStart(4, '0') : bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  return hex
}

/** `0.0.0.0` and `::`: fit to listen on, not to be named to others. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host)
}

/** An address that means another place to each machine, so that nobody elsewhere can be sent there. */
export function isLocalAddress(hostPort: string): boolean {
  const { host } = parseHostPort(hostPort)
  return isLoopbackHost(host) || isWildcardHost(host)
}

function split(text: string): { host: string; port: string | null } {
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    const rest = text.slice(end + 1)
    if (end < 0 || (rest !== '' && !rest.startsWith(':'))) throw new AddressError('wrong brackets ([IPV6]:PORT)')
    return { host: text.slice(1, end), port: rest === '' ? null : rest.slice(1) }
  }
  const first = text.indexOf(':')
  if (first < 0 || first !== text.lastIndexOf(':')) return { host: text, port: null }
  return { host: text.slice(0, first), port: text.slice(first + 1) }
}
