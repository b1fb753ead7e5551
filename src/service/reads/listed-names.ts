/**
 * The names that have holds, tails or places, in their order. They are indexed when somebody lists them for the first time, in
 * slices, and from then on with every event of a name, until nobody has asked for a while or a snapshot replaces the state.
 */
import type { Clock, Timer } from '../../platform.js'
import { INDEXED_NAMES_PER_SLICE, NAME_INDEX_KEPT_MS } from '../limits.js'
import { NameIndex } from './name-index.js'

export interface StateNames {
  readonly nameCount: number
  /** While it goes on names may come and go. */
  names(): Iterator<string>
  hasName(name: string): boolean
}

export class ListedNames {
  #index: NameIndex | null = null
  /** Null once all names are in the index. */
  #making: Iterator<string> | null = null
  /** Of those that were there when the making began; whatever came since came with an event. */
  #unvisited = 0
  #usedMs = 0
  #timer: Timer | null = null

  constructor(
    private readonly clock: Clock,
    private readonly state: StateNames,
  ) {}

  /** Null while it is being made: `make` does a slice of that. */
  ready(): NameIndex | null {
    this.#usedMs = this.clock.takerNow()
    return this.#making === null ? this.#index : null
  }

  make(): void {
    if (this.#index === null) this.#begin()
    const { index, making } = { index: this.#index, making: this.#making }
    if (index === null || making === null) return
    for (let visited = 0; visited < INDEXED_NAMES_PER_SLICE; visited += 1) {
      const next = this.#unvisited > 0 ? making.next() : null
      this.#unvisited -= 1
      if (next === null || next.done === true) {
        this.#making = null
        return
      }
      index.add(next.value)
    }
  }

  #begin(): void {
    this.#index = new NameIndex()
    this.#making = this.state.names()
    this.#unvisited = this.state.nameCount
    this.#timer ??= this.#lookLater(NAME_INDEX_KEPT_MS)
  }

  /** Something happened to the name, and the state is as of the entry that did it. */
  changed(name: string): void {
    if (this.#index === null) return
    if (this.state.hasName(name)) this.#index.add(name)
    else this.#index.delete(name)
  }

  /** Nothing is as it was, or nobody needs it. */
  drop(): void {
    this.#index = null
    this.#making = null
    this.#timer?.cancel()
    this.#timer = null
  }

  #lookLater(delayMs: number): Timer {
    return this.clock.after(delayMs, () => {
      const leftMs = this.#usedMs + NAME_INDEX_KEPT_MS - this.clock.takerNow()
      if (leftMs <= 0) this.drop()
      else this.#timer = this.#lookLater(leftMs)
    })
  }
}
