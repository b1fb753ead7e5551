/**
 * Reports as JSON (docs/protocol.md, Asking). Times are Unix seconds and durations seconds, with decimals, as everywhere in the
 * protocol; what does not apply is left out. A list is cut where the line would become longer than clients take, and a count
 * beside it says how many there are.
 */
import { utf8Length } from '../../bytes/utf8.js'
import type { Link } from '../../locks/views/chain.js'
import type { FreezeReport, HoldReport, PlaceReport } from '../../locks/views/hold-report.js'
import type { ListedHold } from '../../locks/views/listing.js'
import type { QueueReport } from '../../locks/views/queues.js'
import type { Reports } from '../../locks/views/reports.js'
import type { MarkReport, PastReport, SessionReport } from '../../locks/views/standing-reports.js'
import type { Blocker, Freedom, WaitReport } from '../../locks/views/why.js'
import { formatSeconds } from '../../protocol/values.js'
import { ALL_NAMES, type VisibleNames } from '../access/policy.js'
import {
  INFO_MAX_BYTES,
  INFO_MAX_ITEMS,
  WHO_MAX_FREEZES,
  WHO_MAX_ITEMS,
  WHY_BLOCKERS_MAX_BYTES,
  WHY_CHAIN_MAX_BYTES,
  WHY_MAX_BLOCKERS,
  WHY_MAX_CHAIN,
  WHY_MAX_REQUESTS,
} from '../limits.js'
import { deadlockWords, type Sees } from './deadlock-words.js'
import { heldForSeconds } from './lock-line.js'
import type { TopQueues } from './top-queues.js'
import { blockerWords, linkWords, waitWords } from './why-words.js'

type Json = Readonly<Record<string, unknown>>

/** Room for items in one line. */
class Room {
  #left: number

  constructor(bytes = INFO_MAX_BYTES) {
    this.#left = bytes
  }

