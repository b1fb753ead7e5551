import type { Socket } from 'node:net'
import { type Dialled, dial, TRANSPORT, type Transport } from './transport.js'

/**
 * An event that is due and does not come is a failure; slow machines are given time, and one that is busy with other work
 * so many times as much.
 */
export const EVENT_TIMEOUT_MS = 20_000 * Number(process.env.TEST_PATIENCE ?? 1)

/** Rejects when `event` takes too long, with what was waited for. */
export function inTime<T>(what: string, event: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain for this: ${what}`)), EVENT_TIMEOUT_MS)
    event.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A client as bare as `nc`: it sends what it is told, and knows what arrived and whether the stream has ended. */
export class Wire {
  readonly #stream: Socket
  /** Below TLS, or the same. */
  readonly #tcp: Socket
  #text = ''
  #ended = false
  #broken = false
  readonly #watchers = new Set<() => void>()

  private constructor({ stream, tcp }: Dialled) {
    this.#stream = stream
    this.#tcp = tcp
    stream.setEncoding('utf8')
    stream.on('data', (chunk) => {
      this.#text += String(chunk)
      this.#changed()
    })
    stream.on('end', () => {
      this.#ended = true
      this.#changed()
    })
    stream.on('error', () => {})
    tcp.on('error', () => {})
    stream.on('close', () => {
      if (!this.#ended) this.#broken = true
      this.#ended = true
      this.#changed()
    })
  }

  static async open(port: number, transport: Transport = TRANSPORT): Promise<Wire> {
    return new Wire(await inTime(`a connection to port ${port}`, dial(port, transport)))
  }

  /** HOST:PORT, as this client's kernel sees it. */
  get localEnd(): string {
    return `${this.#tcp.localAddress}:${this.#tcp.localPort}`
  }

  /** The stream has ended, by FIN or by reset. */
  get ended(): boolean {
    return this.#ended
  }

  /** It ended by a reset. */
  get broken(): boolean {
    return this.#broken
  }

  /** What arrived and was not taken by `line` or `rest` yet. */
  get unread(): string {
    return this.#text
  }

  send(data: string | Uint8Array): void {
    this.#stream.write(data)
  }

  /** Each byte in a write, and as a rule in a packet, of its own. */
  async sendBytewise(text: string): Promise<void> {
    for (const byte of Buffer.from(text)) {
      await new Promise((resolve) => this.#stream.write(Buffer.of(byte), resolve))
      await new Promise(setImmediate)
    }
  }

  /** The next line; null when the stream ended before. */
  async line(): Promise<string | null> {
    await this.#until('a line', () => this.#ended || this.#text.includes('\n'))
    const end = this.#text.indexOf('\n')
    if (end < 0) return null
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 1)
    return line
  }

  /** Sends one line and returns the next that arrives. */
  ask(line: string): Promise<string | null> {
    this.send(`${line}\n`)
    return this.line()
  }

  /** Everything up to the end of the stream. */
  async rest(): Promise<string> {
    await this.#until('the end of the stream', () => this.#ended)
    const text = this.#text
    this.#text = ''
    return text
  }

  /** Half-closes; answers still arrive. */
  fin(): void {
    this.#stream.end()
  }

  reset(): void {
    this.#tcp.resetAndDestroy()
  }

  /** Fully closed, as when the process of a client ends. */
  destroy(): void {
    this.#stream.destroy()
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const event = new Promise<void>((resolve) => {
      const watcher = (): void => {
        if (!condition()) return
        this.#watchers.delete(watcher)
        resolve()
      }
      this.#watchers.add(watcher)
      watcher()
    })
    try {
      await inTime(what, event)
    } catch (error) {
      throw new Error(`${String(error)}; there was ${JSON.stringify(this.#text.slice(0, 200))}`)
    }
  }
}

/** One conversation from the first byte to the node's close. */
export async function converse(port: number, text: string | Uint8Array, transport?: Transport): Promise<string> {
  const wire = await Wire.open(port, transport)
  wire.send(text)
  const answer = await wire.rest()
  wire.destroy()
  return answer
}

/** The value of `key` in a line of the protocol. */
export function fieldOf(line: string | null, key: string): string {
  const pair = line?.split(',').find((part) => part.startsWith(`${key}:`))
  if (pair === undefined) throw new Error(`no ${key} in ${String(line)}`)
  return pair.slice(key.length + 1)
}

let lastName = 0

/** A lock name that no other test of the file uses. */
export function freshName(): string {
  lastName += 1
  return `lock-${lastName}`
}
