/** What the server reads of the state. Nothing here changes anything; what is returned is a copy of the moment. */
import type { ConnId, Epoch, NodeId, RequestId, SessionId, Token } from '../commands/commands.js'
import type { HeldLock, SessionView } from '../effects.js'
import type { LockEntry, Member, Session } from '../state/entities.js'
import { canRaiseTo, levelOfNode } from '../state/levels.js'
import type { LockState } from '../state/state.js'
import { heldOf, viewOf } from './session-view.js'

export interface HolderView {
  readonly session: SessionId
  /** Empty if the client gave none. */
  readonly clientId: string
  readonly token: Token
  /** By the clocks of the nodes, for display. */
  readonly sinceWallMs: number
  readonly waiters: number
}

export interface LockView extends HolderView {
  readonly name: string
  readonly meta: string
}

export interface EpochView {
  readonly node: NodeId
  readonly epoch: Epoch
}

export interface DetachedView {
  readonly session: SessionId
  readonly attach: number
  readonly forMs: number
}

export interface DetachedWaitView {
  readonly session: SessionId
  readonly attach: number
  readonly request: RequestId
  readonly waitMs: number
}

export interface DelayedView {
  readonly name: string
  readonly token: Token
  readonly forMs: number
}

/** The newest state: a restore replaces what the views read, so they are asked again and not kept. */
export class LockViews {
  constructor(protected state: LockState) {}

  // ---- cluster

  get clusterId(): string {
    return this.state.clusterId
  }

  /** L, fixed when the cluster was formed (rules.md rule 0). */
  get nodeLeaseMs(): number {
    return this.state.nodeLeaseMs
  }

  /** Held locks; delayed ones are not held. */
  get lockCount(): number {
    return this.state.locks.size - this.state.delayed.size
  }

  get sessionCount(): number {
    return this.state.sessions.size
  }

  get waiterCount(): number {
    return this.state.waiterCount
  }

  members(): readonly Member[] {
    return [...this.state.members.values()]
  }

  // ---- feature level

  /** The cluster's: what may be used. */
  get level(): number {
    return this.state.level
  }

  /** The operator wants the level to stay. */
  get isLevelHeld(): boolean {
    return this.state.isLevelHeld
  }

  /** Of the program that serves under the node's current epoch; null while it is down. */
  levelOfNode(node: NodeId): number | null {
    return levelOfNode(this.state, node)
  }

  /** Whether `setLevel` to this level would do something now. */
  canRaiseTo(level: number): boolean {
    return level === this.state.level + 1 && canRaiseTo(this.state, level)
  }

  // ---- epochs

  /** The epoch that the node made current last, live or not; 0 if it never had one. What the next `NodeUp` must expect. */
  currentEpoch(node: NodeId): Epoch {
    return this.state.nodes.get(node)?.current ?? 0
  }

  isLive(node: NodeId, epoch: Epoch): boolean {
    const entry = this.state.epochs.get(epoch)
    return entry?.live === true && entry.node === node
  }

  /** Including those that are no longer current, and those of removed members: the leader counts for each. */
  *liveEpochs(): IterableIterator<EpochView> {
    for (const { node, epoch, live } of this.state.epochs.values()) if (live) yield { node, epoch }
  }

  /** HOST:PORT of the node's last `NodeUp`. */
  nodeAddress(node: NodeId): string | null {
    return this.state.nodes.get(node)?.address ?? null
  }

  /** Whether an opening with this number was applied (or can no longer be) under this live epoch, refused or not. */
  openingApplied(node: NodeId, epoch: Epoch, conn: ConnId): boolean {
    const entry = this.state.epochs.get(epoch)
    return entry?.live === true && entry.node === node && (conn < entry.floor || entry.opened.has(conn))
  }

  /** True while ended epochs have sessions left; then the leader proposes `Sweep`. */
  sweepPending(): boolean {
    return this.state.unswept.size > 0
  }

  // ---- sessions

  /** Null if there is no such session, or if it counts as ended. */
  session(id: SessionId): SessionView | null {
    const session = this.#counted(id)
    return session === null ? null : viewOf(session)
  }

  /** The sessions attached at a live epoch. */
  *sessionsAt(node: NodeId, epoch: Epoch): IterableIterator<SessionId> {
    const entry = this.state.epochs.get(epoch)
    if (entry === undefined || !entry.live || entry.node !== node) return
    for (const session of entry.sessions) yield session.id
  }

  /** True if the session is attached exactly there, under a live epoch. */
  isAttached(id: SessionId, node: NodeId, epoch: Epoch, attach: number): boolean {
    const session = this.state.sessions.get(id)
    return session?.attach === attach && session.place?.epoch === epoch && this.isLive(node, epoch)
  }

  /** The lock that the session has held longest: for a classic one, its only. Cheaper than `session`. */
  firstHeld(id: SessionId): HeldLock | null {
    const lock = this.#counted(id)?.firstHeld ?? null
    return lock === null ? null : heldOf(lock)
  }

  /** For a leader that starts to count: whom, and for how long. Those still to be swept are told as effects later. */
  *detachedSessions(): IterableIterator<DetachedView> {
    for (const { id, attach, terms } of this.state.detached) {
      if (terms !== null) yield { session: id, attach, forMs: terms.detachedForMs }
    }
  }

  /** Requests of detached sessions that wait with a limit, for the leader to count. */
  *queuedOfDetached(): IterableIterator<DetachedWaitView> {
    for (const session of this.state.detached) {
      for (let waiter = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
        const { request, waitMs } = waiter
        if (waitMs >= 0) yield { session: session.id, attach: session.attach, request, waitMs }
      }
    }
  }

  #counted(id: SessionId): Session | null {
    const session = this.state.sessions.get(id)
    return session === undefined || session.countsAsEnded ? null : session
  }

  // ---- locks

  holder(name: string): HolderView | null {
    const lock = this.state.locks.get(name)
    const session = lock?.holder ?? null
    return lock === undefined || session === null || session.countsAsEnded ? null : lockViewOf(lock, session)
  }

  /** All held locks, in no order that means anything. */
  *locks(): IterableIterator<LockView> {
    for (const lock of this.state.locks.values()) {
      const session = lock.holder
      if (session !== null && !session.countsAsEnded) yield lockViewOf(lock, session)
    }
  }

  /** For a leader that starts to count lock-delays. */
  *delayedLocks(): IterableIterator<DelayedView> {
    for (const { name, token, delayMs } of this.state.delayed) yield { name, token, forMs: delayMs }
  }

  isDelayed(name: string, token: Token): boolean {
    const lock = this.state.locks.get(name)
    return lock !== undefined && lock.token === token && this.state.delayed.has(lock)
  }
}

function lockViewOf(lock: LockEntry, session: Session): LockView {
  return {
    name: lock.name,
    session: session.id,
    clientId: session.clientId,
    token: lock.token,
    sinceWallMs: lock.sinceWallMs,
    waiters: lock.waiterCount,
    meta: lock.meta,
  }
}
