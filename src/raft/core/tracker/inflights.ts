import { invariant } from '../../../invariant.js'
import type { Index } from '../types.js'

/**
 * The append messages that were sent to one follower and not acknowledged yet: a ring of (last index, bytes) in sending
 * order. Both limits bound what a slow follower can pile up in the network and in its own memory.
 */
export class Inflights {
  readonly #maxMessages: number
  readonly #maxBytes: number
  /** The rings grow up to `maxMessages` slots when they are first used: most followers never have many in flight. */
  readonly #lastIndex: Index[] = []
  readonly #size: number[] = []
  #start = 0
  #count = 0
  #bytes = 0

  /** `maxBytes` 0 is no limit. It is a soft one: the message that reaches it may go beyond it. */
  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages
    this.#maxBytes = maxBytes
  }

  /** Messages in flight. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  full(): boolean {
    return this.#count === this.#maxMessages || (this.#maxBytes !== 0 && this.#bytes >= this.#maxBytes)
  }

  /** Records a message whose last entry has `lastIndex`. Not allowed when full; indexes never go down. */
  add(lastIndex: Index, bytes: number): void {
    invariant(!this.full(), 'an append was sent although the in-flight window is full')
    const slot = this.#slot(this.#count)
    this.#lastIndex[slot] = lastIndex
    this.#size[slot] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** Forgets the messages that an acknowledgement of `index` covers. */
  freeUpTo(index: Index): void {
    while (this.#count > 0 && (this.#lastIndex[this.#start] as Index) <= index) {
      this.#bytes -= this.#size[this.#start] as number
      this.#count--
      this.#start = this.#slot(1)
    }
    // An empty window starts over at slot 0, so that a short one never makes the ring grow.
    if (this.#count === 0) this.#start = 0
  }

  reset(): void {
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }

  #slot(offset: number): number {
    const slot = this.#start + offset
    return slot >= this.#maxMessages ? slot - this.#maxMessages : slot
  }
}
