/**
 * The replicated state: the entities, their indexes, and the few operations that keep both in step. Whoever changes what
 * a snapshot record contains of a session or a lock calls `sessionChanges` / `lockChanges` *before* the change, so that a
 * snapshot in production can still write it as it was (rules.md, Storage).
 */

import { utf8Length } from '../../bytes/utf8.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { invariant } from '../../invariant.js'
import type { Index } from '../../raft/core/types.js'
import type { Epoch, NodeId, SessionId } from '../commands/commands.js'
import type { Effect, Where } from '../effects.js'
import { COUNTER_STEPS_PER_SECOND } from '../limits.js'
import {
  type EpochEntry,
  LockEntry,
  type Member,
  type NodeEntry,
  Session,
  SessionList,
  type SessionTerms,
  type Waiter,
  WaitQueue,
} from './entities.js'

/** What the cluster was formed with; the first state of every node, replaced by any snapshot. */
export interface Genesis {
  readonly clusterId: string
  readonly nodeLeaseMs: number
  readonly createdUnixSeconds: number
  readonly members: readonly { readonly raftId: number; readonly nodeId: NodeId; readonly peerAddress: string }[]
}

/** A snapshot in production: it wants to see entities once more before they change. */
export interface ChangeWatcher {
  keepSession(session: Session): void
  keepLock(lock: LockEntry): void
}

export class LockState {
  clusterId = ''
  nodeLeaseMs = 0
  /** The last session id or token that was given out. */
  counter = 0
  /** The largest wall time of any command so far. For display only: when a waiter got its lock. */
  wallMs = 0
  /** The cluster's feature level: what of commands, fields and records may be used. Only rises. */
  level = BASE_LEVEL
  /** The operator wants the level to stay. */
  isLevelHeld = false
  readonly nodes = new Map<NodeId, NodeEntry>()
  readonly epochs = new Map<Epoch, EpochEntry>()
  readonly members = new Map<number, Member>()
  readonly sessions = new Map<SessionId, Session>()
  readonly locks = new Map<string, LockEntry>()

  // Indexes: derived from the entities above.
  readonly detached = new SessionList()
  readonly delayed = new Set<LockEntry>()
  /** Ended epochs that still have sessions. Few, and swept in ascending order so that all nodes sweep alike. */
  readonly unswept = new Set<EpochEntry>()
  waiterCount = 0
  /** Of the session dialect: those that can be left behind. */
  resumableCount = 0
  /** Of all `meta` of locks and waiters. */
  metaBytes = 0

  /** Number of the last snapshot production; entities with a lower stamp belong into it and are not written yet. */
  production = 0
  watcher: ChangeWatcher | null = null

  /** The next session id or token: greater than all before, and at least the index of the entry (rules.md). */
  draw(index: Index): number {
    this.counter = Math.max(this.counter + 1, index)
    return this.counter
  }

  sessionChanges(session: Session): void {
    if (this.watcher !== null && session.stamp < this.production) this.watcher.keepSession(session)
  }

  lockChanges(lock: LockEntry): void {
    if (this.watcher !== null && lock.stamp < this.production) this.watcher.keepLock(lock)
  }

  // ---- sessions

  addSession(id: SessionId, clientId: string, conn: number, terms: SessionTerms | null): Session {
    const session = new Session(id, clientId, conn, terms, this.production)
    this.sessions.set(id, session)
    if (terms !== null) this.resumableCount += 1
    return session
  }

  removeSession(session: Session): void {
    invariant(session.heldCount === 0 && session.waitCount === 0, 'a session that ends has left all locks and queues')
    this.sessionChanges(session)
    this.detach(session)
    this.sessions.delete(session.id)
    if (session.terms !== null) this.resumableCount -= 1
  }

  /** Attaches the session to a connection of a live epoch. */
  attach(session: Session, place: EpochEntry): void {
    session.place = place
    place.sessions.push(session)
  }

  /** Takes the session out of the list of its place, and forgets an ended epoch with its last session. */
  detach(session: Session): void {
    const place = session.place
    if (place === null) {
      this.detached.remove(session)
      return
    }
    place.sessions.remove(session)
    session.place = null
    if (!place.live && place.sessions.count === 0) this.forgetEpoch(place)
  }

