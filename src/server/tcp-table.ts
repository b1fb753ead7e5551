import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { isIPv4 } from 'node:net'
import { endianness } from 'node:os'

/** Bytes that the kernel holds unacknowledged, by `tableKey`. Connections with none are left out. */
export type SendQueues = ReadonlyMap<string, number>

/** Reads the kernel's TCP tables, or gives null on a system that has none. */
export async function readSendQueues(): Promise<SendQueues | null> {
  if (process.platform !== 'linux') return null
  const [ipv4, ipv6] = await Promise.all([readTable('/proc/net/tcp'), readTable('/proc/net/tcp6')])
  if (ipv4 === null && ipv6 === null) return null
  const queues = new Map<string, number>()
  addRows(ipv4 ?? '', queues)
  addRows(ipv6 ?? '', queues)
  return queues
}

async function readTable(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'latin1')
  } catch {
    // Without IPv6 there is no tcp6, in some sandboxes neither; the watch is then less than the rule, as off Linux.
    return null
  }
}

/** `  12: 0100007F:1DE6 0100007F:D3A4 01 00000005:00000000 …`: number, local, remote, state, send queue : receive queue. */
const ROW = /^\s*\d+: ([0-9A-F]+:[0-9A-F]{4}) ([0-9A-F]+:[0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/

export function addRows(table: string, into: Map<string, number>): void {
  for (const line of table.split('\n')) {
    const [, local, remote, queue] = ROW.exec(line) ?? []
    if (local === undefined || remote === undefined || queue === undefined || queue === '00000000') continue
    into.set(`${local} ${remote}`, Number.parseInt(queue, 16))
  }
}

/** How the kernel's table names this connection; null once it is closed. */
export function tableKey(socket: Socket): string | null {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (!localAddress || !localPort || !remoteAddress || !remotePort) return null
  return `${tableAddress(localAddress, localPort)} ${tableAddress(remoteAddress, remotePort)}`
}

/** The kernel prints addresses as 32-bit words in the machine's own byte order. */
export function tableAddress(address: string, port: number): string {
  const bytes = isIPv4(address) ? bytesOfIpv4(address) : bytesOfIpv6(address)
  let text = ''
  for (let word = 0; word < bytes.length; word += 4) {
    const four = bytes.slice(word, word + 4)
    if (endianness() === 'LE') four.reverse()
    text += four.map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  return `${text}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

function bytesOfIpv4(address: string): number[] {
  return address.split('.').map(Number)
}

function bytesOfIpv6(address: string): number[] {
  const [withoutZone = ''] = address.split('%')
  const mapped = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(withoutZone)
  const ipv4 = mapped?.[2] === undefined ? [] : bytesOfIpv4(mapped[2])
  // The two words that stand for a dotted tail keep their places and are overwritten below.
  const [head = '', tail] = (mapped?.[1] === undefined ? withoutZone : `${mapped[1]}0:0`).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : new Array<string>(8 - before.length - after.length).fill('0')
  const bytes = [...before, ...zeros, ...after].flatMap((word) => {
    const value = Number.parseInt(word, 16)
    return [value >> 8, value & 0xff]
  })
  return [...bytes.slice(0, 16 - ipv4.length), ...ipv4]
}
