import type { Socket } from 'node:net'
import type { Wire } from './wire.js'

/** Held back at most, for each direction of a connection, before the sender is slowed down. */
const HELD_BYTES = 256 * 1024

/** What travels over a wire: bytes, the end of the stream, or a reset. */
type Item = { readonly dueMs: number } & (
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }
)

/** One direction of one connection: takes from one socket and gives to another, in order, as the wire allows. */
export class Pipe {
  readonly #items: Item[] = []
  #heldBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | null = null
  #blocked = false
  #done = false
  readonly #unwatch: readonly (() => void)[]

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly wire: Wire,
    /** A reset goes on as an end, as docker-proxy and HAProxy do it: whoever gets it cannot tell the difference. */
    private readonly resetsBecomeEnds = false,
  ) {
    this.#unwatch = [wire.watch(() => this.#deliver()), wire.watchReset(() => this.#give({ kind: 'reset', dueMs: 0 }))]
    from.on('data', (bytes: Buffer) => this.#take({ kind: 'data', bytes, dueMs: 0 }))
    from.on('end', () => this.#ended())
    from.on('error', () => this.#take({ kind: 'reset', dueMs: 0 }))
    // Without an end before it: the other half was reset.
    from.on('close', () => {
      if (!from.readableEnded) this.#take({ kind: 'reset', dueMs: 0 })
    })
    to.on('drain', () => {
      this.#blocked = false
      this.#deliver()
    })
    to.on('close', () => this.#stop())
  }

  /** Bytes that were read before this pipe was there. */
  prepend(bytes: Buffer): void {
    if (bytes.length > 0) this.#take({ kind: 'data', bytes, dueMs: 0 })
  }

  #take(item: Item): void {
    if (this.#done) return
    const bytes = item.kind === 'data' ? item.bytes.length : 0
    const nowMs = performance.now()
    // In order: what was sent later never arrives earlier.
    this.#lastDueMs = this.wire.isClear ? nowMs : Math.max(this.#lastDueMs, nowMs + this.wire.transitMs(bytes))
    this.#items.push({ ...item, dueMs: this.#lastDueMs })
    this.#heldBytes += bytes
    if (this.#heldBytes > HELD_BYTES) this.from.pause()
    this.#deliver()
  }

  /** A reset that finds data unread is reported as an end as well; but then nothing can be written any more. */
  #ended(): void {
    const { from } = this
    const take = (isReset: boolean): void => this.#take({ kind: isReset ? 'reset' : 'end', dueMs: 0 })
    if (from.writableEnded) take(false)
    else from.write('', (error) => take(error instanceof Error))
  }

  #deliver(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    while (!this.#done && !this.#blocked && !this.wire.isCut) {
      const [item] = this.#items
      if (item === undefined) return
      const waitMs = item.dueMs - performance.now()
      if (waitMs > 0 && !this.wire.isClear) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs)
        return
      }
      this.#items.shift()
      this.#give(item)
    }
  }

  #give(item: Item): void {
    if (item.kind === 'reset' && !this.resetsBecomeEnds) {
      this.to.resetAndDestroy()
      this.#stop()
    } else if (item.kind !== 'data') {
      this.to.end()
      this.#stop()
    } else {
      this.#blocked = !this.to.write(item.bytes)
      this.#heldBytes -= item.bytes.length
      if (this.#heldBytes <= HELD_BYTES && this.from.isPaused()) this.from.resume()
    }
  }

  #stop(): void {
    if (this.#done) return
    this.#done = true
    this.#items.length = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const unwatch of this.#unwatch) unwatch()
    // What still comes is of no use, but the end must be seen.
    this.from.resume()
  }
}
