/**
 * The sessions at this node under its current epoch (engine.md §4 rules 5, 9, 10, 11): which connection has which place in
 * the replicated state, what was proposed for it and is not applied yet, and who must still leave.
 *
 * A proposal may be dropped, so everything is proposed again under its number until it is applied. Nobody is told how a
 * proposal ended otherwise than by the effect of its application (raft-reference A22).
 */
import { encodeCommand } from '../../locks/codec.js'
import {
  type Command,
  CommandType,
  type ConnId,
  type Epoch,
  type NodeId,
  type Open,
  type OpenClassic,
  type OpeningHeader,
  type RequestId,
  type Resume,
  type SessionHeader,
  type SessionId,
  type WaitLeft,
} from '../../locks/commands.js'
import type { Answer, SessionView, Where } from '../../locks/effects.js'
import { invariant } from '../../raft/core/invariant.js'
import type { Clock, Timer } from '../../raft/node/interfaces.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { PROPOSAL_CHECK_MS, REPEAT_PROPOSAL_MAX_MS, REPEAT_PROPOSAL_MS, UNAPPLIED_BYTES } from '../limits.js'
import { type Departure, type Occupant, OpeningKind, type OpeningRefusal, Seat } from './seat.js'
import type { StateView } from './state-view.js'

export interface SessionBookDeps {
  readonly nodeId: NodeId
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
}

const KIND_OF_OPENING = {
  [CommandType.open]: OpeningKind.open,
  [CommandType.openClassic]: OpeningKind.classic,
  [CommandType.resume]: OpeningKind.resume,
} as const

/** 500 ms, 500 ms, 1 s, 2 s, 4 s, 8 s, 8 s … */
const repeatAfterMs = (repeats: number): number =>
  Math.min(REPEAT_PROPOSAL_MS * 2 ** Math.max(0, repeats - 1), REPEAT_PROPOSAL_MAX_MS)

export class SessionBook {
  #epoch: Epoch = 0
  #nextConn: ConnId = 1
  readonly #seats = new Map<ConnId, Seat>()
  /** Openings not applied, by rising conn: the first is the floor that openings carry. */
  readonly #openings = new Map<ConnId, Seat>()
  /** Seats with anything proposed and not applied. */
  readonly #unsettled = new Set<Seat>()
  /** Seats whose session must leave, because `detached` names only the session. */
  readonly #leaving = new Map<SessionId, Seat>()
  /** Seats that leave unless the turn's effects show that their session is gone by itself. */
  #leavingUnlessEnded: Seat[] = []
  #checkTimer: Timer | null = null
  #unappliedBytes = 0

  constructor(private readonly deps: SessionBookDeps) {}

  get seatCount(): number {
    return this.#seats.size
  }

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  /** Whether new work is to be refused as busy: what is under way here, at this node or at the leader, is enough. */
  get isBusy(): boolean {
    return this.#unappliedBytes >= UNAPPLIED_BYTES || this.deps.node.isBusy()
  }

  /** All seats belong to one epoch; 0 between epochs. What was proposed under the last one is void (rule 3). */
  begin(epoch: Epoch): void {
    this.#epoch = epoch
    this.#nextConn = 1
    this.#seats.clear()
    this.#openings.clear()
    this.#unsettled.clear()
    this.#leaving.clear()
    this.#leavingUnlessEnded = []
    this.#unappliedBytes = 0
    this.#checkTimer?.cancel()
    this.#checkTimer = null
  }

  isHere(where: Where): boolean {
    return where.epoch === this.#epoch && where.node === this.deps.nodeId
  }

  // ------------------------------------------------------------------------------------------------- proposing

