/**
 * The life of a session: opened by a connection, detached, resumed elsewhere, ended. A classic session has no other life
 * than its one lock or wait: it ends with it.
 */
import { acknowledge, answered } from '../answers.js'
import type {
  ConnId,
  Detach,
  DetachedWaitTimeout,
  End,
  ExpireSession,
  Left,
  Open,
  OpenClassic,
  OpeningHeader,
  RequestId,
  Resume,
  SessionHeader,
  WaitsLeft,
} from '../commands/commands.js'
import type { Answered, Where } from '../effects.js'
import { CONN_LIMIT, SESSIONS_CROWDED, SESSIONS_MAX, SHORT_SESSION_MAX_MS } from '../limits.js'
import { askOf } from '../table/asked.js'
import { dropAll } from '../table/ends.js'
import { endWait, shortenWait } from '../table/queue.js'
import { requestLocks } from '../table/requests.js'
import { viewOf } from '../views/session-view.js'
import type { EpochEntry, Session } from './entities.js'
import type { HoldEnd } from './standing.js'
import { type ApplyContext, type LockState, whereOf } from './state.js'
import { SessionTerms } from './terms.js'

/** The request id of the one request of a classic connection. */
const CLASSIC_REQUEST = -1

// ------------------------------------------------------------------------------------------ openings

export function open(context: ApplyContext, command: Open): void {
  const place = admitOpening(context, command)
  if (place === null) return
  const { state, effects, index } = context
  if (!hasRoomFor(state, command)) {
    effects.push({ kind: 'openRefused', where: at(place, command.conn) })
    return
  }
  const id = state.draw(index)
  const { clientId, secretHash, leaseMs, lingerMs, identity, conn } = command
  const terms = new SessionTerms(secretHash, leaseMs, lingerMs, id, identity)
  const session = state.addSession(id, clientId, conn, terms)
  state.attach(session, place)
  effects.push({ kind: 'opened', where: at(place, command.conn), session: id, attach: session.attach })
}

function hasRoomFor({ resumableCount }: LockState, { leaseMs, lingerMs }: Open): boolean {
  return resumableCount < (Math.max(leaseMs, lingerMs) > SHORT_SESSION_MAX_MS ? SESSIONS_CROWDED : SESSIONS_MAX)
}

/** The lock is asked for with the same command; if it is refused the session ends with the same command too. */
export function openClassic(context: ApplyContext, command: OpenClassic): Answered | null {
  const place = admitOpening(context, command)
  if (place === null) return null
  const { state, effects, index } = context
  const session = state.addSession(state.draw(index), command.clientId, command.conn, null)
  state.attach(session, place)
  effects.push({ kind: 'opened', where: at(place, command.conn), session: session.id, attach: session.attach })
  const given = requestLocks(context, session, CLASSIC_REQUEST, askOf(command))
  state.noteIfIdle(session)
  return given === null ? null : answered(context, session, CLASSIC_REQUEST, given)
}

export function resume(context: ApplyContext, command: Resume): void {
  const place = admitOpening(context, command)
  if (place === null) return
  const { state, effects, index } = context
  const where = at(place, command.conn)
  const session = state.sessions.get(command.session)
  const terms = session?.terms ?? null
  if (session === undefined || terms === null || terms.secretHash !== command.secretHash) {
    effects.push({ kind: 'resumeRefused', where, session: command.session })
    return
  }
  if (!maySpeakFor(terms, command)) {
    effects.push({ kind: 'resumeForbidden', where, session: command.session })
    return
  }
  // A node that was frozen may wake and read a connection that its client gave up long ago (rule 4).
  if (command.attempt !== 0 && command.attempt <= terms.attempt) {
    effects.push({ kind: 'resumeOutdated', where, session: command.session, attempt: terms.attempt })
    return
  }
  const old = whereOf(session)
  state.sessionChanges(session)
  state.detach(session)
  session.attach += 1
  session.lastN = 0
  session.conn = command.conn
  if (terms.identity === '') terms.identity = command.identity
  terms.attempt = Math.max(terms.attempt, command.attempt)
  terms.attachOrder = state.draw(index)
  terms.detachedForMs = 0
  state.attach(session, place)
  if (old !== null) effects.push({ kind: 'superseded', where: old, session: session.id })
  effects.push({ kind: 'resumed', where, session: session.id, attach: session.attach, view: viewOf(session) })
}

/**
 * The secret alone is not enough where identities are asked for: who has lost its rights must not go on under a session. One that
 * is nobody's becomes the identity's that resumes it, so that accounts can be switched on under living sessions.
 */
function maySpeakFor({ identity }: SessionTerms, command: Resume): boolean {
  return identity === '' || identity === command.identity || command.asAnyone
}

/** An opening applies once per connection number, under a live epoch: a late duplicate must not open again. */
function admitOpening(context: ApplyContext, header: OpeningHeader): EpochEntry | null {
  const place = context.state.epochs.get(header.epoch)
  if (place === undefined || !place.live || place.node !== header.node) return null
  if (header.conn >= CONN_LIMIT || header.floor >= CONN_LIMIT) return null
  raiseFloor(place, header.floor)
  if (header.conn < place.floor || place.opened.has(header.conn)) return null
  place.opened.add(header.conn)
  while (place.opened.delete(place.floor)) place.floor += 1
  return place
}

function raiseFloor(place: EpochEntry, floor: ConnId): void {
  if (floor <= place.floor) return
  place.floor = floor
  for (const conn of place.opened) if (conn < floor) place.opened.delete(conn)
}

