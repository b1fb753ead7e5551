/**
 * The last events, so that a watch can go on where another node, or an earlier connection, left off.
 *
 * Every grant and every release leaves one, and mostly nobody asks for it before it is forgotten. Thousands of objects that
 * die old are what a garbage collector is worst at, so the log is kept in columns: an event is made of them when it is asked for.
 */
import type { Token } from '../../locks/commands/commands.js'
import type { EventType, LockEvent } from '../../locks/effects.js'
import type { HoldEnd, Who } from '../../locks/state/standing.js'
import type { Index } from '../../raft/core/types.js'
import { isBefore, type Position } from './positions.js'

export class EventLog {
  readonly #indexes: Index[] = []
  readonly #places: number[] = []
  readonly #types: EventType[] = []
  readonly #names: string[] = []
  readonly #tokens: Token[] = []
  readonly #holders: Who[] = []
  readonly #sincesWallMs: number[] = []
  readonly #hows: (HoldEnd | null)[] = []
  /** Number of the oldest that is there, and of the next to come: the event with number n lies at n modulo the capacity. */
  #oldest = 0
  #next = 0
  /** Every event behind it is here; null: nobody has said where the log begins. */
  #completeFrom: Position | null = null

  constructor(private readonly capacity: number) {}

  get next(): number {
    return this.#next
  }

  /** What has happened up to this position is not here. Says nothing new of a log that has begun. */
  begin(position: Position): void {
    this.#completeFrom ??= position
  }

  add({ index, place, type, name, token, holder, sinceWallMs, how }: LockEvent): void {
    // Whatever came before it was done by a process of before, or by a snapshot.
    if (this.#completeFrom === null) this.begin({ index: index - 1, place: Number.POSITIVE_INFINITY })
    if (this.#next - this.#oldest === this.capacity) {
      this.#completeFrom = this.#position(this.#oldest)
      this.#oldest += 1
    }
    const slot = this.#next % this.capacity
    this.#indexes[slot] = index
    this.#places[slot] = place
    this.#types[slot] = type
    this.#names[slot] = name
    this.#tokens[slot] = token
    this.#holders[slot] = holder
    this.#sincesWallMs[slot] = sinceWallMs
    this.#hows[slot] = how
    this.#next += 1
  }

  /** By its number; undefined if it is not there any longer, or not yet. */
  at(number: number): LockEvent | undefined {
    if (number < this.#oldest || number >= this.#next) return undefined
    const slot = number % this.capacity
    const type = this.#types[slot]
    const name = this.#names[slot]
    if (type === undefined || name === undefined) return undefined
    const token = this.#tokens[slot] ?? 0
    const holder = this.#holders[slot] ?? ''
    const sinceWallMs = this.#sincesWallMs[slot] ?? 0
    const how = this.#hows[slot] ?? null
    return { kind: 'event', ...this.#position(number), type, name, token, holder, sinceWallMs, how }
  }

  #position(number: number): Position {
    const slot = number % this.capacity
    return { index: this.#indexes[slot] ?? 0, place: this.#places[slot] ?? 0 }
  }

  get last(): LockEvent | undefined {
    return this.at(this.#next - 1)
  }

  /** The number of the first event behind `position`; null if some of those are not here. */
  firstBehind(position: Position): number | null {
    if (this.#completeFrom === null || isBefore(position, this.#completeFrom)) return null
    let low = this.#oldest
    let high = this.#next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (isBefore(position, this.#position(middle))) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Events were missed: what is here says nothing of what led to `position`. */
  beginAnew(position: Position): void {
    this.#oldest = this.#next
    this.#completeFrom = position
  }
}
