/** The last ends of holds: so many of a name, so many in all; the oldest go first. */
import { HISTORY_MAX, HISTORY_PER_NAME_MAX } from '../limits.js'
import type { PastHold } from './standing.js'

export class History {
  /** The last number that was given. */
  lastNumber = 0
  /** In the order of numbers, with holes where a name had too many. */
  readonly #byNumber = new Map<number, PastHold>()
  readonly #byName = new Map<string, PastHold[]>()
  /** No number below it is there. */
  #oldest = 1

  /** `goes` hears of what is about to be forgotten. */
  constructor(private readonly goes: (past: PastHold) => void) {}

  get size(): number {
    return this.#byNumber.size
  }

  /** The newest last. */
  of(name: string): readonly PastHold[] {
    return this.#byName.get(name) ?? []
  }

  values(): IterableIterator<PastHold> {
    return this.#byNumber.values()
  }

  /** Its number is the highest. */
  add(past: PastHold): void {
    if (this.#byNumber.size === 0) this.#oldest = past.number
    this.lastNumber = past.number
    const ofName = this.#byName.get(past.name)
    if (ofName === undefined) this.#byName.set(past.name, [past])
    else {
      ofName.push(past)
      const [first] = ofName
      if (ofName.length > HISTORY_PER_NAME_MAX && first !== undefined) this.#forget(first, ofName)
    }
    this.#byNumber.set(past.number, past)
    if (this.#byNumber.size > HISTORY_MAX) this.#forgetOldest()
  }

  #forgetOldest(): void {
    // Not the first key of the map: to find it means to step over everything that was deleted before it.
    while (!this.#byNumber.has(this.#oldest)) this.#oldest += 1
    const oldest = this.#byNumber.get(this.#oldest)
    const ofName = this.#byName.get(oldest?.name ?? '')
    if (oldest !== undefined && ofName !== undefined) this.#forget(oldest, ofName)
  }

  /** The oldest of its name, whether that or the whole history has become too long. */
  #forget(past: PastHold, ofName: PastHold[]): void {
    this.goes(past)
    this.#byNumber.delete(past.number)
    ofName.shift()
    if (ofName.length === 0) this.#byName.delete(past.name)
  }
}
