/**
 * The watches of this node's connections. Each follows the stream of events that its name or prefix is concerned by, from a
 * position on. Where it cannot go on from there it is told of a gap, and what there is now, and then what happens.
 *
 *     asked ──→ ahead ──→ telling ──→ live             all behind `since` is in memory
 *        └──────────────→ listing ──→ telling ──→ live        a gap
 *     live, telling ──→ slow ──→ listing               its reader takes too little, then all
 */
import type { RequestId } from '../../locks/commands/commands.js'
import type { LockEvent } from '../../locks/effects.js'
import type { Clock, Timer } from '../../platform.js'
import { type NeutralReply, neutral } from '../../protocol/replies.js'
import type { Index } from '../../raft/core/types.js'
import {
  EVENTS_PER_SLICE,
  EVENTS_REMEMBERED_COUNT,
  LISTING_REST_MS,
  WATCH_KEPT_MAX_EVENTS,
  WATCH_POLL_MS,
  WATCH_UNSENT_MAX_BYTES,
  WATCHES_MAX_COUNT,
  WATCHES_PER_CONNECTION_MAX_COUNT,
} from '../limits.js'
import { EventLog } from './event-log.js'
import type { Listing, Listings, Reader } from './listings.js'
import { lockLine } from './lock-line.js'
import { formatPosition, type Position } from './positions.js'
import { concerns, isOfPrefix, type Target, WatchTargets } from './watch-targets.js'

/** A connection, as far as a watch knows it. */
export interface Watcher extends Reader {
  say(reply: NeutralReply): void
}

export interface WatchesDeps {
  readonly clock: Clock
  readonly listings: Listings
  appliedIndex(): Index
}

type Phase =
  | { readonly kind: 'asked' }
  /** `since` is of an entry that this node has not applied yet. */
  | { readonly kind: 'ahead'; readonly since: Position }
  /** What there is now is listed; what happens to what was listed already is kept. */
  | { readonly kind: 'listing'; readonly listing: Listing; readonly kept: Kept }
  /** Slice by slice. What happens meanwhile is kept too. */
  | { readonly kind: 'telling'; readonly kept: Kept }
  | { readonly kind: 'live' }
  | { readonly kind: 'slow' }

interface Kept {
  readonly events: LockEvent[]
  /** Some were left out. */
  isTooMuch: boolean
}

export class Watch {
  phase: Phase = { kind: 'asked' }

  constructor(
    readonly watcher: Watcher,
    readonly id: RequestId,
    /** The id as the client is to see it. */
    readonly shownId: RequestId | undefined,
    readonly target: Target,
  ) {}
}

export class Watches {
  readonly #log = new EventLog(EVENTS_REMEMBERED_COUNT)
  readonly #targets = new WatchTargets<Watch>()
  readonly #ofWatcher = new Map<Watcher, Map<RequestId, Watch>>()
  /** Those that something is to be done for: ahead, telling, slow. */
  readonly #waiting = new Set<Watch>()
  #count = 0
  #timer: Timer | null = null

  constructor(private readonly deps: WatchesDeps) {}

  /** The state is that of the node's disk; from now on every event is told. */
  start(): void {
    this.#log.begin(this.#now())
  }

  get count(): number {
    return this.#count
  }

  // ------------------------------------------------------------------------------------------------ client's side

