/**
 * The replicated state: the entities, their indexes, and the few operations that keep both in step. Whoever changes what
 * a snapshot record contains of an entity says so *before* the change (`sessionChanges`, `holdChanges` …), so that a
 * snapshot in production can still write it as it was (rules.md, Storage).
 */
import { utf8Length } from '../../bytes/utf8.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { invariant } from '../../invariant.js'
import type { Index } from '../../raft/core/types.js'
import type { Epoch, NodeId, SessionId } from '../commands/commands.js'
import type { Effect, Where } from '../effects.js'
import { GRANTS_PER_ENTRY_MAX } from '../limits.js'
import { AllHolds } from './all-holds.js'
import { DueHeap } from './due-heap.js'
import {
  type EpochEntry,
  type Hold,
  LockEntry,
  type LockRequest,
  type Member,
  type NodeEntry,
  type Place,
  Session,
} from './entities.js'
import { History } from './history.js'
import { LinkedList, WaitQueue } from './lists.js'
import type { FreezeEntry, Mark, PastHold, Pin } from './standing.js'
import type { SessionTerms } from './terms.js'

/** A snapshot in production: it wants to see entities once more before they change. */
export interface ChangeWatcher {
  keepSession(session: Session): void
  /** Its limit; for a snapshot of level 1 also who holds it and who waits. */
  keepLock(lock: LockEntry): void
  keepHold(hold: Hold): void
  /** They leave their lists, whether or not they were written. */
  holdGoes(hold: Hold): void
  pastGoes(past: PastHold): void
  keepRequest(request: LockRequest): void
  keepMark(mark: Mark): void
  keepPin(pin: Pin): void
}

export class LockState {
  clusterId = ''
  nodeLeaseMs = 0
  /** The last session id, token or request number that was given out. */
  counter = 0
  /** The wall time of the last command that had one; under level 1 the largest of them. For display only. */
  wallMs = 0
  /** The cluster's feature level: what of commands, fields and records may be used. Only rises. */
  level = BASE_LEVEL
  /** The operator wants the level to stay. */
  isLevelHeld = false
  readonly nodes = new Map<NodeId, NodeEntry>()
  readonly epochs = new Map<Epoch, EpochEntry>()
  readonly members = new Map<number, Member>()
  readonly sessions = new Map<SessionId, Session>()
  readonly requests = new Set<LockRequest>()
  readonly marks = new Map<string, Mark>()
  readonly pins = new Map<string, Pin>()
  /** By prefix. Few. */
  readonly freezes = new Map<string, FreezeEntry>()
  readonly history = new History((past) => this.watcher?.pastGoes(past))

  // Indexes: derived from the entities above. (Of a lock its limit is not derived.)
  readonly locks = new Map<string, LockEntry>()
  readonly holds = new AllHolds(this.locks)
  readonly semaphores = new Map<string, LockEntry>()
  readonly detached = new LinkedList<Session>()
  /** Ended epochs that still have sessions. Few, and swept in ascending order so that all nodes sweep alike. */
  readonly unswept = new Set<EpochEntry>()
  /** Locks that somebody waits for. */
  readonly contended = new Set<LockEntry>()
  /** Requests that ask for more than one name. */
  readonly several = new Set<LockRequest>()
  /** Requests that fit everywhere and were not granted yet, some of them frozen or gone meanwhile. */
  readonly due = new DueHeap()
  /** Tails, and holds with a time that the leader counts. */
  readonly timed = new Set<Hold>()
  /** Holds that were lost and that a client may still believe in. */
  readonly ending = new Set<Hold>()
  /** Requests that fit everywhere and are frozen. */
  readonly frozenDue = new Set<LockRequest>()
  placeCount = 0
  tailCount = 0
  /** Of the session dialect: those that can be left behind. */
  resumableCount = 0
  /** Of all `meta`, once for each hold, tail and place. */
  metaBytes = 0
  /** Holds, tails and places that are tails, can leave one, or are loose. */
  tailableCount = 0
  /** Done-marks that holds and places may set. */
  reservedMarkCount = 0

