/**
 * The sessions at this node under its current epoch (rules.md rules 5, 9, 10): which connection has which place in the
 * replicated state, and who must still leave. The life of an attachment:
 *
 *     opening ──opened, resumed──→ settled ──leave()──→ leaving ──ended, detached──→ gone
 *        │                            └── ended, superseded ────────────────────────↗
 *        ├── refused, superseded ───────────────────────────────────────────────────↗
 *        ├── leave(): given up ─────────────────────────────────────────────────────↗
 *        │     (applied all the same it finds nobody: the session is evicted, and so `leaving` once more)
 *        └── leave() by a FIN after `resume`: noted, and carried out once the session is resumed
 *
 * What `submit` proposes meanwhile is unapplied until `applied` says so; `UnappliedProposals` has it proposed again until then.
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
  type Resume,
  type SessionHeader,
  type SessionId,
  type WaitLeft,
} from '../../locks/commands/commands.js'
import type { Effect, SessionView, Where } from '../../locks/effects.js'
import type { Clock } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { LettingGo, type LostHold } from '../leases/letting-go.js'
import type { StateView } from '../state-view.js'
import {
  Attachment,
  type AttachmentListener,
  type DetachReason,
  KIND_OF_OPENING,
  OpeningKind,
  type OpeningRefusal,
} from './attachment.js'
import { UnappliedProposals } from './proposals.js'
import { reconcile } from './reconciliation.js'

type OpeningCommand = Open | OpenClassic | Resume
type NumberedCommand = Extract<Command, SessionHeader>
type Body<C, Header> = C extends unknown ? Omit<C, keyof Header> : never
/** What a client asks, before it is said for which connection or session, and under which number. */
export type OpeningBody = Body<OpeningCommand, OpeningHeader>
export type NumberedBody = Body<NumberedCommand, SessionHeader>

type Loss = Extract<Effect, { readonly kind: 'lost' }>

export interface AttachmentsDeps {
  readonly nodeId: NodeId
  readonly clock: Clock
  readonly node: NodeApi
  readonly state: StateView
}

export class Attachments {
  #epoch: Epoch = 0
  #nextConn: ConnId = 1
  readonly #attachments = new Map<ConnId, Attachment>()
  /** Openings not applied, by rising conn: the first is the floor that openings carry. */
  readonly #openings = new Map<ConnId, Attachment>()
  /** Those whose session must leave, because `detached` names only the session. */
  readonly #leaving = new Map<SessionId, Attachment>()
  /** Those that leave unless the entry's effects show that their session is gone by itself. */
  #leavingUnlessEnded: Attachment[] = []
  readonly #unapplied: UnappliedProposals
  /** Rule 12, for the sessions at this node. It goes on when their connections are gone: what was written stays written. */
  readonly #lettingGo: LettingGo

