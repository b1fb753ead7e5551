/**
 * The sessions at this node under its current epoch (rules.md rules 5, 9, 10, 11): which connection has which place in
 * the replicated state, what was proposed for it and is not applied yet, and who must still leave.
 *
 * A proposal may be dropped, so everything is proposed again under its number until it is applied. Nobody is told how a
 * proposal ended otherwise than by the effect of its application.
 */

import { invariant } from '../../invariant.js'
import { encodeCommand } from '../../locks/commands/codec.js'
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
} from '../../locks/commands/commands.js'
import type { Answer, SessionView, Where } from '../../locks/effects.js'
import type { Clock, Timer } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { PROPOSAL_CHECK_MS, REPEAT_PROPOSAL_MAX_MS, REPEAT_PROPOSAL_MS, UNAPPLIED_BYTES } from '../limits.js'
import type { StateView } from '../state-view.js'
import {
  Attachment,
  type AttachmentListener,
  type DetachReason,
  KIND_OF_OPENING,
  OpeningKind,
  type OpeningRefusal,
} from './attachment.js'

export interface AttachmentsDeps {
  readonly nodeId: NodeId
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
}

/** 500 ms, 500 ms, 1 s, 2 s, 4 s, 8 s, 8 s … */
const repeatAfterMs = (repeats: number): number =>
  Math.min(REPEAT_PROPOSAL_MS * 2 ** Math.max(0, repeats - 1), REPEAT_PROPOSAL_MAX_MS)

export class Attachments {
  #epoch: Epoch = 0
  #nextConn: ConnId = 1
  readonly #attachments = new Map<ConnId, Attachment>()
  /** Openings not applied, by rising conn: the first is the floor that openings carry. */
  readonly #openings = new Map<ConnId, Attachment>()
  /** Seats with anything proposed and not applied. */
  readonly #unsettled = new Set<Attachment>()
  /** Seats whose session must leave, because `detached` names only the session. */
  readonly #leaving = new Map<SessionId, Attachment>()
  /** Those that leave unless the entry's effects show that their session is gone by itself. */
  #leavingUnlessEnded: Attachment[] = []
  #checkTimer: Timer | null = null
  #unappliedBytes = 0

  constructor(private readonly deps: AttachmentsDeps) {}

  get attachmentCount(): number {
    return this.#attachments.size
  }

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  /** Whether new work is to be refused as busy: what is under way here, at this node or at the leader, is enough. */
  get isBusy(): boolean {
    return this.#unappliedBytes >= UNAPPLIED_BYTES || this.deps.node.isBusy()
  }