function at(place: EpochEntry, conn: ConnId): Where {
  return { node: place.node, epoch: place.epoch, conn }
}

// ------------------------------------------------------------------------------- what a node proposes

type Attachment = Pick<SessionHeader, 'node' | 'epoch' | 'session' | 'attach'>

/** The session that a command with this header is for, if it is attached exactly there, under a live epoch. */
function attachedAt(context: ApplyContext, header: Attachment): Session | null {
  const session = context.state.sessions.get(header.session)
  if (session === undefined || session.attach !== header.attach) return null
  const place = session.place
  return place?.live && place.epoch === header.epoch && place.node === header.node ? session : null
}

/** A numbered command: applies only after its predecessor, repeats do nothing (rule 10). Also takes its acknowledgement. */
export function numbered(context: ApplyContext, header: SessionHeader & { request?: RequestId }): Session | null {
  const session = attachedAt(context, header)
  if (session === null || header.n !== session.lastN + 1) return null
  context.state.sessionChanges(session)
  session.lastN = header.n
  acknowledge(context, session, header.ack)
  const terms = session.terms
  if (terms !== null) terms.highestRequest = Math.max(terms.highestRequest, header.request ?? 0)
  const where = whereOf(session)
  if (where !== null) {
    context.effects.push({ kind: 'applied', where, session: session.id, attach: session.attach, n: header.n })
  }
  return session
}

/**
 * Classic sessions that neither hold nor wait have nothing left to live for: they were refused, or their only lock or wait has
 * ended, by their own command or by another's (an operator's force, a smaller limit).
 */
export function endIdle(context: ApplyContext): void {
  const { state } = context
  if (state.idle.length === 0) return
  const { idle } = state
  state.idle = []
  if (idle.length > 1) idle.sort((a, b) => a.id - b.id)
  for (const session of idle) {
    if (session.isIdle && !session.orphaned && state.sessions.get(session.id) === session) {
      endSession(context, session, 'released')
    }
  }
}

export function end(context: ApplyContext, command: End): void {
  const session = attachedAt(context, command)
  if (session === null) return
  context.state.sawWallTime(command.wallMs)
  endSession(context, session, endOf(command, session))
}

/** What a classic client says in place of `bye` is `release`. */
function endOf({ bye }: End, { classic }: Session): HoldEnd {
  if (!bye) return 'fin'
  return classic ? 'released' : 'bye'
}

export function detach(context: ApplyContext, command: Detach): void {
  const session = attachedAt(context, command)
  if (session === null) return
  context.state.sawWallTime(command.wallMs)
  const terms = session.terms
  // A FIN with linger 0 is the client's word that it is done (rule 5); a classic session cannot be left.
  if (terms === null || (command.fin && terms.lingerMs === 0)) endSession(context, session, 'fin')
  else leave(context, session, terms, timeToResume(command, terms))
}

function timeToResume({ fin, leaseOnly }: Detach, { leaseMs, lingerMs }: SessionTerms): number {
  if (leaseOnly) return leaseMs
  return fin ? lingerMs : Math.max(leaseMs, lingerMs)
}

// ----------------------------------------------------------------------------- what the leader counts

/** A detached session of exactly this attach count: what a deposed leader counted must not reach a resumed one (mutant M57). */
function detachedUnder(context: ApplyContext, id: number, attach: number): Session | null {
  const session = context.state.sessions.get(id)
  return session !== undefined && session.place === null && session.attach === attach ? session : null
}

/** The one end that nobody asked for. */
export function expireSession(context: ApplyContext, command: ExpireSession): void {
  const session = detachedUnder(context, command.session, command.attach)
  if (session === null) return
  context.state.sawWallTime(command.wallMs)
  endSession(context, session, 'expired')
}

/** The smaller counts: what an earlier leader counted may arrive late. */
export function left(context: ApplyContext, command: Left): void {
  const session = detachedUnder(context, command.session, command.attach)
  const terms = session?.terms ?? null
  if (session === null || terms === null || command.leftMs >= terms.detachedForMs) return
  context.state.sessionChanges(session)
  terms.detachedForMs = command.leftMs
}

export function detachedWaitTimeout(context: ApplyContext, command: DetachedWaitTimeout): void {
  const session = detachedUnder(context, command.session, command.attach)
  if (session !== null) endWait(context, session, command.target, 'timeout')
}

/** For an attached session as well as for a detached one: who counted and who counts from now on may be two nodes. */
export function waitsLeft(context: ApplyContext, { session: id, attach, waits }: WaitsLeft): void {
  const session = context.state.sessions.get(id)
  if (session === undefined || session.attach !== attach) return
  for (const { request, leftMs } of waits) shortenWait(context, session, request, leftMs)
}

// ---------------------------------------------------------------------------------------------- ends

/** Carries out for one session what the end of its epoch has meant for it all along (rule 3). */
export function sweepSession(context: ApplyContext, session: Session): void {
  const terms = session.terms
  if (terms === null) endSession(context, session, 'node-lost')
  else leave(context, session, terms, Math.max(terms.leaseMs, terms.lingerMs))
}

function leave(context: ApplyContext, session: Session, terms: SessionTerms, forMs: number): void {
  const { state, effects } = context
  state.sessionChanges(session)
  state.detach(session)
  state.detached.push(session)
  terms.detachedForMs = forMs
  effects.push({ kind: 'detached', session: session.id, attach: session.attach, forMs })
}

function endSession(context: ApplyContext, session: Session, how: HoldEnd): void {
  const where = whereOf(session)
  dropAll(context, session, how)
  context.state.removeSession(session)
  context.effects.push({ kind: 'ended', where, session: session.id })
}