  /** Null: there are as many as there may be. One under the same id is replaced. */
  add(watcher: Watcher, id: RequestId, shownId: RequestId | undefined, target: Target): Watch | null {
    this.end(watcher, id)
    const own = this.#ofWatcher.get(watcher) ?? new Map<RequestId, Watch>()
    if (this.#count >= WATCHES_MAX_COUNT || own.size >= WATCHES_PER_CONNECTION_MAX_COUNT) return null
    const watch = new Watch(watcher, id, shownId, target)
    this.#ofWatcher.set(watcher, own.set(id, watch))
    this.#count += 1
    return watch
  }

  /** The state has all that was answered before the client asked. */
  begin(watch: Watch, since: Position | null): void {
    if (!this.#isThere(watch)) return
    this.#targets.add(watch)
    if (since !== null && this.#applied < since.index) this.#enter(watch, { kind: 'ahead', since })
    else this.#beginFrom(watch, since)
  }

  #beginFrom(watch: Watch, since: Position | null): void {
    // Said also where it cannot go on from there: whoever is cut off before the gap asks again, and misses nothing.
    const from = since ?? this.#now()
    const first = this.#log.firstBehind(from)
    this.#sayWatching(watch, from)
    if (first === null) this.#beginGap(watch)
    else this.#tellKept(watch, { events: this.#remembered(first, watch.target), isTooMuch: false })
  }

  #remembered(first: number, target: Target): LockEvent[] {
    const events: LockEvent[] = []
    for (let number = first; number < this.#log.next; number += 1) {
      const event = this.#log.at(number)
      if (event !== undefined && concerns(event, target)) events.push(event)
    }
    return events
  }

  /** Ends the connection's watches of which `refusal` has words, and tells it so. */
  review(watcher: Watcher, refusal: (target: Target) => string | null): void {
    for (const { id, shownId, target } of [...(this.#ofWatcher.get(watcher)?.values() ?? [])]) {
      const message = refusal(target)
      if (message === null) continue
      this.end(watcher, id)
      watcher.say(neutral('err', { id: shownId, code: 'unauthorized', message }))
    }
  }

  /** The watch of this id ends; false: there is none. */
  cancel(watcher: Watcher, id: RequestId): boolean {
    const watch = this.#ofWatcher.get(watcher)?.get(id)
    if (watch === undefined) return false
    // Its answer always comes before that of whoever ends it.
    const { phase } = watch
    if (phase.kind === 'asked') this.#sayWatching(watch, this.#now())
    else if (phase.kind === 'ahead') this.#sayWatching(watch, phase.since)
    this.end(watcher, id)
    return true
  }

  end(watcher: Watcher, id: RequestId): void {
    const own = this.#ofWatcher.get(watcher)
    const watch = own?.get(id)
    if (own === undefined || watch === undefined) return
    this.#leave(watch)
    own.delete(id)
    if (own.size === 0) this.#ofWatcher.delete(watcher)
  }

  /** The connection is closed. */
  forget(watcher: Watcher): void {
    for (const watch of this.#ofWatcher.get(watcher)?.values() ?? []) this.#leave(watch)
    this.#ofWatcher.delete(watcher)
  }

  clear(): void {
    for (const watcher of [...this.#ofWatcher.keys()]) this.forget(watcher)
    this.#timer?.cancel()
    this.#timer = null
  }

  #leave(watch: Watch): void {
    this.#targets.delete(watch)
    this.#enter(watch, { kind: 'asked' })
    this.#count -= 1
  }

  #isThere(watch: Watch): boolean {
    return this.#ofWatcher.get(watch.watcher)?.get(watch.id) === watch
  }

  // ------------------------------------------------------------------------------------------ applied state's side

  get #applied(): Index {
    return this.deps.appliedIndex()
  }

  /** All of the last entry has happened; what follows has a later position. */
  #now(): Position {
    const index = this.#applied
    const last = this.#log.last
    return { index, place: last?.index === index ? last.place : 0 }
  }

  event(event: LockEvent): void {
    this.#log.add(event)
    if (this.#count === 0) return
    for (const watch of this.#targets.of(event)) this.#tell(watch, event)
  }

  #tell(watch: Watch, event: LockEvent): void {
    const { phase } = watch
    if (phase.kind === 'live') this.#say(watch, event)
    else if (phase.kind === 'telling') keep(phase.kept, event)
    else if (phase.kind === 'listing' && isBehind(phase.listing, event)) keep(phase.kept, event)
  }

  /** Entries were applied, all that was to be applied in this turn. */
  applied(): void {
    if (this.#waiting.size === 0) return
    for (const watch of [...this.#waiting]) {
      const { phase } = watch
      if (phase.kind === 'ahead' && phase.since.index <= this.#applied) this.#beginFrom(watch, phase.since)
    }
  }

  /** A snapshot has replaced the state: nobody knows what happened on the way. */
  restored(): void {
    this.#log.beginAnew(this.#now())
    for (const own of this.#ofWatcher.values()) {
      for (const watch of own.values()) {
        const { kind } = watch.phase
        if (kind !== 'asked' && kind !== 'ahead') this.#beginGap(watch)
      }
    }
    this.applied()
  }

  // ----------------------------------------------------------------------------------------------------- phases

  #enter(watch: Watch, phase: Phase): void {
    if (watch.phase.kind === 'listing') this.deps.listings.drop(watch.watcher, watch.phase.listing)
    watch.phase = phase
    if (phase.kind === 'ahead' || phase.kind === 'telling' || phase.kind === 'slow') this.#waiting.add(watch)
    else this.#waiting.delete(watch)
  }

  #tellKept(watch: Watch, kept: Kept): void {
    for (const event of kept.events.splice(0, EVENTS_PER_SLICE)) if (!this.#say(watch, event)) return
    if (kept.isTooMuch) this.#slow(watch)
    else this.#enter(watch, kept.events.length > 0 ? { kind: 'telling', kept } : { kind: 'live' })
    this.#lookLater()
  }

  /**
   * The gap is told when the listing's turn has come, not before: one that is written in a single slice is exact as of its gap.
   * A longer one may show what came after, so its end says from where on everything is told exactly once.
   */
  #beginGap(watch: Watch): void {
    const { watcher, shownId, target } = watch
    let gapAt = ''
    const listing = this.deps.listings.begin(watcher, {
      prefix: target.text,
      only: target.isPrefix ? null : target.text,
      pattern: null,
      after: null,
      most: Number.POSITIVE_INFINITY,
      begin: () => {
        gapAt = formatPosition(this.#now())
        watcher.say(neutral('gap', { id: shownId, at: gapAt }))
      },
      line: (held) => watcher.say(lockLine(shownId, held, this.deps.clock.wallNow())),
      end: (count) => {
        const endAt = formatPosition(this.#now())
        watcher.say(neutral('end', { id: shownId, count, 'exact-from': endAt === gapAt ? undefined : endAt }))
        if (watch.phase.kind === 'listing') this.#tellKept(watch, watch.phase.kept)
      },
    })
    this.#enter(watch, { kind: 'listing', listing, kept: { events: [], isTooMuch: false } })
  }

  /** False if the reader has too much before it already: it hears of a gap later. */
  #say(watch: Watch, event: LockEvent): boolean {
    const { watcher, shownId } = watch
    if (watcher.unsentBytes > WATCH_UNSENT_MAX_BYTES) {
      this.#slow(watch)
      return false
    }
    const { type, name, token, holder } = event
    watcher.say(neutral('event', { id: shownId, at: formatPosition(event), type, name, token, holder }))
    return true
  }

  #sayWatching({ watcher, shownId }: Watch, at: Position): void {
    watcher.say(neutral('watching', { id: shownId, at: formatPosition(at) }))
  }

  #slow(watch: Watch): void {
    this.#enter(watch, { kind: 'slow' })
    this.#lookLater()
  }

  // -------------------------------------------------------------------------------------------------------- time

  #lookLater(): void {
    if (this.#waiting.size === 0) return
    const isTelling = [...this.#waiting].some(({ phase }) => phase.kind === 'telling')
    this.#timer ??= this.deps.clock.after(isTelling ? LISTING_REST_MS : WATCH_POLL_MS, () => {
      this.#timer = null
      for (const watch of [...this.#waiting]) this.#goOn(watch)
      this.#lookLater()
    })
  }

  #goOn(watch: Watch): void {
    const { phase, watcher } = watch
    if (phase.kind === 'telling') this.#tellKept(watch, phase.kept)
    else if (phase.kind === 'slow' && watcher.unsentBytes === 0) this.#beginGap(watch)
  }
}

/** What is to be listed yet will be listed as it then is; of freezes the listing says nothing. */
function isBehind(listing: Listing, event: LockEvent): boolean {
  return isOfPrefix(event) ? listing.hasBegun : listing.hasPassed(event.name, event.token)
}

function keep(kept: Kept, event: LockEvent): void {
  if (kept.events.length < WATCH_KEPT_MAX_EVENTS) kept.events.push(event)
  else kept.isTooMuch = true
}