  /** The header of the next opening. It must be passed to `open` before another one is asked for. */
  openingHeader(): OpeningHeader {
    const conn = this.#nextConn
    const [floor] = this.#openings.keys()
    return { node: this.deps.nodeId, epoch: this.#epoch, conn, floor: floor ?? conn }
  }

  open(command: Open | OpenClassic | Resume, occupant: Occupant): Seat {
    invariant(this.#epoch !== 0 && command.epoch === this.#epoch, 'session book: opening outside of the current epoch')
    invariant(command.conn === this.#nextConn, 'session book: a connection number is used once')
    this.#nextConn++
    const bytes = encodeCommand(command)
    const seat = new Seat(command.conn, KIND_OF_OPENING[command.type], bytes, occupant)
    this.#seats.set(seat.conn, seat)
    this.#openings.set(seat.conn, seat)
    this.#propose(seat, bytes)
    return seat
  }

  /** The header of the next numbered command of this session (rule 10). */
  header(seat: Seat): SessionHeader {
    return {
      node: this.deps.nodeId,
      epoch: this.#epoch,
      session: seat.session,
      attach: seat.attach,
      n: seat.nextNumber,
      ack: seat.ack,
    }
  }

  submit(seat: Seat, command: Command & SessionHeader): void {
    invariant(seat.session !== 0 && command.n === seat.nextNumber, 'session book: command out of order')
    const bytes = encodeCommand(command)
    seat.nextNumber++
    seat.unapplied.push(bytes)
    this.#unappliedBytes += bytes.length
    this.#propose(seat, bytes)
  }

  /**
   * The session leaves: proposed until it is applied. With `occupant` null nobody is told the outcome. An opening that was
   * not applied is given up; should it apply late, `opened` finds nobody and the session is ended then. Only a FIN that
   * follows a resume is carried out on a session that exists already, so that resume is repeated first.
   */
  leave(seat: Seat, departure: Departure, occupant: Occupant | null): void {
    seat.occupant = occupant
    if (seat.departure !== null || this.#seats.get(seat.conn) !== seat) return
    if (seat.opening !== null && !(seat.kind === OpeningKind.resume && departure !== 'detach')) {
      this.#drop(seat)
      return
    }
    seat.departure = departure
    if (seat.opening === null) this.#proposeFarewell(seat, departure)
  }

  /**
   * The session leaves this connection, or has left it: whoever counts its waits from now on is told what is left of them.
   * Said once; where it gets lost the client waits longer than it asked, not less.
   */
  waitsLeft({ session, attach }: Seat, waits: readonly WaitLeft[]): void {
    if (session === 0 || waits.length === 0) return
    const now = this.deps.state.session(session)?.attach ?? attach
    this.deps.node.propose(encodeCommand({ type: CommandType.waitsLeft, session, attach: now, waits }))
  }

  /** Like `leave(seat, 'end', null)`, for a session that ends by the very command whose effects are being told. */
  leaveUnlessEnded(seat: Seat): void {
    seat.occupant = null
    this.#leavingUnlessEnded.push(seat)
    if (this.#leavingUnlessEnded.length === 1) this.deps.clock.soon(() => this.#flushLeaving())
  }

  #flushLeaving(): void {
    const seats = this.#leavingUnlessEnded
    this.#leavingUnlessEnded = []
    for (const seat of seats) this.leave(seat, 'end', null)
  }

  #proposeFarewell(seat: Seat, departure: Departure): void {
    const { session, attach } = seat
    const at = { node: this.deps.nodeId, epoch: this.#epoch, session, attach }
    seat.farewell = encodeCommand(
      departure === 'end'
        ? { type: CommandType.end, ...at }
        : { type: CommandType.detach, ...at, fin: departure === 'linger' },
    )
    this.#leaving.set(session, seat)
    this.#propose(seat, seat.farewell)
  }

  #propose(seat: Seat, bytes: Uint8Array): void {
    if (!this.#unsettled.has(seat)) {
      this.#unsettled.add(seat)
      this.#await(seat)
      if (this.#checkTimer === null) this.#armCheck()
    }
    this.deps.node.propose(bytes)
  }

  /** After a leader change nobody knows what the last leader did with its proposals. */
  onLeader(leader: NodeId | null): void {
    if (leader === null) return
    for (const seat of this.#unsettled) {
      this.#await(seat)
      this.#repeat(seat)
    }
  }

  /** From now on; nothing of what it waits for was repeated yet. */
  #await(seat: Seat): void {
    seat.proposedAtMs = this.deps.clock.takerNow()
    seat.repeats = 0
  }

  #repeat(seat: Seat): void {
    if (seat.opening !== null) this.deps.node.propose(seat.opening)
    for (const bytes of seat.unapplied) this.deps.node.propose(bytes)
    if (seat.farewell !== null) this.deps.node.propose(seat.farewell)
  }

  #armCheck(): void {
    const { clock } = this.deps
    this.#checkTimer = clock.after(PROPOSAL_CHECK_MS, () => clock.soon(() => this.#check()))
  }

  #check(): void {
    this.#checkTimer = null
    const now = this.deps.clock.takerNow()
    // A busy cluster most likely has it all still: it is late, not lost.
    const mayRepeat = this.deps.node.leader() !== null && !this.deps.node.isBusy()
    for (const seat of this.#unsettled) {
      if (seat.decideByMs !== 0 && now >= seat.decideByMs) {
        seat.decideByMs = 0
        seat.occupant?.timedOut()
      } else if (mayRepeat && now - seat.proposedAtMs >= repeatAfterMs(seat.repeats)) {
        seat.repeats++
        seat.proposedAtMs = now
        this.#repeat(seat)
      }
    }
    if (this.#unsettled.size > 0 && this.#checkTimer === null) this.#armCheck()
  }

  #settle(seat: Seat): void {
    if (seat.settled) this.#unsettled.delete(seat)
    else this.#await(seat)
  }

  #drop(seat: Seat): void {
    for (const { length } of seat.unapplied) this.#unappliedBytes -= length
    seat.opening = null
    seat.unapplied = []
    seat.farewell = null
    this.#seats.delete(seat.conn)
    this.#openings.delete(seat.conn)
    this.#unsettled.delete(seat)
    if (this.#leaving.get(seat.session) === seat) this.#leaving.delete(seat.session)
  }

