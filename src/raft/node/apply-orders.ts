import type { Message } from '../core/messages.js'
import type { Entry } from '../core/types.js'

/**
 * What the core has ordered to be applied, entry by entry: its apply thread of asynchronous storage writes. An order is answered
 * when its last entry was taken.
 */
export class ApplyOrders {
  #orders: Message[] = []
  /** The next entry of the first order. */
  #at = 0

  get isEmpty(): boolean {
    return this.#orders.length === 0
  }

  push(order: Message): void {
    this.#orders.push(order)
  }

  /** The next entry of the first order; null at its end. */
  next(): Entry | null {
    const entry = this.#orders[0]?.entries[this.#at]
    if (entry === undefined) return null
    this.#at += 1
    return entry
  }

  /** The answers to the first order, which is done with, if all of its entries were taken; none otherwise. */
  answers(): readonly Message[] {
    const order = this.#orders[0]
    if (order === undefined || this.#at < order.entries.length) return []
    this.#orders.shift()
    this.#at = 0
    return order.responses
  }

  /**
   * A snapshot holds what is waiting here. The core must hear of it all the same: it counts what it handed out to be
   * applied, and hands out nothing more once too much of that was never answered.
   */
  drop(): readonly Message[] {
    const dropped = this.#orders
    this.#orders = []
    this.#at = 0
    return dropped.flatMap(({ responses }) => responses)
  }
}