  /** As many of them as there is room for. */
  fit(items: readonly Json[]): readonly Json[] {
    const fitting: Json[] = []
    for (const item of items) {
      this.#left -= utf8Length(JSON.stringify(item)) + 1
      if (this.#left < 0) break
      fitting.push(item)
    }
    return fitting
  }
}

export function whoJson(reports: Reports, name: string, nowMs: number, sees: Sees = () => true): Json {
  const report = reports.who(name, WHO_MAX_ITEMS, sees)
  const room = new Room()
  const frozen = room.fit(report.freezes.slice(0, WHO_MAX_FREEZES).map(freezeJson))
  return {
    name,
    kind: report.kind,
    state: report.state,
    limit: report.limit || undefined,
    pinned: report.pinned || undefined,
    frozen: frozen.length === 0 ? undefined : frozen,
    holds: room.fit(report.holds.map((hold) => holdJson(hold, nowMs))),
    holdCount: report.holdCount,
    waiting: room.fit(report.waiting.map((place) => placeJson(place, nowMs))),
    waiterCount: report.waiterCount,
  }
}

export function whyJson(
  reports: Reports,
  name: string,
  session: number | null,
  nowMs: number,
  sees: Sees = () => true,
): Json {
  const bounds = { requests: WHY_MAX_REQUESTS, blockers: WHY_MAX_BLOCKERS, chain: WHY_MAX_CHAIN }
  const report = reports.why(name, session, bounds, sees)
  const room = new Room()
  // Whoever waits matters more than whoever might: `now` gets the room that is left.
  const requests = room.fit(report.requests.map((request) => waitJson(request, nowMs, sees)))
  const now = report.now === null ? undefined : room.fit(report.now.map((blocker) => blockerJson(blocker, nowMs)))
  return {
    name,
    now,
    nowCount: now === undefined ? undefined : report.nowCount,
    requests,
    requestCount: report.requestCount,
    unexamined: report.isUnexamined || undefined,
  }
}

export function historyJson(reports: Reports, name: string): Json {
  return { name, ends: new Room().fit(reports.history(name).map(pastJson)) }
}

/** Both lists are cut alike where the line would become too long. */
export function queuesJson({ count, waiters, contended, oldest }: TopQueues, nowMs: number): Json {
  const halfBytes = INFO_MAX_BYTES / 2
  return {
    count,
    waiters,
    contended: new Room(halfBytes).fit(contended.map((queue) => queueJson(queue, nowMs))),
    oldest: new Room(halfBytes).fit(oldest.map((queue) => queueJson(queue, nowMs))),
  }
}

/** Who is shown a report, and what of it. */
export interface Eyes {
  /** Empty: nobody in particular. */
  readonly identity: string
  readonly names: VisibleNames
}

/** Nothing is left out. */
const ALL_EYES: Eyes = { identity: '', names: ALL_NAMES }

/**
 * `after`: ask again with it, for there may be more. A session is about whatever names its client uses, so whoever may not see all
 * names is shown those of its own identity.
 */
export function sessionsJson(reports: Reports, after: number, { identity, names }: Eyes = ALL_EYES): Json {
  const of = names.isAll ? null : identity
  const found = reports.sessions(after, INFO_MAX_ITEMS, of)
  const sessions = new Room().fit(found.map(sessionJson))
  const last =
    sessions.length < found.length || found.length === INFO_MAX_ITEMS ? found[sessions.length - 1] : undefined
  return { sessions, count: reports.sessionCountOf(of), after: last?.session }
}

export function marksJson(reports: Reports, after: string | null, names: VisibleNames = ALL_NAMES): Json {
  const sees = sightOf(names)
  const found = reports.marks(after, INFO_MAX_ITEMS, sees)
  const marks = new Room().fit(found.map(markJson))
  const last = marks.length < found.length || found.length === INFO_MAX_ITEMS ? found[marks.length - 1] : undefined
  // Nobody knows the keys of those that are only reserved.
  const reserved = names.isAll ? reports.reservedMarkCount : undefined
  return { marks, count: reports.markCountOf(sees), reserved, after: last?.key }
}

/** A freeze is shown to whoever may see a name that it freezes. */
export function freezesJson(reports: Reports, after: string | null, names: VisibleNames = ALL_NAMES): Json {
  const seen = reports.freezes(null).filter(({ prefix }) => names.hasUnder(prefix))
  const found = seen.filter(({ prefix }) => after === null || prefix > after)
  const freezes = new Room().fit(found.map(freezeJson))
  const last = freezes.length < found.length ? found[freezes.length - 1] : undefined
  return { freezes, count: seen.length, after: last?.prefix }
}

/** Null: everything. */
const sightOf = (names: VisibleNames): Sees | null => (names.isAll ? null : names.has)

// ------------------------------------------------------------------------------------------------------ the items

/** A line of `locks`, where it is told as JSON. */
export function listedJson(held: ListedHold, nowMs: number): Json {
  return {
    name: held.name,
    mode: held.mode,
    permits: held.permits || undefined,
    limit: held.limit || undefined,
    state: held.state,
    token: held.token || undefined,
    holder: held.holder || undefined,
    session: held.session || undefined,
    since: formatSeconds(held.sinceWallMs),
    heldFor: heldForSeconds(held.sinceWallMs, nowMs),
    waiters: held.waiters,
    meta: held.meta || undefined,
  }
}

function holdJson(hold: HoldReport, nowMs: number): Json {
  const { withinMs } = hold.end
  return {
    token: hold.token,
    mode: hold.mode,
    permits: hold.permits || undefined,
    state: hold.phase,
    holder: hold.holder || undefined,
    session: hold.session || undefined,
    node: hold.node ?? undefined,
    since: formatSeconds(hold.sinceWallMs),
    heldFor: heldForSeconds(hold.sinceWallMs, nowMs),
    loose: hold.loose || undefined,
    endsBy: hold.end.by,
    endsWithin: withinMs === null ? undefined : formatSeconds(withinMs),
    leaseLeft: hold.end.by === 'holder' && hold.leaseMs > 0 ? formatSeconds(hold.leaseMs) : undefined,
    meta: hold.meta || undefined,
  }
}

function queueJson(queue: QueueReport, nowMs: number): Json {
  const { name, waiters, waiter, sinceWallMs, holder, token, heldSinceWallMs, holdCount } = queue
  return {
    name,
    waiters,
    waiter,
    waitedFor: heldForSeconds(sinceWallMs, nowMs),
    holder: token === 0 ? undefined : holder,
    token: token || undefined,
    heldFor: token === 0 ? undefined : heldForSeconds(heldSinceWallMs, nowMs),
    holds: holdCount,
  }
}

function placeJson(place: PlaceReport, nowMs: number): Json {
  return {
    position: place.position,
    mode: place.mode,
    permits: place.permits || undefined,
    holder: place.holder,
    session: place.session,
    request: place.request < 0 ? undefined : place.request,
    names: place.names,
    since: formatSeconds(place.sinceWallMs),
    waitedFor: heldForSeconds(place.sinceWallMs, nowMs),
    wait: place.waitMs < 0 ? 'forever' : formatSeconds(place.waitMs),
    meta: place.meta || undefined,
  }
}

/** With a hundred long reasons and 64 long names it still fits into a line: what it consists of has rooms of its own. */
function waitJson(report: WaitReport, nowMs: number, sees: Sees): Json {
  const { meta: _, names: __, ...place } = placeJson(report.place, nowMs)
  const { links, end } = report.chain
  const chain = new Room(WHY_CHAIN_MAX_BYTES).fit(links.map((link) => linkJson(link, nowMs)))
  const chainEnd = chain.length < links.length ? 'cut' : end
  return {
    ...place,
    names: report.names,
    text: waitWords(report, nowMs, sees),
    blockers: new Room(WHY_BLOCKERS_MAX_BYTES).fit(report.blockers.map((blocker) => blockerJson(blocker, nowMs))),
    blockerCount: report.blockerCount,
    hidden: report.isHidden || undefined,
    freeWithin: freeWithinSeconds(report.free, nowMs),
    chain,
    chainEnd: chainEnd === 'open' ? undefined : chainEnd,
    circle: report.circle === null ? undefined : deadlockWords(report.circle, sees),
  }
}

function blockerJson(blocker: Blocker, nowMs: number): Json {
  const text = blockerWords(blocker, nowMs)
  switch (blocker.kind) {
    case 'hold': {
      const { meta: _, ...hold } = holdJson(blocker.hold, nowMs)
      return { kind: blocker.hold.phase === 'tail' ? 'tail' : 'hold', name: blocker.hold.name, ...hold, text }
    }
    case 'place': {
      const { meta: _, ...place } = placeJson(blocker.place, nowMs)
      return { kind: 'place', name: blocker.place.name, ...place, text }
    }
    case 'frozen':
      return { kind: 'frozen', name: blocker.name, ...freezeJson(blocker.freeze), text }
  }
}

function freeWithinSeconds(free: Freedom | null, nowMs: number): number | undefined {
  if (free === null) return undefined
  return formatSeconds(Math.max(free.withinMs, free.untilWallMs - nowMs))
}

function linkJson(link: Link, nowMs: number): Json {
  const { holder, session, name, token, of, ofSession } = link
  const text = linkWords(link, nowMs)
  return { holder, session, name, token: token || undefined, of, ofSession: ofSession || undefined, text }
}

function freezeJson({ prefix, reason, by, sinceWallMs, untilWallMs }: FreezeReport): Json {
  return {
    prefix,
    reason,
    by: by || undefined,
    since: formatSeconds(sinceWallMs),
    until: untilWallMs === 0 ? undefined : formatSeconds(untilWallMs),
  }
}

function pastJson(past: PastReport): Json {
  return {
    token: past.token,
    mode: past.mode,
    permits: past.permits || undefined,
    limit: past.limit || undefined,
    holder: past.holder,
    session: past.session,
    from: formatSeconds(past.fromWallMs),
    to: formatSeconds(past.toWallMs),
    how: past.how,
    by: past.by || undefined,
    reason: past.reason || undefined,
  }
}

function sessionJson(session: SessionReport): Json {
  return {
    session: session.session,
    client: session.client || undefined,
    identity: session.identity || undefined,
    node: session.node ?? undefined,
    classic: session.classic || undefined,
    lease: session.classic ? undefined : formatSeconds(session.leaseMs),
    linger: session.classic ? undefined : formatSeconds(session.lingerMs),
    left: session.leftMs === null ? undefined : formatSeconds(session.leftMs),
    holds: session.holds,
    places: session.places,
  }
}

function markJson({ key, sinceWallMs, holder, untilWallMs }: MarkReport): Json {
  return {
    key,
    since: formatSeconds(sinceWallMs),
    holder,
    until: untilWallMs === 0 ? undefined : formatSeconds(untilWallMs),
  }
}