  // --------------------------------------------------------------------------------------------------- effects

  opened(where: Where, session: SessionId, attach: number): void {
    const seat = this.#take(where, session, attach)
    if (seat === undefined) this.#evict(where.conn, session, attach, 'end')
    else seat.occupant?.opened()
  }

  resumed(where: Where, session: SessionId, attach: number): void {
    const seat = this.#take(where, session, attach)
    const view = this.deps.state.session(session)
    if (seat === undefined) this.#evict(where.conn, session, attach, 'detach')
    else if (seat.departure !== null) this.#proposeFarewell(seat, seat.departure)
    else if (view !== null) seat.occupant?.resumed(view)
  }

  /** The opening of a connection was applied. Undefined when nobody waits for it any more. */
  #take(where: Where, session: SessionId, attach: number): Seat | undefined {
    const seat = this.#openings.get(where.conn)
    if (seat === undefined) return undefined
    this.#openings.delete(where.conn)
    seat.opening = null
    seat.session = session
    seat.attach = attach
    this.#settle(seat)
    return seat
  }

  /** Rule 5: applied state has a session here without a live connection. */
  #evict(conn: ConnId, session: SessionId, attach: number, departure: Departure): void {
    const seat = new Seat(conn, OpeningKind.open, null, null)
    seat.session = session
    seat.attach = attach
    seat.departure = departure
    this.#seats.set(conn, seat)
    this.#proposeFarewell(seat, departure)
  }

  refused(where: Where, refusal: OpeningRefusal): void {
    this.#gone(where)?.refused(refusal)
  }

  superseded(where: Where): void {
    this.#gone(where)?.displaced()
  }

  ended(where: Where): void {
    this.#gone(where)?.ended()
  }

  #gone(where: Where): Occupant | null {
    const seat = this.#seats.get(where.conn)
    if (seat === undefined) return null
    this.#drop(seat)
    return seat.occupant
  }

  /** The session left this node by a Detach of this node. */
  detached(session: SessionId, attach: number): void {
    const seat = this.#leaving.get(session)
    if (seat !== undefined && seat.attach === attach) this.#drop(seat)
  }

  applied(where: Where, attach: number, n: number): void {
    const seat = this.#seats.get(where.conn)
    if (seat === undefined || seat.attach !== attach) return
    this.#unappliedBytes -= seat.applied(n)
    this.#settle(seat)
  }

  queued(where: Where, request: RequestId, name: string, position: number): void {
    this.#seats.get(where.conn)?.occupant?.queued(request, name, position)
  }

  answered(where: Where, request: RequestId, answer: Answer): void {
    this.#seats.get(where.conn)?.occupant?.answered(request, answer)
  }

  waitLeft(where: Where, request: RequestId, leftMs: number): void {
    this.#seats.get(where.conn)?.occupant?.waitLeft(request, leftMs)
  }

  lost(where: Where, name: string, token: number, reason: string): void {
    this.#seats.get(where.conn)?.occupant?.lost(name, token, reason)
  }

  // ------------------------------------------------------------------------------- after a snapshot (rule 9)

  restored(): void {
    const { state, nodeId } = this.deps
    const views = new Map<ConnId, SessionView>()
    for (const session of state.sessionsAt(nodeId, this.#epoch)) {
      const view = state.session(session)
      if (view?.where && this.isHere(view.where)) views.set(view.where.conn, view)
    }
    for (const seat of [...this.#seats.values()]) {
      const view = views.get(seat.conn)
      views.delete(seat.conn)
      if (view === undefined) this.#missed(seat)
      else this.#reconcile(seat, view)
    }
    for (const [conn, { session, attach, classic }] of views) {
      this.#evict(conn, session, attach, classic ? 'end' : 'detach')
    }
  }

  #missed(seat: Seat): void {
    // An opening may still be on its way: it is repeated, and its request timeout stands.
    const { state, nodeId } = this.deps
    if (seat.opening !== null && !state.openingApplied(nodeId, this.#epoch, seat.conn)) return
    const { occupant, departure } = seat
    this.#drop(seat)
    // Nobody but this node ends a session of its live epoch: what it asked for has happened.
    if (departure === 'end') occupant?.ended()
    else occupant?.displaced()
  }

  #reconcile(seat: Seat, view: SessionView): void {
    if (seat.opening !== null) {
      const where = view.where
      if (where === null) return
      if (seat.kind === OpeningKind.resume) {
        this.resumed(where, view.session, view.attach)
        return
      }
      this.opened(where, view.session, view.attach)
    }
    this.#unappliedBytes -= seat.applied(view.lastN)
    this.#settle(seat)
    if (seat.departure === null) seat.occupant?.reconciled(view)
  }
}
