/**
 * Who waits for whom. Example: A holds x and waits for y, which B holds; C asks for x. What is in C's way is A's hold of x, and
 * the chain says why that does not end: A waits for y, and that is up to B.
 */
import type { SessionId, Token } from '../commands/commands.js'
import { WHY_CHAIN_LOOKS, WHY_LOOKS } from '../limits.js'
import type { Hold, LockRequest, Session } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { freezeOf } from '../table/freezes.js'
import { type HoldReport, holdReport, type Sees } from './hold-report.js'
import { askOf, holdsInTheWay, Looks, placesInTheWay } from './in-the-way.js'

/** `holder` waits for `name`, which is up to `of`. */
export interface Link {
  readonly holder: string
  readonly session: SessionId
  readonly name: string
  /** The name's hold that is in the way; 0: a place. */
  readonly token: Token
  readonly of: string
  readonly ofSession: SessionId
  /** Null: a place. */
  readonly hold: HoldReport | null
}

export interface Chain {
  readonly links: readonly Link[]
  /** `open`: whoever is the last `of` does not wait. `frozen`: it waits for a thaw only. `circle`: the chain has told of it. `cut`: it goes on. */
  readonly end: 'open' | 'frozen' | 'circle' | 'cut'
}

/** Chains of one report. */
export class Chains {
  readonly #keepers: Keepers

  constructor(
    private readonly state: LockState,
    private readonly looks: Looks,
    /** Behind a name that whoever asks may not see the chain is cut. */
    private readonly sees: Sees,
  ) {
    this.#keepers = new Keepers(state, looks)
  }

  from(first: LockRequest, most: number): Chain {
    const links: Link[] = []
    const seen = new Set<LockRequest>()
    let request: LockRequest | null = first
    while (request !== null) {
      if (seen.has(request)) return { links, end: 'circle' }
      if (links.length === most) return { links, end: 'cut' }
      seen.add(request)
      const step = this.#next(request)
      if (step === null) return { links, end: this.looks.areOver ? 'cut' : endOf(this.state, request, links) }
      if (!this.sees(step.link.name)) return { links, end: 'cut' }
      links.push(step.link)
      request = step.next
    }
    return { links, end: 'open' }
  }

  /** A hold whose holder waits itself, since that will not end soon; else what is in the way first. */
  #next(request: LockRequest): Step | null {
    let first: Step | null = null
    for (const place of request.places) {
      if (place.fits) continue
      const ask = askOf(place)
      let looked = 0
      for (const hold of holdsInTheWay(ask, this.looks)) {
        const next = this.#keepers.of(hold, request)
        if (next !== null || first === null) first = stepTo(request, wayOf(holdReport(this.state, hold)), next)
        if (next !== null) return first
        looked += 1
        if (looked === WHY_CHAIN_LOOKS) break
      }
      if (first !== null) continue
      for (const [{ request: ahead }] of placesInTheWay(ask, this.looks)) {
        const { label: of, id: ofSession } = ahead.session
        first = stepTo(request, { name: place.lock.name, token: 0, of, ofSession, hold: null }, ahead)
        break
      }
    }
    return first
  }
}

/** Nothing is in the way of the request: it is due, or waits for a thaw. The chain tells what is behind whoever it began with. */
function endOf(state: LockState, { first }: LockRequest, links: readonly Link[]): 'open' | 'frozen' {
  return links.length > 0 && freezeOf(state, first.lock.name) !== null ? 'frozen' : 'open'
}

interface Step {
  readonly link: Link
  /** Null: whoever is in the way does not wait. */
  readonly next: LockRequest | null
}

type Way = Omit<Link, 'holder' | 'session'>

function stepTo({ session }: LockRequest, way: Way, next: LockRequest | null): Step {
  return { link: { holder: session.label, session: session.id, ...way }, next }
}

function wayOf(hold: HoldReport): Way {
  return { name: hold.name, token: hold.token, of: hold.holder, ofSession: hold.session, hold }
}

/**
 * Which waiting request will not let go of a hold before it is decided. It may be another client's than the holder's: a
 * `tnl-do` inside the command of another one names the locks that are held around it.
 */
class Keepers {
  /** Of each hold that is named the first two, since one of them may be the asker. */
  #named: Map<Hold, LockRequest[]> | null = null

  constructor(
    private readonly state: LockState,
    private readonly looks: Looks,
  ) {}

  of(hold: Hold, asker: LockRequest): LockRequest | null {
    if (hold.phase !== 'held') return null
    for (const request of this.looks.at(waitingOf(hold.session))) {
      if (request !== asker && request.keeps === 'all') return request
    }
    this.#named ??= this.#findNamed()
    return this.#named.get(hold)?.find((request) => request !== asker) ?? null
  }

  #findNamed(): Map<Hold, LockRequest[]> {
    const named = new Map<Hold, LockRequest[]>()
    for (const request of new Looks(WHY_LOOKS).at(this.state.requests)) {
      if (request.keeps === 'all') continue
      for (const { name, token } of request.keeps) {
        const hold = this.state.holds.get(name, token)
        if (hold === null) continue
        const by = named.get(hold)
        if (by === undefined) named.set(hold, [request])
        else if (by.length === 1) by.push(request)
      }
    }
    return named
  }
}

function* waitingOf(session: Session | null): IterableIterator<LockRequest> {
  for (let request = session?.firstWaiting ?? null; request !== null; request = request.nextOfSession) yield request
}
