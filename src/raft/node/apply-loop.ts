import type { Message } from '../core/messages.js'
import type { Entry } from '../core/types.js'

/**
 * The apply thread of asynchronous storage writes: entries in their order, a turn's worth at a time. One order of the core
 * may hold 1 MiB of small commands; applied in one go they would delay sockets and heartbeats by some 80 ms.
 */
export class ApplyLoop {
  #queue: Message[] = []
  /** The next entry of the first message in the queue. */
  #at = 0

  constructor(
    /** Returns how many commands the entry held. */
    private readonly applyEntry: (entry: Entry) => number,
    /** Some entries of one order were applied, `last` the last of them. */
    private readonly onSlice: (last: Entry, bytes: number) => void,
    private readonly respond: (response: Message) => void,
  ) {}

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  push(message: Message): void {
    this.#queue.push(message)
  }

  /** Applies entries of the first message until `budget` commands were applied; returns how many there were. */
  applySome(budget: number): number {
    const message = this.#queue[0]
    if (message === undefined) return 0
    const { entries } = message
    let spent = 0
    let bytes = 0
    let last: Entry | undefined
    while (this.#at < entries.length && spent < budget) {
      last = entries[this.#at++]
      if (last === undefined) break
      // An empty entry costs something as well.
      spent += Math.max(1, this.applyEntry(last))
      bytes += last.data.length
    }
    if (last !== undefined) this.onSlice(last, bytes)
    if (this.#at >= entries.length) {
      this.#queue.shift()
      this.#at = 0
      for (const response of message.responses) this.respond(response)
    }
    return spent
  }

  /**
   * A snapshot holds what is waiting here. The core must hear of it all the same: it counts what it handed out to be
   * applied, and hands out nothing more once too much of that was never answered.
   */
  drop(): void {
    const dropped = this.#queue
    this.#queue = []
    this.#at = 0
    for (const message of dropped) for (const response of message.responses) this.respond(response)
  }
}
