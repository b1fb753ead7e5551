/** Which clients may have one of this node's places when few are left. */
import {
  LOOPBACK_PLACES_MAX_COUNT,
  LOOPBACK_PLACES_SHARE,
  RESUME_PLACES_MAX_COUNT,
  RESUME_PLACES_SHARE,
  SILENT_PLACES_MAX_COUNT,
  SILENT_PLACES_SHARE,
} from '../limits.js'

/** What a connection turned out to be by its first line and where it comes from. */
export type Guest = 'anybody' | 'this machine' | 'resume'

/**
 * A connection that has not said a line yet is *silent*. There is always room for one more of them: the one that has been
 * silent for longest makes room, so strangers who say nothing keep nobody out. With its first line a connection takes a
 * place; the last places are kept for this machine, so that an operator can look, and the very last for clients that come
 * back to their locks.
 *
 * Example: of 1,000 places anybody may have 928, this machine 8 more, and clients that resume 64 more. Besides, 64 silent
 * connections may be open.
 */
export class ClientPlaces<T> {
  /** From the one that has been silent for longest, with when it came. */
  readonly #silent = new Map<T, number>()
  readonly #seated = new Map<T, Guest>()
  readonly #silentCount: number
  readonly #ends: Readonly<Record<Guest, number>>
  #resumedCount = 0

  /** `count`: connections that may be open at once, silent ones among them. */
  constructor(count: number) {
    const share = (part: number, most: number): number => Math.min(most, Math.floor(count * part))
    this.#silentCount = Math.max(1, share(SILENT_PLACES_SHARE, SILENT_PLACES_MAX_COUNT))
    const resume = share(RESUME_PLACES_SHARE, RESUME_PLACES_MAX_COUNT)
    const local = share(LOOPBACK_PLACES_SHARE, LOOPBACK_PLACES_MAX_COUNT)
    this.#ends = {
      resume: count,
      'this machine': count - resume,
      anybody: count - resume - local,
    }
  }

  /** No place is left for newcomers: a load balancer should send its clients elsewhere. */
  get isFull(): boolean {
    return this.#seated.size - this.#resumedCount >= this.#ends.anybody
  }

  get silentCount(): number {
    return this.#silent.size
  }

  /** A connection came. Returns the silent one that makes room for it, or null if there is room. */
  arrived(connection: T, nowMs: number): T | null {
    const leaves = this.#silent.size >= this.#silentCount ? this.#longestSilent() : null
    if (leaves !== null) this.#silent.delete(leaves)
    this.#silent.set(connection, nowMs)
    return leaves
  }

  /** Its first line is complete. False: there is no place for it. */
  seated(connection: T, guest: Guest): boolean {
    if (!this.#silent.delete(connection)) return this.#seated.has(connection)
    const taken = guest === 'resume' ? this.#seated.size : this.#seated.size - this.#resumedCount
    if (taken >= this.#ends[guest]) return false
    this.#seated.set(connection, guest)
    if (guest === 'resume') this.#resumedCount += 1
    return true
  }

  left(connection: T): void {
    this.#silent.delete(connection)
    if (this.#seated.get(connection) === 'resume') this.#resumedCount -= 1
    this.#seated.delete(connection)
  }

  /** Takes one that has been silent since `beforeMs` or longer; null if there is none. */
  takeSilent(beforeMs: number): T | null {
    const connection = this.#longestSilent()
    if (connection === null || (this.#silent.get(connection) ?? 0) > beforeMs) return null
    this.#silent.delete(connection)
    return connection
  }

  #longestSilent(): T | null {
    const [connection] = this.#silent.keys()
    return connection ?? null
  }
}
