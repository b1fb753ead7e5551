import type { Random } from '../types.js'

/** How one direction of a link behaves. A stream loses nothing for good: a lost segment is a stall until it is repeated. */
export interface WireConditions {
  /** Nothing gets through, not even the end of a connection. */
  readonly cut: boolean
  readonly delayMs: number
  /** On top of the delay, uniformly from 0 to this. */
  readonly jitterMs: number
  /** The share of segments that get lost and are sent again. */
  readonly loss: number
  /** Null: as fast as it goes. */
  readonly bytesPerSecond: number | null
}

export const CLEAR: WireConditions = { cut: false, delayMs: 0, jitterMs: 0, loss: 0, bytesPerSecond: null }

/** TCP's first retransmission timeout on a fast network, and how often it doubles at most. */
const RETRANSMIT_MS = 200
const RETRANSMIT_DOUBLINGS = 5

/** One direction between two places, with all connections that run over it. */
export class Wire {
  #conditions: WireConditions = CLEAR
  readonly #faults = new Set<Partial<WireConditions>>()
  readonly #onChange = new Set<() => void>()
  readonly #onReset = new Set<() => void>()
  /** The wire as a whole has one bandwidth. */
  #freeAtMs = 0

  constructor(private readonly random: Random) {}

  get isCut(): boolean {
    return this.#conditions.cut
  }

  /** Nothing is wrong with it: what arrives may be passed on at once. */
  get isClear(): boolean {
    return this.#faults.size === 0
  }

  /** Several faults may lie on one wire; each is taken away by the function that is returned. */
  impair(fault: Partial<WireConditions>): () => void {
    const own = { ...fault }
    this.#faults.add(own)
    this.#recompute()
    return () => {
      if (this.#faults.delete(own)) this.#recompute()
    }
  }

  /** How long a segment of so many bytes takes that enters now. */
  transitMs(bytes: number): number {
    const { delayMs, jitterMs, loss, bytesPerSecond } = this.#conditions
    let transitMs = delayMs + jitterMs * this.random.float()
    for (let attempt = 0; attempt < RETRANSMIT_DOUBLINGS && this.random.chance(loss); attempt += 1) {
      transitMs += RETRANSMIT_MS * 2 ** attempt
    }
    if (bytesPerSecond === null) return transitMs
    const nowMs = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes / bytesPerSecond) * 1000
    return transitMs + this.#freeAtMs - nowMs
  }

  /** Calls `listener` after every change, until the function that is returned is called. */
  watch(listener: () => void): () => void {
    this.#onChange.add(listener)
    return () => this.#onChange.delete(listener)
  }

  /** Every connection over this wire is reset at the far end, at once; the near end does not hear of it this way. */
  reset(): void {
    for (const listener of [...this.#onReset]) listener()
  }

  /** As `watch`, for `reset`. */
  watchReset(listener: () => void): () => void {
    this.#onReset.add(listener)
    return () => this.#onReset.delete(listener)
  }

  #recompute(): void {
    const faults = [...this.#faults]
    const most = (key: 'delayMs' | 'jitterMs' | 'loss'): number =>
      Math.max(0, ...faults.map((fault) => fault[key] ?? 0))
    const limits = faults.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? [])
    this.#conditions = {
      cut: faults.some((fault) => fault.cut === true),
      delayMs: most('delayMs'),
      jitterMs: most('jitterMs'),
      loss: most('loss'),
      bytesPerSecond: limits.length === 0 ? null : Math.min(...limits),
    }
    for (const listener of [...this.#onChange]) listener()
  }
}
