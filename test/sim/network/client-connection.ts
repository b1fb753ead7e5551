/** A client's connection to a node, as faults and checks see it; what carries it is a network in memory. */
import type { MemoryConnection } from '../../../src/testing/memory-connection.js'
import type { MemoryStream } from '../../../src/testing/memory-stream.js'
import type { Process } from '../process.js'
import type { World } from '../world.js'

const RESET_LOST_CHANCE = 0.5
const COMMAND = /^(lock|release|cancel|bye)\b/

/** What the client's program is told. */
export interface ClientHandlers {
  text(text: string): void
  /** The node's FIN, or a reset. */
  closed(reset: boolean): void
  /** For the counters: a line that was held back reaches the node's program. */
  late?(line: string): void
}

/** The process at the other end, once it has taken the connection. */
interface NodeEnd {
  readonly process: Process
  readonly stream: MemoryStream
}

export class ClientConnection {
  /** Told what the node hands to its kernel, for the checks. */
  onWritten: (text: string) => void = () => undefined
  onNodeClosed: () => void = () => undefined
  /** Told before a command leaves the client. */
  beforeCommand: () => void = () => undefined
  /** The lock that a classic client asks for on it. */
  classicLock: string | null = null
  /** The client has said that it gives up what it has, or is gone. */
  isGivenUp = false
  node: NodeEnd | null = null
  readonly client: ClientEnd
  /** One of the hosts is gone without a word, or for good. */
  #hostGone = false
  #isHeldBack = false
  /** What is held now was held back. */
  #isLate = false
  #isResetLost = false

  constructor(
    readonly world: World,
    clientProcess: Process,
    /** To the node, or to the relay before it. */
    private readonly path: MemoryConnection,
    private readonly handlers: ClientHandlers,
  ) {
    this.client = new ClientEnd(this, clientProcess, path.dialler, handlers)
  }

  get isNodeOpen(): boolean {
    return this.node?.process.isAlive === true && this.node.stream.isOpen
  }

  get isHeldBack(): boolean {
    return this.#isHeldBack
  }

  sends(text: string): void {
    if (COMMAND.test(text)) this.beforeCommand()
  }

  /**
   * A box in the middle keeps what the client sends, and answers the node's keepalive for it: what the client gave up long
   * ago, and has sent again elsewhere, comes when nobody thinks of it any more.
   */
  holdBack(ms: number): void {
    if (this.#isHeldBack) return
    this.#isHeldBack = true
    this.#isLate = true
    this.path.toAcceptor.isBlocked = true
    this.world.after(ms, () => this.letThrough())
  }

  letThrough(): void {
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    this.path.toAcceptor.isBlocked = false
    this.#flow()
    if (this.#hostGone) this.path.lostTouch()
  }

  /** A reset is sent once. Without it the node learns from the answer to its keepalive that nobody is there. */
  losesReset(): boolean {
    this.#isResetLost = this.#isHeldBack && this.world.random.chance(RESET_LOST_CHANCE)
    return this.#isResetLost
  }

  cut(ms: number): void {
    this.#setCut(true)
    this.world.after(ms, () => this.heal())
    if (!this.#isHeldBack) this.path.lostTouch()
  }

  heal(): void {
    if (this.#hostGone) return
    this.#setCut(false)
    this.#flow()
  }

  /** The client's host lost its power: nobody answers any more. What is under way arrives. */
  clientVanishes(): void {
    this.#hostGone = true
    this.path.toAcceptor.sever()
    this.path.toDialler.isCut = true
    if (!this.#isHeldBack) this.path.lostTouch()
  }

  #setCut(isCut: boolean): void {
    this.path.toAcceptor.isCut = isCut
    this.path.toDialler.isCut = isCut
  }

  /** What nothing holds any more arrives. */
  #flow(): void {
    const arrived = this.path.release()
    if (this.#isHeldBack) return
    if (this.#isLate) {
      const bytes = arrived.filter((parcel) => typeof parcel !== 'string')
      for (const line of Buffer.concat(bytes)
        .toString()
        .split(/(?<=\n)/))
        this.#cameLate(line)
    }
    this.#isLate = false
    if (this.#isResetLost && !this.#hostGone) this.path.toAcceptor.push('rst')
    this.#isResetLost = false
  }

  #cameLate(line: string): void {
    if (!this.isNodeOpen || line === '') return
    this.world.count('seen late client line')
    if (!this.client.isOpen) this.world.count('seen late client line after the client had left')
    this.handlers.late?.(line)
  }
}

/** The client's program. */
export class ClientEnd {
  #finSent = false
  #closed = false

  constructor(
    private readonly connection: ClientConnection,
    readonly process: Process,
    private readonly stream: MemoryStream,
    handlers: ClientHandlers,
  ) {
    const decoder = new TextDecoder()
    stream.on('data', (chunk: Buffer) => {
      if (!this.#closed) handlers.text(decoder.decode(chunk, { stream: true }))
    })
    const closed = (isReset: boolean): void => {
      if (this.#closed) return
      this.close()
      handlers.closed(isReset)
    }
    stream.on('end', () => closed(false))
    stream.on('close', () => closed(true))
  }

  get isOpen(): boolean {
    return !this.#closed
  }

  /** Nothing more comes from here. */
  get hasEnded(): boolean {
    return this.#finSent || this.#closed
  }

  /** The address that the client itself sees; the node sees the relay's, if there is one. */
  get localEnd(): string {
    return `${this.stream.localAddress}:${this.stream.localPort}`
  }

  send(text: string): void {
    if (this.#closed || this.#finSent) return
    const { world } = this.connection
    world.tell(() => `${this.process.name} says ${JSON.stringify(text)}`)
    this.connection.sends(text)
    this.stream.write(text)
  }

  /** Half-closes: what the node says is still read. */
  fin(): void {
    if (this.#closed || this.#finSent) return
    this.#finSent = true
    this.stream.end()
  }

  reset(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.connection.losesReset()) this.stream.programDied(true)
    else this.stream.resetAndDestroy()
  }

  /** No more is read; the node learns of it by a FIN. */
  close(): void {
    this.fin()
    this.#closed = true
    this.stream.destroy()
  }

  /** Without a word: the host is gone. */
  vanish(): void {
    this.#closed = true
    this.connection.clientVanishes()
  }
}
