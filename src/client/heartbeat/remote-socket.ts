/** A socket that another thread has: what is done to it becomes an order, what happens to it was a report. */
import { EventEmitter } from 'node:events'
import { after } from '../long-timer.js'
import type { LinkSocket } from '../transport/link-socket.js'
import type { BeatReport, Order, Report } from './messages.js'

export class RemoteSocket extends EventEmitter implements LinkSocket {
  localAddress: string | undefined
  localPort: number | undefined
  remoteAddress: string | undefined
  readableEnded = false
  /** Known once it is connected: the other thread has TLS as well. */
  isSecure = false
  /** Told of the keepalives that the other thread sends on it. */
  onBeat: ((report: BeatReport) => void) | null = null
  #isClosed = false
  #stopTimeout: () => void = () => {}

  constructor(
    readonly id: number,
    private readonly order: (order: Order) => void,
  ) {
    super()
  }

  write(text: string): void {
    this.#tell({ op: 'write', id: this.id, text })
  }

  end(): void {
    this.#tell({ op: 'end', id: this.id })
  }

  destroy(): void {
    this.#tell({ op: 'destroy', id: this.id })
  }

  resetAndDestroy(): void {
    this.#tell({ op: 'reset', id: this.id })
  }

  /** It is read all the time. */
  resume(): void {}

  /** Unlike a socket's own it does not begin anew with each sign of life: it bounds how long an end may take. */
  setTimeout(ms: number, due: () => void): void {
    this.#stopTimeout()
    if (!this.#isClosed) this.#stopTimeout = after(ms, due)
  }

  take(report: Report): void {
    switch (report.event) {
      case 'connect':
        this.localAddress = report.localAddress
        this.localPort = report.localPort
        this.remoteAddress = report.remoteAddress
        this.isSecure = report.isSecure
        this.emit('connect')
        return
      case 'data':
        this.emit('data', report.chunk)
        return
      case 'error':
        this.fail(report.message, report.code, report.name)
        return
      case 'end':
        this.readableEnded = true
        this.emit('end')
        return
      case 'close':
        this.closed()
        return
      default:
        this.onBeat?.(report)
    }
  }

  /** An error of a socket that nobody listens to any more is no one's. */
  fail(message: string, code: string | undefined, name = 'Error'): void {
    if (this.listenerCount('error') > 0) this.emit('error', Object.assign(new Error(message), { code, name }))
  }

  closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopTimeout()
    this.emit('close')
  }

  #tell(order: Order): void {
    if (!this.#isClosed) this.order(order)
  }
}
