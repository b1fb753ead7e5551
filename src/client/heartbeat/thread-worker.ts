/**
 * The thread of a client's connections: it reads and writes its sockets and sends their keepalives, whatever the program's own
 * thread is busy with. It does not speak for a program that has shown no life for a whole lease: its locks shall be lost.
 */
import type { Socket } from 'node:net'
import { type MessagePort, workerData } from 'node:worker_threads'
import { formatLine } from '../../protocol/line.js'
import { explainTls, type TlsMaterial } from '../security/secure-stream.js'
import { KeepAlive } from '../session/keep-alive.js'
import { instantNow } from '../session/local-lease.js'
import { type DialAddress, type LinkChannel, openSocket } from '../transport/link-socket.js'
import type { Order, Report, ThreadData } from './messages.js'

const { tick, port } = workerData as ThreadData
const lastTick = new BigInt64Array(tick)

const silentMs = (): number => Number(process.hrtime.bigint() - Atomics.load(lastTick, 0)) / 1e6

const ALIVE = Buffer.from('alive')
const [CR, LF] = [0x0d, 0x0a]

class Carried {
  /** Null before it may be spoken on. */
  #channel: LinkChannel<Socket> | null = null
  readonly #giveUp: () => void
  #keepAlive: KeepAlive | null = null
  #ack: number | undefined
  /** How many bytes of the line that is being read are those of `alive`; -1: it is another line. */
  #matched = 0

  constructor(
    private readonly id: number,
    address: DialAddress,
    tls: TlsMaterial | null,
    private readonly closed: () => void,
  ) {
    this.#giveUp = openSocket(address, tls, {
      opened: (channel) => this.#opened(channel),
      failed: (error) => {
        this.#failed(error)
        this.#end()
      },
    })
  }

  write(text: string): void {
    if (this.#channel?.stream.writable) this.#channel.stream.write(text)
  }

  end(): void {
    this.#channel?.stream.end()
  }

  reset(): void {
    if (this.#channel === null) this.destroy()
    else this.#channel.tcp.resetAndDestroy()
  }

  destroy(): void {
    if (this.#channel !== null) {
      this.#channel.stream.destroy()
      return
    }
    this.#giveUp()
    this.#end()
  }

  beat({ answerMs, intervalMs, leaseMs }: Extract<Order, { op: 'beat' }>): void {
    this.rest()
    this.#keepAlive = new KeepAlive(answerMs, intervalMs, {
      send: () => this.#beat(leaseMs),
      confirmed: (sentAt) => this.#say({ event: 'confirmed', id: this.id, sentAt, at: instantNow() }),
      overdue: () => this.#say({ event: 'overdue', id: this.id }),
    })
    this.#keepAlive.start()
  }

  acknowledge(ack: number): void {
    this.#ack = ack
  }

  rest(): void {
    this.#keepAlive?.stop()
    this.#keepAlive = null
  }

  #opened(channel: LinkChannel<Socket>): void {
    this.#channel = channel
    const { id } = this
    const { tcp, stream, isSecure } = channel
    const { localAddress, localPort, remoteAddress } = tcp
    this.#say({ event: 'connect', id, localAddress, localPort, remoteAddress, isSecure })
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('end', () => this.#say({ event: 'end', id }))
    stream.on('error', (error: NodeJS.ErrnoException) => this.#failed(isSecure ? explainTls(error) : error))
    stream.on('close', () => this.#end())
  }

  #failed({ message, code, name }: NodeJS.ErrnoException): void {
    this.#say({ event: 'error', id: this.id, message, code, name })
  }

  #end(): void {
    this.rest()
    this.#say({ event: 'close', id: this.id })
    this.closed()
  }

  #beat(leaseMs: number): void {
    if (silentMs() >= leaseMs) {
      // What comes meanwhile would only pile up.
      this.#channel?.stream.pause()
      return
    }
    this.#channel?.stream.resume()
    this.write(formatLine('.keepalive', { ack: this.#ack }))
    this.#ack = undefined
  }

  /** What was read before an `alive` must reach the program before the word that it was: it may be a `lost`. */
  #read(chunk: Buffer): void {
    let answers = 0
    for (const byte of chunk) if (this.#isAlive(byte)) answers += 1
    this.#say({ event: 'data', id: this.id, chunk })
    for (; answers > 0; answers -= 1) this.#keepAlive?.answered()
  }

  /** Whether this byte ends a line that says `alive`. */
  #isAlive(byte: number): boolean {
    if (byte === LF) {
      const isAlive = this.#matched === ALIVE.length
      this.#matched = 0
      return isAlive
    }
    if (byte === CR) return false
    this.#matched = this.#matched >= 0 && byte === ALIVE[this.#matched] ? this.#matched + 1 : -1
    return false
  }

  #say(report: Report): void {
    port.postMessage(report)
  }
}

function serve(orders: MessagePort): void {
  const sockets = new Map<number, Carried>()
  let isFinishing = false
  const closeIfDone = (): void => {
    if (isFinishing && sockets.size === 0) orders.close()
  }
  orders.on('message', (order: Order) => {
    if (order.op === 'finish') {
      isFinishing = true
      closeIfDone()
      return
    }
    const { id } = order
    if (order.op === 'connect') {
      const closed = (): void => {
        sockets.delete(id)
        closeIfDone()
      }
      sockets.set(id, new Carried(id, order.address, order.tls, closed))
      return
    }
    const socket = sockets.get(id)
    if (order.op === 'write') socket?.write(order.text)
    else if (order.op === 'beat') socket?.beat(order)
    else if (order.op === 'ack') socket?.acknowledge(order.ack)
    else socket?.[order.op]()
  })
}

serve(port)