  /** All attachments belong to one epoch; 0 between epochs. What was proposed under the last one is void (rule 3). */
  begin(epoch: Epoch): void {
    this.#epoch = epoch
    this.#nextConn = 1
    this.#attachments.clear()
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

  open(command: Open | OpenClassic | Resume, listener: AttachmentListener): Attachment {
    invariant(
      this.#epoch !== 0 && command.epoch === this.#epoch,
      'session attachments: opening outside of the current epoch',
    )
    invariant(command.conn === this.#nextConn, 'session attachments: a connection number is used once')
    this.#nextConn++
    const bytes = encodeCommand(command)
    const attachment = new Attachment(command.conn, KIND_OF_OPENING[command.type], bytes, listener)
    this.#attachments.set(attachment.conn, attachment)
    this.#openings.set(attachment.conn, attachment)
    this.#propose(attachment, bytes)
    return attachment
  }

  /** The header of the next numbered command of this session (rule 10). */
  header(attachment: Attachment): SessionHeader {
    return {
      node: this.deps.nodeId,
      epoch: this.#epoch,
      session: attachment.session,
      attach: attachment.attach,
      n: attachment.nextNumber,
      ack: attachment.ack,
    }
  }

  submit(attachment: Attachment, command: Command & SessionHeader): void {
    invariant(
      attachment.session !== 0 && command.n === attachment.nextNumber,
      'session attachments: command out of order',
    )
    const bytes = encodeCommand(command)
    attachment.nextNumber++
    attachment.unapplied.push(bytes)
    this.#unappliedBytes += bytes.length
    this.#propose(attachment, bytes)
  }

  /**
   * The session leaves: proposed until it is applied. With `listener` null nobody is told the outcome. An opening that was
   * not applied is given up; should it apply late, `opened` finds nobody and the session is ended then. Only a FIN that
   * follows a resume is carried out on a session that exists already, so that resume is repeated first.
   */
  leave(attachment: Attachment, detachReason: DetachReason, listener: AttachmentListener | null): void {
    attachment.listener = listener
    if (attachment.detachReason !== null || this.#attachments.get(attachment.conn) !== attachment) return
    if (attachment.opening !== null && !(attachment.kind === OpeningKind.resume && detachReason !== 'detach')) {
      this.#drop(attachment)
      return
    }
    attachment.detachReason = detachReason
    if (attachment.opening === null) this.#proposeFarewell(attachment, detachReason)
  }

  /**
   * The session leaves this connection, or has left it: whoever counts its waits from now on is told what is left of them.
   * Said once; where it gets lost the client waits longer than it asked, not less.
   */
  waitsLeft({ session, attach }: Attachment, waits: readonly WaitLeft[]): void {
    if (session === 0 || waits.length === 0) return
    const now = this.deps.state.session(session)?.attach ?? attach
    this.deps.node.propose(encodeCommand({ type: CommandType.waitsLeft, session, attach: now, waits }))
  }

  /** Like `leave(attachment, 'end', null)`, for a session that ends by the very entry whose effects are being told. */
  leaveUnlessEnded(attachment: Attachment): void {
    attachment.listener = null
    this.#leavingUnlessEnded.push(attachment)
  }

  /** All effects of one entry were told. */
  entryTold(): void {
    if (this.#leavingUnlessEnded.length === 0) return
    const attachments = this.#leavingUnlessEnded
    this.#leavingUnlessEnded = []
    for (const attachment of attachments) this.leave(attachment, 'end', null)
  }

  #proposeFarewell(attachment: Attachment, detachReason: DetachReason): void {
    const { session, attach } = attachment
    const at = { node: this.deps.nodeId, epoch: this.#epoch, session, attach }
    attachment.endCommand = encodeCommand(
      detachReason === 'end'
        ? { type: CommandType.end, ...at }
        : { type: CommandType.detach, ...at, fin: detachReason === 'linger' },
    )
    this.#leaving.set(session, attachment)
    this.#propose(attachment, attachment.endCommand)
  }

  #propose(attachment: Attachment, bytes: Uint8Array): void {
    if (!this.#unsettled.has(attachment)) {
      this.#unsettled.add(attachment)
      this.#await(attachment)
      if (this.#checkTimer === null) this.#armCheck()
    }
    this.deps.node.propose(bytes)
  }

  /** After a leader change nobody knows what the last leader did with its proposals. */
  onLeader(leader: NodeId | null): void {
    if (leader === null) return
    for (const attachment of this.#unsettled) {
      this.#await(attachment)
      this.#repeat(attachment)
    }
  }

  /** From now on; nothing of what it waits for was repeated yet. */
  #await(attachment: Attachment): void {
    attachment.proposedAtMs = this.deps.clock.takerNow()
    attachment.repeats = 0
  }

  #repeat(attachment: Attachment): void {
    if (attachment.opening !== null) this.deps.node.propose(attachment.opening)
    for (const bytes of attachment.unapplied) this.deps.node.propose(bytes)
    if (attachment.endCommand !== null) this.deps.node.propose(attachment.endCommand)
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
    for (const attachment of this.#unsettled) {
      if (attachment.decideByMs !== 0 && now >= attachment.decideByMs) {
        attachment.decideByMs = 0
        attachment.listener?.timedOut()
      } else if (mayRepeat && now - attachment.proposedAtMs >= repeatAfterMs(attachment.repeats)) {
        attachment.repeats++
        attachment.proposedAtMs = now
        this.#repeat(attachment)
      }
    }
    if (this.#unsettled.size > 0 && this.#checkTimer === null) this.#armCheck()
  }

  #settle(attachment: Attachment): void {
    if (attachment.settled) this.#unsettled.delete(attachment)
    else this.#await(attachment)
  }

  #drop(attachment: Attachment): void {
    for (const { length } of attachment.unapplied) this.#unappliedBytes -= length
    attachment.opening = null
    attachment.unapplied = []
    attachment.endCommand = null
    this.#attachments.delete(attachment.conn)
    this.#openings.delete(attachment.conn)
    this.#unsettled.delete(attachment)
    if (this.#leaving.get(attachment.session) === attachment) this.#leaving.delete(attachment.session)
  }

  // --------------------------------------------------------------------------------------------------- effects

  opened(where: Where, session: SessionId, attach: number): void {
    const attachment = this.#take(where, session, attach)
    if (attachment === undefined) this.#evict(where.conn, session, attach, 'end')
    else attachment.listener?.opened()
  }

  resumed(where: Where, view: SessionView): void {
    const { session, attach } = view
    const attachment = this.#take(where, session, attach)
    if (attachment === undefined) this.#evict(where.conn, session, attach, 'detach')
    else if (attachment.detachReason !== null) this.#proposeFarewell(attachment, attachment.detachReason)
    else attachment.listener?.resumed(view)
  }

  /** The opening of a connection was applied. Undefined when nobody waits for it any more. */
  #take(where: Where, session: SessionId, attach: number): Attachment | undefined {
    const attachment = this.#openings.get(where.conn)
    if (attachment === undefined) return undefined
    this.#openings.delete(where.conn)
    attachment.opening = null
    attachment.session = session
    attachment.attach = attach
    this.#settle(attachment)
    return attachment
  }

  /** Rule 5: applied state has a session here without a live connection. */
  #evict(conn: ConnId, session: SessionId, attach: number, detachReason: DetachReason): void {
    const attachment = new Attachment(conn, OpeningKind.open, null, null)
    attachment.session = session
    attachment.attach = attach
    attachment.detachReason = detachReason
    this.#attachments.set(conn, attachment)
    this.#proposeFarewell(attachment, detachReason)
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

  #gone(where: Where): AttachmentListener | null {
    const attachment = this.#attachments.get(where.conn)
    if (attachment === undefined) return null
    this.#drop(attachment)
    return attachment.listener
  }