  /**
   * While sessions of ended epochs are left: locks in whose queues none of them waits any more, and that none of them holds.
   * So a crowded lock is searched for them once, and not again with each session that is swept.
   */
  readonly withoutOrphans = new Set<LockEntry>()
  readonly settled = new Set<LockEntry>()
  /** Classic sessions that a command has left with nothing, their own or another's; they end with it. */
  idle: Session[] = []
  /** Of the entry that is being applied: how many of those that waited may still be granted. */
  grantsLeft = GRANTS_PER_ENTRY_MAX
  /** Of the entry that is being applied. */
  eventCount = 0

  /** Number of the last snapshot production; entities with a lower stamp belong into it and are not written yet. */
  production = 0
  watcher: ChangeWatcher | null = null

  /** The next session id, token or request number: greater than all before, and at least the index of the entry (rules.md). */
  draw(index: Index): number {
    this.counter = Math.max(this.counter + 1, index)
    return this.counter
  }

  /** Of a command; 0 if it has none. Under level 1 the largest counts, as it did. */
  sawWallTime(wallMs: number): void {
    if (this.level === BASE_LEVEL) this.wallMs = Math.max(this.wallMs, wallMs)
    else if (wallMs > 0) this.wallMs = wallMs
  }

  // ---- before something changes

  sessionChanges(session: Session): void {
    if (this.watcher !== null && session.stamp < this.production) this.watcher.keepSession(session)
  }

  lockChanges(lock: LockEntry): void {
    if (this.watcher !== null && lock.stamp < this.production) this.watcher.keepLock(lock)
  }

  holdChanges(hold: Hold): void {
    if (this.watcher === null) return
    this.lockChanges(hold.lock)
    if (hold.stamp < this.production) this.watcher.keepHold(hold)
  }

  requestChanges(request: LockRequest): void {
    if (this.watcher === null) return
    for (const { lock } of request.places) this.lockChanges(lock)
    if (request.stamp < this.production) this.watcher.keepRequest(request)
  }

  // ---- sessions

  addSession(id: SessionId, clientId: string, conn: number, terms: SessionTerms | null): Session {
    const session = new Session(id, clientId, conn, terms, this.production)
    this.sessions.set(id, session)
    if (terms !== null) this.resumableCount += 1
    return session
  }

  removeSession(session: Session): void {
    invariant(session.heldCount === 0 && session.placeCount === 0, 'a session that ends has left all locks and queues')
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

  /** The epoch has ended, and has sessions. */
  leaveUnswept(epoch: EpochEntry): void {
    this.unswept.add(epoch)
    this.withoutOrphans.clear()
    this.settled.clear()
  }

  forgetEpoch(epoch: EpochEntry): void {
    if (this.unswept.delete(epoch) && this.unswept.size === 0) {
      this.withoutOrphans.clear()
      this.settled.clear()
    }
    this.epochs.delete(epoch.epoch)
  }

  // ---- locks

  /** The entry of the name; `limit` says what it becomes if nobody has it or waits for it. */
  lockNamed(name: string, limit: number): LockEntry {
    const known = this.locks.get(name)
    if (known !== undefined) return known
    const lock = new LockEntry(name, this.production)
    this.locks.set(name, lock)
    this.setLimit(lock, limit)
    return lock
  }

  setLimit(lock: LockEntry, limit: number): void {
    if (limit === lock.limit) return
    this.lockChanges(lock)
    lock.limit = limit
    this.semaphores.set(lock.name, lock)
  }

  forgetIfEmpty(lock: LockEntry): void {
    if (!lock.isEmpty) return
    this.lockChanges(lock)
    this.locks.delete(lock.name)
    if (lock.limit > 0) this.semaphores.delete(lock.name)
  }

  // ---- holds

  /** The hold has the highest token, so that it is the last in both lists. */
  addHold(hold: Hold, session: Session | null): void {
    const { lock } = hold
    this.lockChanges(lock)
    lock.addHold(hold)
    this.holds.size += 1
    this.#count(hold, 1)
    if (session !== null) this.#linkToSession(hold, session)
  }

  removeHold(hold: Hold): void {
    this.holdChanges(hold)
    this.unbind(hold)
    const { lock } = hold
    this.watcher?.holdGoes(hold)
    lock.removeHold(hold)
    this.holds.size -= 1
    this.#count(hold, -1)
  }

  #count(hold: Hold, sign: 1 | -1): void {
    const { meta, terms, phase } = hold
    if (meta !== '') this.metaBytes += sign * utf8Length(meta)
    if (phase === 'forced' || phase === 'ttl') put(this.ending, hold, sign)
    if (phase === 'tail') this.tailCount += sign
    if (terms === null && phase !== 'tail') return
    if (phase === 'tail' || terms?.canBeTail === true) this.tailableCount += sign
    if (terms !== null && terms.once !== '') this.reservedMarkCount += sign
    if (phase === 'tail' || terms?.isCounted === true) put(this.timed, hold, sign)
  }

