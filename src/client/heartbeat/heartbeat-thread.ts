/**
 * The connections of the clients of this process, on a thread of their own: keepalives go on while the program computes, and locks
 * outlive a blocked event loop for up to a lease. One thread serves all clients; it ends with the last of them.
 *
 * The program's thread learns of everything in the order in which it was read. So when it comes back after a block it first takes
 * in what has come meanwhile (`catchUp`), without waiting for its event loop: only then may it judge what it holds.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { MAIN_TICK_INTERVAL_MS, THREAD_FINISH_TIMEOUT_MS } from '../limits.js'
import type { TlsMaterial } from '../security/secure-stream.js'
import { type Heartbeat, KeepAlive, type KeepAliveOwner } from '../session/keep-alive.js'
import type { Pulse } from '../session/local-lease.js'
import type { Link } from '../transport/link.js'
import { type DialAddress, type Opening, openSocket } from '../transport/link-socket.js'
import type { Order, Report, ThreadData } from './messages.js'
import { RemoteSocket } from './remote-socket.js'

const WORKER = new URL('./thread-worker.js', import.meta.url)

/** A session, as the thread that keeps it alive knows it. */
export interface BeatingSession extends KeepAliveOwner {
  /** Up to where answers have arrived, if that has not been said yet. */
  acknowledgement(): number | undefined
  /** Gives up what can no longer be proved. */
  judge(): void
}

export class HeartbeatThread implements Pulse {
  static #shared: HeartbeatThread | null = null
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #tick = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))
  readonly #timer: NodeJS.Timeout
  readonly #sockets = new Map<number, RemoteSocket>()
  /** Asked to judge what they hold before the program is said to be alive again. */
  readonly #judges = new Set<() => void>()
  readonly #ended: Promise<void>
  #isBroken = false
  #isTaking = false
  #users = 1
  #lastId = 0

  /** Null where it cannot be had: the program was bundled without it, or may start no threads. Who gets it must `release` it. */
  static acquire(): HeartbeatThread | null {
    const shared = HeartbeatThread.#shared
    if (shared !== null && !shared.#isBroken) {
      shared.#users += 1
      return shared
    }
    HeartbeatThread.#shared = HeartbeatThread.#start()
    return HeartbeatThread.#shared
  }

