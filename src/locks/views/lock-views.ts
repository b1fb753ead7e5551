/** What the server reads of the state. Nothing here changes anything; what is returned is a copy of the moment. */
import type { ConnId, Epoch, HoldClock, NodeId, RequestId, SessionId, Token } from '../commands/commands.js'
import type { HeldLock, LossReason, SessionView } from '../effects.js'
import type { Hold, Member, Session } from '../state/entities.js'
import { canRaiseTo, levelOfNode } from '../state/levels.js'
import type { LockState } from '../state/state.js'
import { Reports } from './reports.js'
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

export interface LockView extends HolderView, HeldLock {
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

/** A time of a hold or tail that the leader counts, and what the state knows to be left of it. */
export interface TimedView {
  readonly name: string
  readonly token: Token
  readonly clock: HoldClock
  readonly forMs: number
}

/** A hold that its session has lost and that counts until nobody can believe in it. */
export interface EndingView {
  readonly name: string
  readonly token: Token
  readonly reason: LossReason
  readonly session: SessionId
  readonly attach: number
  readonly leaseMs: number
}

/** The newest state: a restore replaces what the views read, so they are asked again and not kept. */
export class LockViews {
  /** What clients may ask. */
  readonly reports = new Reports(() => this.state)

  constructor(protected state: LockState) {}

  // ---- cluster

  get clusterId(): string {
    return this.state.clusterId
  }

  /** L, fixed when the cluster was formed (rules.md rule 0). */
  get nodeLeaseMs(): number {
    return this.state.nodeLeaseMs
  }

  /** Current holds: neither tails nor those that were lost. */
  get lockCount(): number {
    const { holds, tailCount, ending } = this.state
    return holds.size - tailCount - ending.size
  }

  get sessionCount(): number {
    return this.state.sessions.size
  }

  get waiterCount(): number {
    return this.state.placeCount
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

  /** True while ended epochs have sessions left, or requests are due: then the leader proposes `Sweep`, and each entry does a slice. */
  sweepPending(): boolean {
    return this.state.unswept.size > 0 || this.state.due.size > 0
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
    for (let hold = this.#counted(id)?.firstHeld ?? null; hold !== null; hold = hold.nextOfSession) {
      if (hold.phase === 'held') return heldOf(hold)
    }
    return null
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
      for (let waiting = session.firstWaiting; waiting !== null; waiting = waiting.nextOfSession) {
        const { request, waitMs } = waiting
        if (waitMs >= 0) yield { session: session.id, attach: session.attach, request, waitMs }
      }
    }
  }

  #counted(id: SessionId): Session | null {
    const session = this.state.sessions.get(id)
    return session === undefined || session.countsAsEnded ? null : session
  }

  // ---- locks

  /** The oldest current hold of the name. */
  holder(name: string): HolderView | null {
    for (const hold of this.state.locks.get(name)?.holds() ?? []) {
      const view = lockViewOf(hold)
      if (view !== null) return view
    }
    return null
  }

  /** All current holds, in no order that means anything. */
  *locks(): IterableIterator<LockView> {
    for (const hold of this.state.holds.values()) {
      const view = lockViewOf(hold)
      if (view !== null) yield view
    }
  }

  /** For a leader that starts to count. */
  *timedHolds(): IterableIterator<TimedView> {
    for (const hold of this.state.timed) {
      const { token, phase, terms } = hold
      const { name } = hold.lock
      if (isDelayed(hold)) yield { name, token, clock: 'delay', forMs: terms?.delayMs ?? 0 }
      if (terms !== null && terms.minHoldMs > 0) yield { name, token, clock: 'minHold', forMs: terms.minHoldMs }
      if (terms !== null && terms.ttlMs > 0 && phase === 'held') yield { name, token, clock: 'ttl', forMs: terms.ttlMs }
    }
  }

  /** Whether `timeOver` for this would do something. */
  isTimed(name: string, token: Token, clock: HoldClock): boolean {
    const hold = this.state.holds.get(name, token)
    if (hold === null) return false
    if (clock === 'delay') return isDelayed(hold)
    return (clock === 'minHold' || hold.phase === 'held') && (hold.terms?.[`${clock}Ms`] ?? 0) > 0
  }

  /** Holds that were lost, of sessions that live. */
  *endingHolds(): IterableIterator<EndingView> {
    for (const { lock, token, phase, session } of this.state.ending) {
      if (session === null || (phase !== 'forced' && phase !== 'ttl')) continue
      const { id, attach, terms } = session
      yield { name: lock.name, token, reason: phase, session: id, attach, leaseMs: terms?.leaseMs ?? 0 }
    }
  }

  /** Whether `letGo` for this would do something. */
  isEnding(name: string, token: Token): boolean {
    const hold = this.state.holds.get(name, token)
    return hold !== null && this.state.ending.has(hold)
  }

  /** How often the session was opened or resumed; null if there is none. Cheaper than `session`. */
  attachOf(id: SessionId): number | null {
    return this.#counted(id)?.attach ?? null
  }

  // ---- what ends by the leader's wall clock

  *endingMarks(): IterableIterator<{ key: string; generation: number; expiresWallMs: number }> {
    for (const { key, generation, sinceWallMs, ttlMs } of this.state.marks.values()) {
      if (ttlMs > 0) yield { key, generation, expiresWallMs: sinceWallMs + ttlMs }
    }
  }

  isMarked(key: string, generation: number): boolean {
    return this.state.marks.get(key)?.generation === generation
  }

  *endingFreezes(): IterableIterator<{ prefix: string; generation: number; untilWallMs: number }> {
    for (const { prefix, generation, untilWallMs } of this.state.freezes.values()) {
      if (untilWallMs > 0) yield { prefix, generation, untilWallMs }
    }
  }

  isFrozen(prefix: string, generation: number): boolean {
    return this.state.freezes.get(prefix)?.generation === generation
  }
}

/** A tail of which a delay is left, or nothing else: one that only a `min-hold` left is not to be ended again and again. */
function isDelayed({ phase, terms }: Hold): boolean {
  return phase === 'tail' && ((terms?.delayMs ?? 0) > 0 || (terms?.minHoldMs ?? 0) === 0)
}

/** Null if the hold is not current, or of a session that counts as ended. */
function lockViewOf(hold: Hold): LockView | null {
  const { lock, session, owner, phase } = hold
  if (phase !== 'held' || session?.countsAsEnded === true) return null
  return {
    ...heldOf(hold),
    session: session?.id ?? owner?.session ?? 0,
    clientId: session?.clientId ?? owner?.label ?? '',
    sinceWallMs: hold.sinceWallMs,
    waiters: lock.placeCount,
    meta: hold.meta,
  }
}
