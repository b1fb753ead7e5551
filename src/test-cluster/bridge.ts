/**
 * One client's connection: a socket of this machine at one end, a connection in memory to a node at the other. What the client
 * is, and in which language, makes no difference to the cluster.
 */
import type { Socket } from 'node:net'
import type { MemoryStream } from '../testing/memory-stream.js'
import type { PacedTime } from './paced-time.js'

const KEEPALIVE = '.keepalive\n'
const ALIVE = 'alive'

export class Bridge {
  /** Of the session that is served on it; null for a classic client, and before `welcome`. */
  session: number | null = null
  /** `alive` lines that the client has not asked for. */
  #unasked = 0
  /** What the client has sent of a line that is not complete. */
  #isMidLine = false
  #rest = ''
  /** What the client sends meanwhile is kept here. */
  #kept: Buffer[] | null = null
  #isEndKept = false
  #isCut = false

  constructor(
    private readonly time: PacedTime,
    private readonly socket: Socket,
    private readonly node: MemoryStream,
    private readonly closed: () => void,
  ) {
    socket.on('data', (chunk: Buffer) => this.#said(chunk))
    socket.on('end', () => this.#ended())
    // Whatever became of it, 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#gone())
    node.on('data', (chunk: Buffer) => this.#heard(chunk))
    node.on('end', () => this.socket.end())
    node.on('error', () => {})
    node.on('close', () => this.#nodeGone())
    node.on('drain', () => socket.resume())
    socket.on('drain', () => node.resume())
  }

  /** While time is advanced a client that is connected counts as alive: it has no time to say so itself. */
  keepAlive(): void {
    if (this.session === null || this.#isMidLine || this.#kept !== null || !this.node.isOpen) return
    this.#unasked += 1
    this.node.write(KEEPALIVE)
  }

  /** Nothing that the client says gets through until `letThrough`. */
  holdBack(): void {
    this.#kept ??= []
  }

  letThrough(): void {
    const kept = this.#kept ?? []
    this.#kept = null
    for (const chunk of kept) this.#said(chunk)
    if (this.#isEndKept) this.#ended()
  }

  /** The node sees a reset; the client does not know yet. */
  cutFromNode(): void {
    this.#isCut = true
    this.node.resetAndDestroy()
  }

  /** For the client the connection broke. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  #said(chunk: Buffer): void {
    if (this.#kept !== null) this.#kept.push(chunk)
    else {
      this.#isMidLine = chunk.at(-1) !== 0x0a
      if (!this.node.write(chunk)) this.socket.pause()
      this.time.kick()
    }
  }

  #ended(): void {
    if (this.#kept !== null) this.#isEndKept = true
    else {
      this.node.end()
      this.time.kick()
    }
  }

  #heard(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    let text = ''
    for (const line of lines) {
      if (line === ALIVE && this.#unasked > 0) this.#unasked -= 1
      else text += `${line}\n`
      if (line.startsWith('welcome,')) this.session = Number(/,session:(\d+)/.exec(line)?.[1] ?? 0) || null
    }
    if (text !== '' && !this.socket.write(text, 'latin1')) this.node.pause()
  }

  #gone(): void {
    // Ended in good order, or reset: a connection that was not ended is broken for the node.
    if (this.node.isOpen && !this.#isCut) this.node.resetAndDestroy()
    else this.node.destroy()
    this.time.kick()
    this.closed()
  }

  #nodeGone(): void {
    if (this.#isCut || this.socket.destroyed) return
    if (this.socket.writableEnded) this.socket.destroySoon()
    else this.socket.resetAndDestroy()
  }
}