  /** The session left this node by a Detach of this node. */
  detached(session: SessionId, attach: number): void {
    const attachment = this.#leaving.get(session)
    if (attachment !== undefined && attachment.attach === attach) this.#drop(attachment)
  }

  applied(where: Where, attach: number, n: number): void {
    const attachment = this.#attachments.get(where.conn)
    if (attachment === undefined || attachment.attach !== attach) return
    this.#unappliedBytes -= attachment.applied(n)
    this.#settle(attachment)
  }

  queued(where: Where, request: RequestId, name: string, position: number): void {
    this.#attachments.get(where.conn)?.listener?.queued(request, name, position)
  }

  answered(where: Where, request: RequestId, answer: Answer): void {
    this.#attachments.get(where.conn)?.listener?.answered(request, answer)
  }

  waitLeft(where: Where, request: RequestId, leftMs: number): void {
    this.#attachments.get(where.conn)?.listener?.waitLeft(request, leftMs)
  }

  lost(where: Where, name: string, token: number, reason: string): void {
    this.#attachments.get(where.conn)?.listener?.lost(name, token, reason)
  }

  // ------------------------------------------------------------------------------- after a snapshot (rule 9)

  restored(): void {
    const { state, nodeId } = this.deps
    const views = new Map<ConnId, SessionView>()
    for (const session of state.sessionsAt(nodeId, this.#epoch)) {
      const view = state.session(session)
      if (view?.where && this.isHere(view.where)) views.set(view.where.conn, view)
    }
    for (const attachment of [...this.#attachments.values()]) {
      const view = views.get(attachment.conn)
      views.delete(attachment.conn)
      if (view === undefined) this.#missed(attachment)
      else this.#reconcile(attachment, view)
    }
    for (const [conn, { session, attach, classic }] of views) {
      this.#evict(conn, session, attach, classic ? 'end' : 'detach')
    }
  }

  #missed(attachment: Attachment): void {
    // An opening may still be on its way: it is repeated, and its request timeout stands.
    const { state, nodeId } = this.deps
    if (attachment.opening !== null && !state.openingApplied(nodeId, this.#epoch, attachment.conn)) return
    const { listener, detachReason } = attachment
    this.#drop(attachment)
    // Nobody but this node ends a session of its live epoch: what it asked for has happened.
    if (detachReason === 'end') listener?.ended()
    else listener?.displaced()
  }

  #reconcile(attachment: Attachment, view: SessionView): void {
    if (attachment.opening !== null) {
      const where = view.where
      if (where === null) return
      if (attachment.kind === OpeningKind.resume) {
        this.resumed(where, view)
        return
      }
      this.opened(where, view.session, view.attach)
    }
    this.#unappliedBytes -= attachment.applied(view.lastN)
    this.#settle(attachment)
    if (attachment.detachReason === null) attachment.listener?.reconciled(view)
  }
}
