/**
 * Who waits for whom. Example: A holds x and waits for y, which B holds; C asks for x. What is in C's way is A's hold of x, and
 * the chain says why that does not end: A waits for y, and that is up to B.
 */
import type { SessionId, Token } from '../commands/commands.js'
import { WHY_CHAIN_LOOKS } from '../limits.js'
import type { Hold, LockRequest } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import { type HoldReport, holdReport } from './hold-report.js'
import { askOf, holdsInTheWay, type Looks, placesInTheWay } from './in-the-way.js'

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
  /** `open`: whoever is the last `of` does not wait. `circle`: it is one that the chain has told of. `cut`: it goes on. */
  readonly end: 'open' | 'circle' | 'cut'
}

export function chainFrom(state: LockState, first: LockRequest, most: number, looks: Looks): Chain {
  const links: Link[] = []
  const seen = new Set<LockRequest>()
  let request: LockRequest | null = first
  while (request !== null) {
    if (seen.has(request)) return { links, end: 'circle' }
    if (links.length === most) return { links, end: 'cut' }
    seen.add(request)
    const step = nextInChain(state, request, looks)
    if (step === null) break
    links.push(step.link)
    request = step.next
  }
  return { links, end: looks.areOver ? 'cut' : 'open' }
}

interface Step {
  readonly link: Link
  /** Null: whoever is in the way does not wait. */
  readonly next: LockRequest | null
}

/** A hold whose holder waits itself, since that will not end soon; else what is in the way first. */
function nextInChain(state: LockState, request: LockRequest, looks: Looks): Step | null {
  let first: Step | null = null
  for (const place of request.places) {
    if (place.fits) continue
    const ask = askOf(place)
    let looked = 0
    for (const hold of holdsInTheWay(ask, looks)) {
      const next = keeperOf(hold, request, looks)
      if (next !== null || first === null) first = stepTo(request, holdLink(state, hold), next)
      if (next !== null) return first
      looked += 1
      if (looked === WHY_CHAIN_LOOKS) break
    }
    if (first !== null) continue
    for (const [{ request: ahead }] of placesInTheWay(ask, looks)) {
      const { label: of, id: ofSession } = ahead.session
      first = stepTo(request, { name: place.lock.name, token: 0, of, ofSession, hold: null }, ahead)
      break
    }
  }
  return first
}

type Way = Omit<Link, 'holder' | 'session'>

function stepTo({ session }: LockRequest, way: Way, next: LockRequest | null): Step {
  return { link: { holder: session.label, session: session.id, ...way }, next }
}

function holdLink(state: LockState, hold: Hold): Way {
  const report = holdReport(state, hold)
  return { name: report.name, token: report.token, of: report.holder, ofSession: report.session, hold: report }
}

/** A waiting request that will not let go of this hold before it is decided. */
function keeperOf(hold: Hold, asker: LockRequest, looks: Looks): LockRequest | null {
  if (hold.phase !== 'held' || hold.session === null) return null
  for (const request of looks.at(waitingOf(hold.session.firstWaiting))) {
    if (request !== asker && keeps(request, hold)) return request
  }
  return null
}

function* waitingOf(first: LockRequest | null): IterableIterator<LockRequest> {
  for (let request = first; request !== null; request = request.nextOfSession) yield request
}

function keeps({ keeps: kept }: LockRequest, hold: Hold): boolean {
  return kept === 'all' || kept.some(({ name, token }) => name === hold.lock.name && token === hold.token)
}
