/** TCP between clients and nodes, down to FIN, RST and keepalive. The node's end is what `TcpClientSocket` takes for a socket. */
import { type Parcel, Pipe } from './pipe.js'
import type { Process } from './process.js'
import type { World } from './world.js'

/** A dead peer is found by keepalive after so long (rules.md rule 5). */
const KEEPALIVE_MS = 15_000
const RESET_LOST_CHANCE = 0.5
const COMMAND = /^(lock|release|cancel|bye)\b/
const encoder = new TextEncoder()

/** What the client's program is told. */
export interface ClientHandlers {
  text(text: string): void
  /** The node's FIN, or a reset. */
  closed(reset: boolean): void
  /** For the counters: a line that was held back reaches the node's program. */
  late?(line: string): void
}

type Listener = (argument?: unknown) => void

export class TcpConnection {
  /** Told what the node hands to its kernel, for the checks. */
  onWritten: (text: string) => void = () => undefined
  onNodeClosed: () => void = () => undefined
  /** Told before a command leaves the client. */
  beforeCommand: () => void = () => undefined
  /** The lock that a classic client asks for on it. */
  classicLock: string | null = null
  /** The client has said that it gives up what it has, or is gone. */
  isGivenUp = false
  readonly node: NodeEnd
  readonly client: ClientEnd
  readonly #toNode = new Pipe(
    this,
    () => this.client.process,
    (parcel) => this.node.receive(parcel),
    () => this.isCut || this.#isHeldBack,
  )
  readonly #toClient = new Pipe(
    this,
    () => this.node.process,
    (parcel) => this.client.receive(parcel),
    () => this.isCut,
  )
  isCut = false
  /** One of the hosts is gone without a word, or for good. */
  hostGone = false
  /** The relay has lost the client: it has told the node by a FIN, and would tell the client by a reset. */
  #relayGaveUp = false
  #isHeldBack = false
  /** What is held now was held back. */
  #isLate = false
  #isResetLost = false

  constructor(
    readonly world: World,
    nodeProcess: Process,
    clientProcess: Process,
    readonly meanMs: number,
    private readonly handlers: ClientHandlers,
    /** The kernel takes little: what was written may stay with the node. */
    readonly hasSmallBuffers: boolean,
    /**
     * A proxy beside the node stands between. It has a connection of its own to either side, passes on bytes and FINs, and
     * whatever else ends one of them it tells the other side by a FIN.
     */
    readonly isRelayed = false,
  ) {
    this.node = new NodeEnd(this, nodeProcess)
    this.client = new ClientEnd(this, clientProcess, handlers)
  }

  carry(from: 'node' | 'client', sent: Parcel): void {
    const { node, client } = this
    const parcel = this.isRelayed && sent === 'rst' ? 'fin' : sent
    if (parcel !== sent) this.world.count('seen reset that became a FIN')
    const [one, other] = from === 'node' ? [node, client] : [client, node]
    const what = typeof parcel === 'string' ? parcel : JSON.stringify(parcel.text)
    this.world.tell(() => `${one.process.name} -> ${other.process.name}: ${what}`)
    if (from === 'client' && typeof parcel !== 'string' && COMMAND.test(parcel.text)) this.beforeCommand()
    if (from === 'node') this.#toClient.push(parcel)
    // A reset is sent once. Without it the node learns from the answer to its acknowledgement that nobody is there.
    else if (parcel === 'rst' && this.#isHeldBack && this.world.random.chance(RESET_LOST_CHANCE))
      this.#isResetLost = true
    else this.#toNode.push(parcel)
  }

  /**
   * A box in the middle keeps what the client sends, and answers the node's keepalive for it: what the client gave up long
   * ago, and has sent again elsewhere, comes when nobody thinks of it any more.
   */
  holdBack(ms: number): void {
    if (this.#isHeldBack) return
    this.#isHeldBack = true
    this.#isLate = true
    this.world.after(ms, () => this.letThrough())
  }

  letThrough(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    this.#flow()
    if (this.hostGone) this.world.after(KEEPALIVE_MS, () => this.#keepaliveFails())
  }

  /** What nothing holds any more arrives. What was under way when the client's host was gone does so too, if a box had it. */
  #flow(): void {
    if (!this.isCut) this.#toClient.release()
    if (this.#isHeldBack || (this.isCut && !this.hostGone)) return
    for (const parcel of this.#toNode.release()) {
      if (this.#isLate && typeof parcel !== 'string') this.#cameLate(parcel.text)
    }
    this.#isLate = false
    if (this.#isResetLost && !this.hostGone) this.#toNode.push('rst')
    this.#isResetLost = false
  }

  #cameLate(text: string): void {
    if (!this.node.isOpen || !this.node.process.isAlive) return
    this.world.count('seen late client line')
    if (!this.client.isOpen) this.world.count('seen late client line after the client had left')
    this.handlers.late?.(text)
  }

  get unsentToClient(): number {
    return this.hasSmallBuffers ? this.#toClient.heldBytes : 0
  }

  cut(ms: number): void {
    this.isCut = true
    this.world.after(ms, () => this.heal())
    this.world.after(KEEPALIVE_MS, () => this.#keepaliveFails())
  }

  heal(): void {
    if (!this.isCut || this.hostGone) return
    this.isCut = false
    if (this.#relayGaveUp) this.client.receive('rst')
    else this.#flow()
  }

  /** The client's host lost its power: nobody answers any more. */
  clientVanishes(): void {
    this.hostGone = true
    this.isCut = true
    if (!this.#isHeldBack) this.world.after(KEEPALIVE_MS, () => this.#keepaliveFails())
  }

  #keepaliveFails(): void {
    if (!this.isCut || this.#isHeldBack || this.#relayGaveUp) return
    this.#relayGaveUp = this.isRelayed
    if (this.isRelayed) this.node.receive('fin')
    else this.node.kernelGivesUp()
  }
}

/** The node's side, in the shape of the parts of `net.Socket` that `TcpClientSocket` uses. */
export class NodeEnd {
  readonly remoteAddress = '127.0.0.1'
  /** Of the client, or of the relay. */
  readonly remotePort: number
  /** The kernel takes whatever is written. */
  readonly writableHighWaterMark = Number.POSITIVE_INFINITY
  bytesWritten = 0
  #listeners = new Map<string, Listener>()
  #paused = true
  #finSent = false
  #finSeen = false
  #closed = false
  readonly #unread: Parcel[] = []

  constructor(
    private readonly connection: TcpConnection,
    readonly process: Process,
  ) {
    this.remotePort = 1024 + connection.world.random.int(60_000)
  }

  get isOpen(): boolean {
    return !this.#closed && !this.#finSent
  }

  get writableLength(): number {
    return this.connection.unsentToClient
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, listener)
    // Like a stream: it flows as soon as somebody listens.
    if (event === 'data') this.resume()
    return this
  }

  /** `done` as a stream calls it: with an error when the connection is reset, read or not. */
  write(text: string, done?: (error?: Error) => void): boolean {
    if (done !== undefined) this.process.deliver(() => done(this.#failure() ?? undefined))
    if (text === '' || this.#closed || this.#finSent || !this.process.isAlive) return true
    const failure = this.#failure()
    if (failure !== null) {
      this.process.deliver(() => this.#tell('error', failure))
      this.#close()
      return true
    }
    this.bytesWritten += text.length
    this.connection.onWritten(text)
    this.connection.carry('node', { text })
    return true
  }

  /** What a write fails with: the kernel tells a reset that came after a FIN from all others. */
  #failure(): Error | null {
    const resetAt = this.#unread.indexOf('rst')
    if (!this.#closed && resetAt < 0) return null
    const finAt = this.#finSeen ? -1 : this.#unread.indexOf('fin')
    const code = this.#finSeen || (finAt >= 0 && finAt < resetAt) ? 'EPIPE' : 'ECONNRESET'
    return Object.assign(new Error(code), { code })
  }

  end(text = ''): void {
    if (text !== '') this.write(text)
    this.#finSent = true
    this.connection.carry('node', 'fin')
    this.#closeWhenDone()
  }

  destroy(): void {
    if (this.#closed) return
    if (!this.#finSent || this.#unread.length > 0) this.connection.carry('node', 'rst')
    this.#close()
  }

  resetAndDestroy(): void {
    if (this.#closed) return
    this.connection.carry('node', 'rst')
    this.#close()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#read()
  }

  receive(parcel: Parcel): void {
    // After a FIN nothing more comes from there but a reset.
    if (this.#closed || ((this.#finSeen || this.#unread.includes('fin')) && parcel !== 'rst')) return
    if (!this.process.isAlive) {
      this.connection.carry('node', 'rst')
      return
    }
    this.#unread.push(parcel)
    this.#read()
  }

  kernelGivesUp(): void {
    if (this.process.isAlive) this.#close()
  }

  /** The process died: its kernel closes for it. */
  processDied(silently: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.connection.onNodeClosed()
    if (!silently) this.connection.carry('node', this.#unread.length > 0 ? 'rst' : 'fin')
  }

  #read(): void {
    this.process.deliver(() => {
      while (!this.#paused && !this.#closed) {
        const parcel = this.#unread.shift()
        if (parcel === undefined) return
        if (parcel === 'rst') this.#close()
        else if (parcel === 'fin') {
          this.#finSeen = true
          this.#tell('end')
          this.#closeWhenDone()
        } else this.#tell('data', encoder.encode(parcel.text))
      }
    })
  }

  #closeWhenDone(): void {
    if (this.#finSent && this.#finSeen) this.#close()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.connection.onNodeClosed()
    this.process.deliver(() => this.#tell('close'))
  }

  #tell(event: string, argument?: unknown): void {
    this.#listeners.get(event)?.(argument)
  }
}

/** The client's side. */
export class ClientEnd {
  #finSent = false
  #closed = false

  constructor(
    private readonly connection: TcpConnection,
    readonly process: Process,
    private readonly handlers: ClientHandlers,
  ) {}

  get isOpen(): boolean {
    return !this.#closed
  }

  /** The address that the client itself sees; the node sees the relay's, if there is one. */
  get localEnd(): string {
    const { node, isRelayed } = this.connection
    return `${node.remoteAddress}:${isRelayed ? node.remotePort - 1 : node.remotePort}`
  }

  send(text: string): void {
    if (this.#closed || this.#finSent) return
    this.connection.carry('client', { text })
  }

  /** Half-closes: what the node says is still read. */
  fin(): void {
    if (this.#closed || this.#finSent) return
    this.#finSent = true
    this.connection.carry('client', 'fin')
  }

  reset(): void {
    if (this.#closed) return
    this.#closed = true
    this.connection.carry('client', 'rst')
  }

  /** No more is read; the node learns of it by a FIN. */
  close(): void {
    this.fin()
    this.#closed = true
  }

  /** Without a word: the host is gone. */
  vanish(): void {
    this.#closed = true
    this.connection.clientVanishes()
  }

  receive(parcel: Parcel): void {
    if (this.#closed) {
      // Nobody reads any more, and the kernel says so.
      if (typeof parcel !== 'string' && !this.connection.hostGone) this.connection.carry('client', 'rst')
      return
    }
    this.process.deliver(() => {
      if (this.#closed) return
      if (typeof parcel !== 'string') {
        this.handlers.text(parcel.text)
        return
      }
      this.close()
      this.handlers.closed(parcel === 'rst')
    })
  }
}
