/** Lists that are linked by their items' own fields: a million items are in them, and each leaves from anywhere at once. */
import type { Token } from '../commands/commands.js'

export interface Linked<T> {
  previous: T | null
  next: T | null
}

/** A list whose items are in at most one such list. */
export class LinkedList<T extends Linked<T>> {
  head: T | null = null
  tail: T | null = null
  count = 0

  push(item: T): void {
    item.previous = this.tail
    item.next = null
    if (this.tail === null) this.head = item
    else this.tail.next = item
    this.tail = item
    this.count += 1
  }

  remove(item: T): void {
    if (item.previous === null) this.head = item.next
    else item.previous.next = item.next
    if (item.next === null) this.tail = item.previous
    else item.next.previous = item.previous
    item.previous = null
    item.next = null
    this.count -= 1
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let item = this.head; item !== null; item = item.next) yield item
  }
}

/** In the order of request numbers, which is that of the log. Those that fit stand before those that do not. */
export class WaitQueue<P extends Linked<P>> {
  head: P | null = null
  tail: P | null = null
  /** The last of those that fit. */
  lastFitting: P | null = null
  count = 0

  /** The first that does not fit, for which all behind it wait. */
  get firstUnfit(): P | null {
    return this.lastFitting === null ? this.head : this.lastFitting.next
  }

  push(place: P): void {
    place.previous = this.tail
    if (this.tail === null) this.head = place
    else this.tail.next = place
    this.tail = place
    this.count += 1
  }

  remove(place: P): void {
    if (this.lastFitting === place) this.lastFitting = place.previous
    if (place.previous === null) this.head = place.next
    else place.previous.next = place.next
    if (place.next === null) this.tail = place.previous
    else place.next.previous = place.previous
    place.previous = null
    place.next = null
    this.count -= 1
  }
}

/** From so many holds of a lock on a token is looked up, and not looked for. */
export const INDEXED_FROM_HOLDS = 16

/** What only a lock with several holds needs. */
export class SeveralHolds<H> {
  count = 1
  byToken: Map<Token, H> | null = null

  constructor(public last: H) {}
}
