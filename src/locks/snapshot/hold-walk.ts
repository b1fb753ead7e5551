/** Goes through all holds, lock by lock, while holds come and go. */
import type { Hold, LockEntry } from '../state/entities.js'

export class HoldWalk implements IterableIterator<Hold> {
  readonly #locks: Iterator<LockEntry>
  #next: Hold | null = null

  constructor(locks: Iterator<LockEntry>) {
    this.#locks = locks
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Hold, undefined> {
    while (this.#next === null) {
      const { value, done } = this.#locks.next()
      if (done === true) return { done: true, value: undefined }
      this.#next = value.firstHold
    }
    const hold = this.#next
    this.#next = hold.next
    return { done: false, value: hold }
  }

  /** The hold is about to leave the list that the walk may be in. */
  passBy(hold: Hold): void {
    if (this.#next === hold) this.#next = hold.next
  }
}