  /** Runs `change` on what decides how the hold is counted: its terms and its phase. */
  recount(hold: Hold, change: () => void): void {
    this.holdChanges(hold)
    this.#count(hold, -1)
    change()
    this.#count(hold, 1)
  }

  #linkToSession(hold: Hold, session: Session): void {
    hold.session = session
    hold.previousOfSession = session.lastHeld
    if (session.lastHeld === null) session.firstHeld = hold
    else session.lastHeld.nextOfSession = hold
    session.lastHeld = hold
    session.heldCount += 1
  }

  /** The hold belongs to no session any longer. Its holder called `holdChanges`. */
  unbind(hold: Hold): void {
    const { session } = hold
    if (session === null) return
    if (hold.previousOfSession === null) session.firstHeld = hold.nextOfSession
    else hold.previousOfSession.nextOfSession = hold.nextOfSession
    if (hold.nextOfSession === null) session.lastHeld = hold.previousOfSession
    else hold.nextOfSession.previousOfSession = hold.previousOfSession
    hold.previousOfSession = null
    hold.nextOfSession = null
    hold.session = null
    session.heldCount -= 1
    this.noteIfIdle(session)
  }

  // ---- requests that wait

  /** Its places are made, and stand in no queue yet. It has the highest number. */
  addRequest(request: LockRequest): void {
    for (const place of request.places) this.#enqueue(place)
    request.unfit = request.places.length
    this.requests.add(request)
    if (request.places.length > 1) this.several.add(request)
    this.#linkRequest(request.session, request)
    this.#countPlaces(request, 1)
  }

  #enqueue(place: Place): void {
    const { lock } = place
    this.lockChanges(lock)
    lock.queue ??= new WaitQueue<Place>()
    lock.queue.push(place)
    this.contended.add(lock)
  }

  /** Its places have left their queues (`dequeue`). */
  removeRequest(request: LockRequest): void {
    const { session } = request
    request.hasEnded = true
    this.requests.delete(request)
    this.several.delete(request)
    this.frozenDue.delete(request)
    if (request.previousOfSession === null) session.firstWaiting = request.nextOfSession
    else request.previousOfSession.nextOfSession = request.nextOfSession
    if (request.nextOfSession !== null) request.nextOfSession.previousOfSession = request.previousOfSession
    request.previousOfSession = null
    request.nextOfSession = null
    this.#countPlaces(request, -1)
    this.noteIfIdle(session)
  }

  /** A classic session with nothing left is ended after the command. */
  noteIfIdle(session: Session): void {
    if (session.isIdle) this.idle.push(session)
  }

  dequeue(place: Place): void {
    const { queue } = place.lock
    invariant(queue !== null, 'a place is in the queue of its lock')
    queue.remove(place)
    if (queue.count > 0) return
    place.lock.queue = null
    this.contended.delete(place.lock)
  }

  #countPlaces({ session, places, meta, terms }: LockRequest, sign: 1 | -1): void {
    const count = sign * places.length
    session.placeCount += count
    this.placeCount += count
    if (meta !== '') this.metaBytes += count * utf8Length(meta)
    if (terms === null) return
    if (terms.canBeTail) this.tailableCount += count
    if (terms.once !== '') this.reservedMarkCount += count
  }

  /**
   * The highest request first, which mostly is the new one. The order must not depend on the history: the deadlock search
   * follows it, and a restored replica must name the same cycle in its answer as one that applied everything.
   */
  #linkRequest(session: Session, request: LockRequest): void {
    let before: LockRequest | null = null
    let after = session.firstWaiting
    while (after !== null && after.request > request.request) {
      before = after
      after = after.nextOfSession
    }
    request.previousOfSession = before
    request.nextOfSession = after
    if (before === null) session.firstWaiting = request
    else before.nextOfSession = request
    if (after !== null) after.previousOfSession = request
  }
}

function put<T>(set: Set<T>, item: T, sign: 1 | -1): void {
  if (sign > 0) set.add(item)
  else set.delete(item)
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