  forgetEpoch(epoch: EpochEntry): void {
    this.unswept.delete(epoch)
    this.epochs.delete(epoch.epoch)
  }

  // ---- locks

  addLock(name: string): LockEntry {
    const lock = new LockEntry(name, this.production)
    this.locks.set(name, lock)
    return lock
  }

  setMeta(lock: LockEntry, meta: string): void {
    this.metaBytes += utf8Length(meta) - utf8Length(lock.meta)
    lock.meta = meta
  }

  removeLock(lock: LockEntry): void {
    this.metaBytes -= utf8Length(lock.meta)
    this.locks.delete(lock.name)
  }

  /** Appends to the holder's list, which is so in the order of the tokens: the order in which an end releases them. */
  linkHeld(session: Session, lock: LockEntry): void {
    lock.holder = session
    lock.previousHeld = session.lastHeld
    if (session.lastHeld === null) session.firstHeld = lock
    else session.lastHeld.nextHeld = lock
    session.lastHeld = lock
    session.heldCount += 1
  }

  unlinkHeld(session: Session, lock: LockEntry): void {
    if (lock.previousHeld === null) session.firstHeld = lock.nextHeld
    else lock.previousHeld.nextHeld = lock.nextHeld
    if (lock.nextHeld === null) session.lastHeld = lock.previousHeld
    else lock.nextHeld.previousHeld = lock.previousHeld
    lock.previousHeld = null
    lock.nextHeld = null
    lock.holder = null
    session.heldCount -= 1
  }

  linkWaiter(waiter: Waiter): void {
    const { session, lock } = waiter
    lock.queue ??= new WaitQueue()
    lock.queue.push(waiter)
    this.#linkWaitOfSession(session, waiter)
    session.waitCount += 1
    this.waiterCount += 1
    this.metaBytes += utf8Length(waiter.meta)
  }

  /**
   * The highest request first, which mostly is the new one. The order must not depend on the history: the deadlock search
   * follows it, and a restored replica must name the same cycle in its answer as one that applied everything.
   */
  #linkWaitOfSession(session: Session, waiter: Waiter): void {
    let before: Waiter | null = null
    let after = session.firstWait
    while (after !== null && after.request > waiter.request) {
      before = after
      after = after.nextOfSession
    }
    waiter.previousOfSession = before
    waiter.nextOfSession = after
    if (before === null) session.firstWait = waiter
    else before.nextOfSession = waiter
    if (after !== null) after.previousOfSession = waiter
  }

  unlinkWaiter(waiter: Waiter): void {
    const { session, lock } = waiter
    invariant(lock.queue !== null, 'a waiter is in the queue of its lock')
    lock.queue.remove(waiter)
    if (lock.queue.count === 0) lock.queue = null
    if (waiter.previousOfSession === null) session.firstWait = waiter.nextOfSession
    else waiter.previousOfSession.nextOfSession = waiter.nextOfSession
    if (waiter.nextOfSession !== null) waiter.nextOfSession.previousOfSession = waiter.previousOfSession
    waiter.previousOfSession = null
    waiter.nextOfSession = null
    session.waitCount -= 1
    this.waiterCount -= 1
    this.metaBytes -= utf8Length(waiter.meta)
  }
}

export function stateFromGenesis(genesis: Genesis): LockState {
  const state = new LockState()
  state.clusterId = genesis.clusterId
  state.nodeLeaseMs = genesis.nodeLeaseMs
  state.counter = genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND
  for (const member of genesis.members) state.members.set(member.raftId, { ...member, memberUid: '' })
  return state
}

/** What the application of one command works with. */
export interface ApplyContext {
  readonly state: LockState
  /** Appended to in the order in which things happen. */
  readonly effects: Effect[]
  /** Of the entry that is being applied. */
  readonly index: Index
  /** The feature level of this program: the only thing here that nodes may differ in. */
  readonly programLevel: number
}

/** The connection that effects about this session are for; null if no live process has one. */
export function whereOf(session: Session): Where | null {
  const place = session.place
  if (place === null || !place.live) return null
  return { node: place.node, epoch: place.epoch, conn: session.conn }
}
