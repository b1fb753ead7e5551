/**
 * Server-sent events to one reader (`text/event-stream`). What is written and not yet taken is counted, so that whoever feeds it
 * can wait; a reader that takes nothing at all for a while is dropped. Browsers connect again by themselves.
 */
import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../platform.js'
import { STREAM_PULSE_MS, STREAM_STUCK_MS } from '../limits.js'

export interface StreamedEvent {
  /** What a browser says as `Last-Event-ID` when it connects again. */
  readonly id?: string
  readonly event: string
  /** JSON, which has no line ends. */
  readonly data: string
}

export class EventStream {
  #timer: Timer | null = null
  #isClosed = false
  #onClose = (): void => undefined
  /** Bytes that the kernel had taken when it was looked last, and since when it has taken no more. */
  #takenBytes = 0
  #stuckForMs = 0

  constructor(
    private readonly response: ServerResponse,
    private readonly clock: Clock,
  ) {
    response.once('close', () => this.#close())
    // Small, and each is waited for.
    response.socket?.setNoDelay(true)
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // Proxies of a common kind would keep it all back until there is much of it.
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    this.#pulse()
  }

  /** Written and not yet taken by the kernel. */
  get unsentBytes(): number {
    return this.#isClosed ? 0 : this.response.writableLength
  }

  send({ id, event, data }: StreamedEvent): void {
    if (this.#isClosed) return
    this.response.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`)
  }

  /** Whatever feeds it is told when there is nobody any more. */
  onceClosed(act: () => void): void {
    if (this.#isClosed) act()
    else this.#onClose = act
  }

  drop(): void {
    this.response.destroy()
  }

  /** A comment now and then, so that both ends notice when the other is gone; and a look whether the reader reads. */
  #pulse(): void {
    this.#timer = this.clock.after(STREAM_PULSE_MS, () => {
      const takenBytes = (this.response.socket?.bytesWritten ?? 0) - this.response.writableLength
      const isStuck = this.unsentBytes > 0 && takenBytes <= this.#takenBytes
      this.#stuckForMs = isStuck ? this.#stuckForMs + STREAM_PULSE_MS : 0
      this.#takenBytes = takenBytes
      if (this.#stuckForMs >= STREAM_STUCK_MS) {
        this.drop()
        return
      }
      if (this.unsentBytes === 0) this.response.write(':\n\n')
      this.#pulse()
    })
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.cancel()
    this.#onClose()
  }
}
