/**
 * Listings under way: who asked, how far each has come. One slice of one listing is written at a time, those of one
 * connection one after the other, and connections take turns; in between everybody else is served.
 *
 * Every line is true when it is written, and what is there all the time is told once: a listing goes on behind the last name
 * and token that it told, whatever comes and goes meanwhile.
 */
import type { Token } from '../../locks/commands/commands.js'
import type { ListedHold } from '../../locks/views/listing.js'
import type { Clock, Timer } from '../../platform.js'
import { ALL_NAMES, type VisibleNames } from '../access/policy.js'
import {
  LISTING_LINE_UNITS,
  LISTING_POLL_MS,
  LISTING_REST_MS,
  LISTING_REST_TIMES,
  LISTING_SLICE_MS,
  LISTING_SLICE_UNITS,
  LISTING_UNSENT_MAX_BYTES,
} from '../limits.js'
import type { ListedNames } from './listed-names.js'
import type { NameIndex } from './name-index.js'
import type { Pattern } from './pattern.js'
import type { ListingPlace } from './positions.js'

/** A connection, as far as a listing knows it. */
export interface Reader {
  /** Written and not yet taken by its kernel. */
  readonly unsentBytes: number
}

export interface ListingOrder {
  /** Names that begin with it. */
  readonly prefix: string
  /** Only this name, which is the prefix too; null: all. */
  readonly only: string | null
  /** Null: every name. */
  readonly pattern: Pattern | null
  /** Left out: all names. Of others nothing is told, and no pattern is tried on them. */
  readonly sees?: VisibleNames
  /** Null: from the beginning. */
  readonly after: ListingPlace | null
  readonly most: number
  /** Its turn has come for the first time: what it shows is true from now on. */
  begin?(): void
  /** Lines that are told; left out: all. */
  wants?(held: ListedHold): boolean
  line(held: ListedHold): void
  /** Asked behind each line: whoever collects them has enough. */
  isFull?(): boolean
  /** `after`: there may be more behind it. */
  end(count: number, after: ListingPlace | null): void
}

export interface ListedState {
  listed(name: string, afterToken: Token): Iterable<ListedHold>
}

const NOTHING: Token = -1

export class Listing {
  /** What comes next, if it still exists then; behind `#token` of it. */
  #name: string
  #token: Token = NOTHING
  #count = 0
  #hasBegun = false

  constructor(readonly order: ListingOrder) {
    const { after, prefix } = order
    const goesOn = after !== null && after.name >= prefix
    this.#name = goesOn ? after.name : prefix
    if (goesOn) this.#token = after.token
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Whether it has come past this hold, or past the name's first line (`token` 0). */
  hasPassed(name: string, token: Token): boolean {
    return name < this.#name || (name === this.#name && token <= this.#token)
  }

  /** Goes on until `mayGoOn` says no to so much more work. True: it has ended, and has said so. */
  write(names: NameIndex, state: ListedState, mayGoOn: (units: number) => boolean): boolean {
    const { prefix, only, pattern, sees = ALL_NAMES } = this.order
    if (!this.#hasBegun) this.order.begin?.()
    this.#hasBegun = true
    for (;;) {
      const name = names.from(this.#name)
      if (name === null || !name.startsWith(prefix) || (only !== null && name !== only)) return this.#end(null)
      this.#turnTo(name)
      if (!mayGoOn(1)) return false
      if (sees.has(name) && (pattern === null || pattern.matches(name))) {
        const outcome = this.#writeName(name, state, mayGoOn)
        if (outcome !== 'name done') return outcome === 'ended'
      }
      this.#turnTo(`${name}\0`)
    }
  }

  #turnTo(name: string): void {
    if (name === this.#name) return
    this.#name = name
    this.#token = NOTHING
  }

  #writeName(name: string, state: ListedState, mayGoOn: (units: number) => boolean): 'name done' | 'paused' | 'ended' {
    for (const held of state.listed(name, this.#token)) {
      if (this.order.wants?.(held) === false) {
        this.#token = held.token
        if (!mayGoOn(LISTING_LINE_UNITS)) return 'paused'
        continue
      }
      this.order.line(held)
      this.#token = held.token
      this.#count += 1
      if (this.#count === this.order.most || this.order.isFull?.() === true) {
        this.#end({ name, token: held.token })
        return 'ended'
      }
      if (!mayGoOn(LISTING_LINE_UNITS)) return 'paused'
    }
    return 'name done'
  }

  #end(after: ListingPlace | null): true {
    this.order.end(this.#count, after)
    return true
  }
}

export class Listings {
  /** Of each connection the oldest first. The connection whose turn is next stands first. */
  readonly #underWay = new Map<Reader, Listing[]>()
  #timer: Timer | null = null

  constructor(
    private readonly clock: Clock,
    private readonly names: ListedNames,
    private readonly state: ListedState,
  ) {}

  get count(): number {
    return this.#underWay.size
  }

  begin(reader: Reader, order: ListingOrder): Listing {
    const listing = new Listing(order)
    const ofReader = this.#underWay.get(reader)
    if (ofReader === undefined) this.#underWay.set(reader, [listing])
    else ofReader.push(listing)
    this.#later(0)
    return listing
  }

  /** Nobody wants the rest of it. */
  drop(reader: Reader, listing: Listing): void {
    const left = (this.#underWay.get(reader) ?? []).filter((other) => other !== listing)
    if (left.length === 0) this.#underWay.delete(reader)
    else this.#underWay.set(reader, left)
  }

  forget(reader: Reader): void {
    this.#underWay.delete(reader)
  }

  clear(): void {
    this.#underWay.clear()
    this.#timer?.cancel()
    this.#timer = null
  }

  #later(delayMs: number): void {
    if (this.#underWay.size === 0) return
    this.#timer ??= this.clock.after(delayMs, () => {
      this.#timer = null
      const beganMs = this.clock.takerNow()
      const isWritten = this.#slice()
      const restMs = Math.max(LISTING_REST_MS, LISTING_REST_TIMES * (this.clock.takerNow() - beganMs))
      this.#later(isWritten ? restMs : LISTING_POLL_MS)
    })
  }

  /** False if nobody can take anything. */
  #slice(): boolean {
    const names = this.names.ready()
    if (names === null) {
      this.names.make()
      return true
    }
    for (const [reader, listings] of this.#underWay) {
      const [listing] = listings
      if (listing === undefined || reader.unsentBytes > LISTING_UNSENT_MAX_BYTES) continue
      // Behind the others, if there is more.
      this.#underWay.delete(reader)
      this.#underWay.set(reader, listings)
      if (listing.write(names, this.state, this.#budget())) this.drop(reader, listing)
      return true
    }
    return false
  }

  #budget(): (units: number) => boolean {
    let left = LISTING_SLICE_UNITS
    const untilMs = this.clock.takerNow() + LISTING_SLICE_MS
    return (units) => {
      left -= units
      return left > 0 && this.clock.takerNow() < untilMs
    }
  }
}