  constructor(private readonly deps: AttachmentsDeps) {
    const { clock, node, state } = deps
    this.#unapplied = new UnappliedProposals(clock, node)
    this.#lettingGo = new LettingGo({
      clock,
      state,
      propose: (command) => void node.proposals.propose(encodeCommand(command, state.level)),
    })
  }

  get attachmentCount(): number {
    return this.#attachments.size
  }

  get unsettledCount(): number {
    return this.#unapplied.unsettledCount
  }

  /** Whether new work is to be refused as busy: what is under way here, at this node or at the leader, is enough. */
  get isBusy(): boolean {
    return this.#unapplied.isBusy
  }

  /** All attachments belong to one epoch; 0 between epochs. What was proposed under the last one is void (rule 3). */
  begin(epoch: Epoch): void {
    this.#epoch = epoch
    this.#nextConn = 1
    this.#attachments.clear()
    this.#openings.clear()
    this.#leaving.clear()
    this.#leavingUnlessEnded = []
    this.#unapplied.clear()
    this.#lettingGo.clear()
  }

  isHere(where: Where): boolean {
    return where.epoch === this.#epoch && where.node === this.deps.nodeId
  }

  // ------------------------------------------------------------------------------------------------- proposing

  /** Proposes the opening of a connection of its own. The body becomes the command. */
  open(body: OpeningBody, listener: AttachmentListener): Attachment {
    invariant(this.#epoch !== 0, 'session attachments: opening outside of an epoch')
    const conn = this.#nextConn
    this.#nextConn++
    const [floor = conn] = this.#openings.keys()
    const bytes = this.#encode(body, { node: this.deps.nodeId, epoch: this.#epoch, conn, floor })
    const attachment = new Attachment(conn, KIND_OF_OPENING[body.type], bytes, listener)
    this.#attachments.set(conn, attachment)
    this.#openings.set(conn, attachment)
    this.#unapplied.expect(attachment)
    this.deps.node.proposals.propose(bytes)
    return attachment
  }

  /** Proposes the next numbered command of this session (rule 10). The body becomes the command. */
  submit(attachment: Attachment, body: NumberedBody): void {
    const { session, attach, nextNumber: n, ack } = attachment
    invariant(session !== 0, 'session attachments: a command before its session')
    const { nodeId, node } = this.deps
    const bytes = this.#encode(body, { node: nodeId, epoch: this.#epoch, session, attach, n, ack })
    this.#unapplied.expectNumbered(attachment, bytes)
    node.proposals.propose(bytes)
  }

  /** Into the body, which was made for this: to spread so many fields into a third object takes ten times as long as the rest. */
  #encode(body: OpeningBody, header: OpeningHeader): Uint8Array
  #encode(body: NumberedBody, header: SessionHeader): Uint8Array
  #encode(body: object, header: object): Uint8Array {
    return encodeCommand(Object.assign(body, header) as Command, this.deps.state.level)
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
    if (attachment.opening === null) this.#proposeEnd(attachment, detachReason)
  }

  /**
   * The session leaves this connection, or has left it: whoever counts its waits from now on is told what is left of them.
   * Said once; where it gets lost the client waits longer than it asked, not less.
   */
  waitsLeft({ session, attach }: Attachment, waits: readonly WaitLeft[]): void {
    if (session === 0 || waits.length === 0) return
    const { node, state } = this.deps
    const left = { session, attach: state.session(session)?.attach ?? attach, waits }
    node.proposals.propose(encodeCommand({ type: CommandType.waitsLeft, ...left }, state.level))
  }

  /** Like `leave(attachment, 'end', null)`, for a session that ends by the very entry whose effects are being told. */
  leaveUnlessEnded(attachment: Attachment): void {
    attachment.listener = null
    this.#leavingUnlessEnded.push(attachment)
  }

  /** All effects of one entry were told. */
  entryTold(): void {
    this.#lettingGo.look()
    if (this.#leavingUnlessEnded.length === 0) return
    const attachments = this.#leavingUnlessEnded
    this.#leavingUnlessEnded = []
    for (const attachment of attachments) this.leave(attachment, 'end', null)
  }

  #proposeEnd(attachment: Attachment, detachReason: DetachReason): void {
    const { session, attach } = attachment
    const { nodeId, clock, node, state } = this.deps
    const at = { node: nodeId, epoch: this.#epoch, session, attach, wallMs: clock.wallNow() }
    attachment.endCommand = encodeCommand(
      detachReason === 'end' || detachReason === 'bye'
        ? { type: CommandType.end, ...at, bye: detachReason === 'bye' }
        : { type: CommandType.detach, ...at, fin: detachReason === 'linger', leaseOnly: detachReason === 'lease' },
      state.level,
    )
    this.#leaving.set(session, attachment)
    this.#unapplied.expect(attachment)
    node.proposals.propose(attachment.endCommand)
  }

  onLeader(leader: NodeId | null): void {
    this.#unapplied.onLeader(leader)
  }

  #drop(attachment: Attachment): void {
    this.#unapplied.drop(attachment)
    this.#attachments.delete(attachment.conn)
    this.#openings.delete(attachment.conn)
    if (this.#leaving.get(attachment.session) === attachment) this.#leaving.delete(attachment.session)
  }

  // --------------------------------------------------------------------------------------------------- effects

  opened({ conn }: Pick<Where, 'conn'>, session: SessionId, attach: number): void {
    const attachment = this.#take(conn, session, attach)
    if (attachment === undefined) this.#evict(conn, session, attach, 'end')
    else attachment.listener?.opened()
  }

  resumed({ conn }: Pick<Where, 'conn'>, view: SessionView): void {
    const { session, attach } = view
    this.#countEnding(view)
    const attachment = this.#take(conn, session, attach)
    if (attachment === undefined) this.#evict(conn, session, attach, 'detach')
    else if (attachment.detachReason !== null) this.#proposeEnd(attachment, attachment.detachReason)
    else attachment.listener?.resumed(view)
  }

  /** The opening of a connection was applied. Undefined when nobody waits for it. */
  #take(conn: ConnId, session: SessionId, attach: number): Attachment | undefined {
    const attachment = this.#openings.get(conn)
    if (attachment === undefined) return undefined
    this.#openings.delete(conn)
    attachment.opening = null
    attachment.session = session
    attachment.attach = attach
    this.#unapplied.settle(attachment)
    return attachment
  }

  /** Rule 5: applied state has a session here without a live connection. */
  #evict(conn: ConnId, session: SessionId, attach: number, detachReason: DetachReason): void {
    const attachment = new Attachment(conn, OpeningKind.open, null, null)
    attachment.session = session
    attachment.attach = attach
    attachment.detachReason = detachReason
    this.#attachments.set(conn, attachment)
    this.#proposeEnd(attachment, detachReason)
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
    this.#unapplied.applied(attachment, n)
  }

  /** Whom an effect concerns that changes nothing here; null: nobody any more. */
  listenerAt({ conn }: Where): AttachmentListener | null {
    return this.#attachments.get(conn)?.listener ?? null
  }

  /** A hold that its session has lost; `leaseMs` 0: of a classic one, whose connection tells it, and whose end passes it on. */
  lost({ conn }: Where, { name, token, session, attach, reason, leaseMs }: Loss): void {
    this.#attachments.get(conn)?.listener?.lost(name, token, reason)
    this.#countLost({ name, token, session, attach }, leaseMs)
  }

  /** What a session has lost that came here, by a resume or in the gap that a snapshot left. */
  #countEnding({ session, attach, ending, leaseMs }: SessionView): void {
    for (const { name, token } of ending) this.#countLost({ name, token, session, attach }, leaseMs)
  }

  #countLost(hold: LostHold, leaseMs: number): void {
    if (leaseMs > 0) this.#lettingGo.count(hold, leaseMs)
  }

  // ------------------------------------------------------------------------------- after a snapshot (rule 9)

  restored(): void {
    const { state, nodeId } = this.deps
    const sessions = new Map<ConnId, SessionView>()
    for (const session of state.sessionsAt(nodeId, this.#epoch)) {
      const view = state.session(session)
      if (!view?.where || !this.isHere(view.where)) continue
      sessions.set(view.where.conn, view)
      this.#countEnding(view)
    }
    reconcile({
      attachments: this.#attachments.values(),
      sessions,
      openingApplied: (conn) => state.openingApplied(nodeId, this.#epoch, conn),
      opened: (conn, { session, attach }) => this.opened({ conn }, session, attach),
      resumed: (conn, view) => this.resumed({ conn }, view),
      applied: (attachment, n) => this.#unapplied.applied(attachment, n),
      drop: (attachment) => {
        this.#drop(attachment)
        return attachment.listener
      },
      evict: (conn, session, attach, detachReason) => this.#evict(conn, session, attach, detachReason),
    })
  }
}