  static #start(): HeartbeatThread | null {
    // The sources have it only once they are built.
    if (!WORKER.protocol.startsWith('file:') || !existsSync(fileURLToPath(WORKER))) return null
    try {
      return new HeartbeatThread()
    } catch (error) {
      process.emitWarning(`keepalives are sent by this thread: ${error instanceof Error ? error.message : error}`, {
        code: 'TNL_NO_THREAD',
      })
      return null
    }
  }

  private constructor() {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#beat()
    const data: ThreadData = { tick: this.#tick.buffer as SharedArrayBuffer, port: port2 }
    this.#worker = new Worker(WORKER, { name: 'tcpnetlock', workerData: data, transferList: [port2], execArgv: [] })
    this.#worker.unref()
    this.#worker.on('error', () => this.#broke())
    this.#ended = new Promise((resolve) => this.#worker.on('exit', () => resolve(this.#broke())))
    port1.on('message', (report: Report) => this.#take(report))
    port1.unref()
    this.#timer = setInterval(() => this.#beat(), MAIN_TICK_INTERVAL_MS)
    this.#timer.unref()
  }

  /** As `openSocket`, on the other thread. */
  connect(address: DialAddress, tls: TlsMaterial | null, opening: Opening): () => void {
    // It has died, of want of memory for example: this thread can do the same, while it is not blocked.
    if (this.#isBroken) return openSocket(address, tls, opening)
    this.#lastId += 1
    const socket = new RemoteSocket(this.#lastId, (order) => this.#order(order))
    this.#sockets.set(socket.id, socket)
    // An open connection keeps the program running, as one of its own would.
    this.#port.ref()
    let isSettled = false
    const once = (tell: () => void): void => {
      if (!isSettled) tell()
      isSettled = true
    }
    socket.on('error', (error: NodeJS.ErrnoException) => once(() => opening.failed(error)))
    socket.on('connect', () => once(() => opening.opened({ tcp: socket, stream: socket, isSecure: socket.isSecure })))
    this.#order({ op: 'connect', id: socket.id, address, tls })
    return () => once(() => socket.destroy())
  }

  /** Sends the keepalives of a session. */
  heartbeat(leaseMs: number, answerMs: number, intervalMs: number | undefined, owner: BeatingSession): Heartbeat {
    return new ThreadHeartbeat(leaseMs, answerMs, intervalMs, owner, (order) => this.#order(order), this.#judges)
  }

  catchUp(): void {
    if (this.#isTaking) return
    for (;;) {
      const received: { readonly message: Report } | undefined = receiveMessageOnPort(this.#port)
      if (received === undefined) return
      this.#take(received.message)
    }
  }

  silentMs(): number {
    return this.#isBroken ? 0 : Number(process.hrtime.bigint() - Atomics.load(this.#tick, 0)) / 1e6
  }

  /** Resolves when the thread has ended, if nobody else needs it. */
  async release(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    if (HeartbeatThread.#shared === this) HeartbeatThread.#shared = null
    this.#order({ op: 'finish' })
    const timer = setTimeout(() => void this.#worker.terminate(), THREAD_FINISH_TIMEOUT_MS)
    this.#worker.ref()
    await this.#ended
    clearTimeout(timer)
  }

  #beat(): void {
    for (const judge of this.#judges) judge()
    Atomics.store(this.#tick, 0, process.hrtime.bigint())
  }

  #order(order: Order): void {
    if (!this.#isBroken) this.#port.postMessage(order)
  }

  #take(report: Report): void {
    // What is done because of it may want to catch up: the order in which things came must stay.
    this.#isTaking = true
    try {
      const socket = this.#sockets.get(report.id)
      if (report.event === 'close') this.#forget(report.id)
      socket?.take(report)
    } finally {
      this.#isTaking = false
    }
  }

  #broke(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    clearInterval(this.#timer)
    for (const socket of [...this.#sockets.values()]) this.#lose(socket)
    this.#port.close()
  }

  #lose(socket: RemoteSocket): void {
    this.#forget(socket.id)
    socket.fail('the thread of the connections has ended', undefined)
    socket.closed()
  }

  #forget(id: number): void {
    this.#sockets.delete(id)
    if (this.#sockets.size === 0) this.#port.unref()
  }
}

class ThreadHeartbeat implements Heartbeat {
  #socket: RemoteSocket | null = null
  /** On a connection that this thread has itself. */
  readonly #own: KeepAlive

  constructor(
    private readonly leaseMs: number,
    private readonly answerMs: number,
    private readonly intervalMs: number | undefined,
    private readonly owner: BeatingSession,
    private readonly order: (order: Order) => void,
    private readonly judges: Set<() => void>,
  ) {
    this.#own = new KeepAlive(answerMs, intervalMs, owner)
  }

  start(link: Link): void {
    this.stop()
    const { tcp } = link
    if (!(tcp instanceof RemoteSocket)) {
      this.#own.start()
      return
    }
    const { leaseMs, answerMs, intervalMs, owner } = this
    this.#socket = tcp
    tcp.onBeat = (report) => {
      if (report.event === 'overdue') owner.overdue()
      else {
        owner.confirmed(report.sentAt, report.at)
        const ack = owner.acknowledgement()
        if (ack !== undefined) this.order({ op: 'ack', id: tcp.id, ack })
      }
    }
    this.judges.add(this.#judge)
    this.order({ op: 'beat', id: tcp.id, answerMs, intervalMs, leaseMs })
  }

  stop(): void {
    this.#own.stop()
    this.judges.delete(this.#judge)
    if (this.#socket === null) return
    this.#socket.onBeat = null
    this.order({ op: 'rest', id: this.#socket.id })
    this.#socket = null
  }

  answered(): void {
    // The other thread counts those of its own connections.
    if (this.#socket === null) this.#own.answered()
  }

  readonly #judge = (): void => this.owner.judge()
}
