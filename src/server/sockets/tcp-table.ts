import { closeSync, openSync, read } from 'node:fs'
import { isIPv4 } from 'node:net'
import { endianness } from 'node:os'
import { promisify } from 'node:util'
import type { TcpEnd } from '../../sockets/streams.js'
import { TCP_TABLE_SLICE_BYTES } from '../limits.js'

const readAt = promisify(read)

/** Bytes that the kernel holds unacknowledged, by `tableKey`. Connections with none are left out. */
export type SendQueues = ReadonlyMap<string, number>

/**
 * The kernel's TCP tables. They are opened once: when descriptors have run out, the connections that have vanished are the
 * ones that hold them.
 */
export class TcpTables {
  readonly #tables = PATHS.map((path) => new Table(path))
  #isReading = false

  private constructor() {}

  /** Null on a system that has no such tables. */
  static open(): TcpTables | null {
    return process.platform === 'linux' ? new TcpTables() : null
  }

  /** Null when they cannot be read now. */
  async read(): Promise<SendQueues | null> {
    if (this.#isReading) return null
    this.#isReading = true
    try {
      const queues = new Map<string, number>()
      const wereRead = await Promise.all(this.#tables.map((table) => table.addTo(queues)))
      return wereRead.includes(true) ? queues : null
    } finally {
      this.#isReading = false
    }
  }

  close(): void {
    for (const table of this.#tables) table.close()
  }
}

const PATHS = ['/proc/net/tcp', '/proc/net/tcp6'] as const

class Table {
  #fd: number | null = null
  readonly #bytes = Buffer.allocUnsafe(TCP_TABLE_SLICE_BYTES)

  constructor(private readonly path: string) {
    this.#open()
  }

  /**
   * False when it cannot be read. A table of ten thousand connections is more than a megabyte, and those that are long
   * closed stand in it too: it is read in slices, with the event loop going on in between.
   */
  async addTo(queues: Map<string, number>): Promise<boolean> {
    if (this.#fd === null) this.#open()
    if (this.#fd === null) return false
    let rest = ''
    let position = 0
    try {
      for (;;) {
        const { bytesRead } = await readAt(this.#fd, this.#bytes, 0, this.#bytes.length, position)
        if (bytesRead === 0) break
        position += bytesRead
        const text = rest + this.#bytes.toString('latin1', 0, bytesRead)
        const end = text.lastIndexOf('\n') + 1
        addRows(text.slice(0, end), queues)
        rest = text.slice(end)
        if (this.#fd === null) return false
      }
    } catch {
      return false
    }
    return true
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }

  /** Without IPv6 there is no tcp6, in some sandboxes neither; the watch is then less than the rule, as off Linux. */
  #open(): void {
    try {
      this.#fd = openSync(this.path, 'r')
    } catch {
      this.#fd = null
    }
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
export function tableKey({ localAddress, localPort, remoteAddress, remotePort }: TcpEnd): string | null {
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
