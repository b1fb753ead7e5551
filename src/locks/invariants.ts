/** What must be true of the lock state between any two entries. For simulator and tests. */

import { utf8Length } from '../bytes/utf8.js'
import { BASE_LEVEL } from '../feature-level.js'
import { invariant } from '../invariant.js'
import { UNACKNOWLEDGED_PER_SESSION_MAX, WAITERS_PER_LOCK_MAX } from './limits.js'
import type { LockEntry, Session, SessionList } from './state/entities.js'
import type { LockState } from './state/state.js'

/** Throws InvariantViolation. Looks at the whole state. */
export function checkInvariants(machine: { inspect(): LockState }): void {
  const state = machine.inspect()
  let waiters = 0
  let metaBytes = 0
  for (const [name, lock] of state.locks) {
    invariant(lock.name === name, () => `lock ${name} is listed under its name`)
    checkLock(state, lock)
    waiters += lock.waiterCount
    metaBytes += utf8Length(lock.meta)
    for (let waiter = lock.queue?.head ?? null; waiter !== null; waiter = waiter.next) {
      metaBytes += utf8Length(waiter.meta)
    }
  }
  invariant(metaBytes === state.metaBytes, () => `${metaBytes} bytes of meta, counted ${state.metaBytes}`)
  invariant(waiters === state.waiterCount, () => `${waiters} waiters, counted ${state.waiterCount}`)
  let held = state.delayed.size
  let resumable = 0
  for (const session of state.sessions.values()) {
    checkSession(state, session)
    held += session.heldCount
    if (!session.classic) resumable += 1
  }
  invariant(resumable === state.resumableCount, () => `${resumable} can be resumed, counted ${state.resumableCount}`)
  // Each listed lock names the session as its holder, so equal sums mean that each held lock is listed by its holder.
  invariant(held === state.locks.size, () => `${state.locks.size} locks, ${held} held or delayed`)
  checkPlaces(state)
  checkLevels(state)
}

function checkLock(state: LockState, lock: LockEntry): void {
  const { name, holder, queue } = lock
  invariant(lock.token > 0 && lock.token <= state.counter, () => `the token of ${name} comes from the counter`)
  invariant(state.delayed.has(lock) === (holder === null), () => `${name} is delayed exactly if nobody holds it`)
  if (holder !== null) {
    invariant(state.sessions.get(holder.id) === holder, () => `the holder of ${name} exists`)
  }
  if (queue === null) return
  let count = 0
  let previous = null
  const asking = new Set<Session>()
  for (let waiter = queue.head; waiter !== null; waiter = waiter.next) {
    const { session } = waiter
    count += 1
    invariant(waiter.previous === previous && waiter.lock === lock, () => `the queue of ${name} is linked both ways`)
    invariant(state.sessions.get(session.id) === session, () => `a waiter of ${name} has a session`)
    invariant(session !== holder && !asking.has(session), () => `a session is at ${name} once`)
    asking.add(session)
    previous = waiter
  }
  invariant(queue.tail === previous && queue.count === count, () => `the queue of ${name} has its end and its count`)
  invariant(count > 0 && count <= WAITERS_PER_LOCK_MAX, () => `the queue of ${name} is neither empty nor too long`)
}

function heldBy(session: Session): LockEntry[] {
  const held: LockEntry[] = []
  for (let lock = session.firstHeld; lock !== null; lock = lock.nextHeld) held.push(lock)
  return held
}

function checkSession(state: LockState, session: Session): void {
  const { id, terms } = session
  invariant(id > 0 && id <= state.counter, () => `session id ${id} comes from the counter`)
  const held = heldBy(session)
  invariant(held.length === session.heldCount, () => `session ${id} counts what it holds`)
  invariant((held.at(-1) ?? null) === session.lastHeld, () => `the list of what session ${id} holds has its end`)
  let token = 0
  for (const lock of held) {
    invariant(lock.holder === session && state.locks.get(lock.name) === lock, () => `session ${id} holds ${lock.name}`)
    invariant(lock.token > token, () => `session ${id} lists its locks in the order of the tokens`)
    token = lock.token
  }
  let waits = 0
  for (let waiter = session.firstWait; waiter !== null; waiter = waiter.nextOfSession) {
    waits += 1
    invariant(waiter.session === session, () => `session ${id} lists its own waits`)
    const { nextOfSession: next } = waiter
    invariant(next === null || next.request < waiter.request, () => `session ${id} lists its waits by request`)
    invariant(state.locks.get(waiter.lock.name) === waiter.lock, () => `session ${id} waits for a lock that exists`)
    invariant(!terms?.answers?.has(waiter.request), () => `session ${id} has no answer to a request that waits`)
  }
  invariant(waits === session.waitCount, () => `session ${id} counts its waits`)
  if (terms === null) {
    const alive = session.place !== null && (session.orphaned || held.length + waits > 0)
    invariant(alive, () => `classic session ${id} is attached and ends with its lock`)
    return
  }
  const stored = terms.answers?.size ?? 0
  invariant(
    stored + waits <= UNACKNOWLEDGED_PER_SESSION_MAX,
    () => `session ${id} has too many unacknowledged requests`,
  )
}

/** That the level only rises is a matter of two states; whoever has both checks it. */
function checkLevels(state: LockState): void {
  invariant(state.level >= BASE_LEVEL, () => `the level is ${state.level}`)
  for (const { epoch, programLevel } of state.epochs.values()) {
    invariant(programLevel >= BASE_LEVEL, () => `epoch ${epoch} is of a program of level ${programLevel}`)
  }
}

function checkPlaces(state: LockState): void {
  let listed = checkList(state, state.detached, null)
  for (const entry of state.epochs.values()) {
    listed += checkList(state, entry.sessions, entry)
    let attachment = 0
    for (const session of entry.sessions) {
      invariant(
        session.attachOrder > attachment,
        () => `epoch ${entry.epoch} lists its sessions in the order of attachment`,
      )
      attachment = session.attachOrder
    }
    const unswept = !entry.live
    invariant(state.unswept.has(entry) === unswept, () => `epoch ${entry.epoch} is unswept exactly if it has ended`)
    invariant(entry.live || entry.sessions.count > 0, () => `an ended epoch is kept only while it has sessions`)
  }
  invariant(listed === state.sessions.size, () => `${listed} sessions have a place, ${state.sessions.size} exist`)
}

function checkList(state: LockState, list: SessionList, place: Session['place']): number {
  let count = 0
  for (const session of list) {
    count += 1
    invariant(session.place === place, () => `session ${session.id} is listed where it is`)
    invariant(state.sessions.get(session.id) === session, () => `session ${session.id} is listed and exists`)
  }
  invariant(count === list.count, 'a list of sessions has its count')
  return count
}
