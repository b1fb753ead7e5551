/**
 * Snapshots without a pause (rules.md, Storage): the image is that of the moment of the call, but it is written piece by piece
 * while commands go on being applied. What changes before its turn is written just before it changes (copy on write, one
 * entity at a time); what comes into being later is not part of the image.
 *
 * The stream: records, each after its length in four bytes; a length of 0 is padding. First the header, then nodes, members
 * and epochs (few, written at once), all sessions, all locks, and the end record with the counts of both.
 */

import { ByteWriter, SIZE_BYTES } from '../../bytes/writer.js'
import { invariant } from '../../invariant.js'
import type { SnapshotSource } from '../../raft/ports/store.js'
import { SNAPSHOT_VISITS_PER_CALL } from '../limits.js'
import type { LockEntry, Session } from '../state/entities.js'
import type { ChangeWatcher, LockState } from '../state/state.js'
import { SetHash } from './hash.js'
import { RecordKind, writeEpoch, writeHeader, writeLock, writeMember, writeNode, writeSession } from './records.js'

/** One production of a snapshot. Only one at a time, because entities remember only one. */
export class SnapshotImage implements SnapshotSource, ChangeWatcher {
  readonly #state: LockState
  readonly #production: number
  readonly #sessions: Iterator<Session>
  readonly #locks: Iterator<LockEntry>
  readonly #sessionCount: number
  readonly #lockCount: number
  #sessionsWritten = 0
  #locksWritten = 0
  #stage: 'sessions' | 'locks' | 'done' = 'sessions'
  /** Written and not yet taken, from `#taken` on. */
  readonly #ready = new ByteWriter()
  #taken = 0
  /** Changed locks wait here while sessions are written: a restore needs all sessions before the first lock. */
  readonly #changedLocks = new ByteWriter()

  constructor(state: LockState) {
    invariant(state.watcher === null, 'one snapshot is produced at a time')
    this.#state = state
    this.#sessions = state.sessions.values()
    this.#locks = state.locks.values()
    this.#sessionCount = state.sessions.size
    this.#lockCount = state.locks.size
    state.production += 1
    this.#production = state.production
    state.watcher = this
    writeFew(state, (write) => sized(this.#ready, write))
  }

  next(targetBytes: number): Uint8Array | null {
    for (let visits = 0; visits < SNAPSHOT_VISITS_PER_CALL; visits++) {
      if (this.#stage === 'done' || this.#ready.length - this.#taken >= targetBytes) break
      this.#visit()
    }
    return this.#take(targetBytes)
  }

  abort(): void {
    this.#finish()
    this.#ready.clear()
    this.#taken = 0
  }

  keepSession(session: Session): void {
    session.stamp = this.#production
    this.#sessionsWritten += 1
    const start = this.#ready.beginSized()
    writeSession(this.#ready, session)
    this.#ready.endSized(start)
  }

  keepLock(lock: LockEntry): void {
    lock.stamp = this.#production
    this.#locksWritten += 1
    const out = this.#stage === 'sessions' ? this.#changedLocks : this.#ready
    const start = out.beginSized()
    writeLock(out, lock)
    out.endSized(start)
  }

  /** Looks at one entity. Map iterators see what is added behind them: that has the stamp of this production already. */
  #visit(): void {
    if (this.#stage === 'sessions') {
      if (this.#sessionsWritten === this.#sessionCount) {
        this.#stage = 'locks'
        this.#ready.raw(this.#changedLocks.view())
        return
      }
      const session = this.#sessions.next().value
      invariant(session !== undefined, 'every session of the image is written')
      if (session.stamp < this.#production) this.keepSession(session)
      return
    }
    if (this.#locksWritten === this.#lockCount) {
      sized(this.#ready, (out) => writeEnd(out, this.#sessionCount, this.#lockCount))
      this.#finish()
      return
    }
    const lock = this.#locks.next().value
    invariant(lock !== undefined, 'every lock of the image is written')
    if (lock.stamp < this.#production) this.keepLock(lock)
  }

  #finish(): void {
    if (this.#stage !== 'done' && this.#state.watcher === this) this.#state.watcher = null
    this.#stage = 'done'
  }

  #take(targetBytes: number): Uint8Array | null {
    const ready = this.#ready
    if (this.#taken === ready.length) return this.#stage === 'done' ? null : new Uint8Array(SIZE_BYTES)
    const chunk = ready.copyOf(this.#taken, this.#taken + Math.max(1, targetBytes))
    this.#taken += chunk.length
    if (this.#taken === ready.length) {
      ready.clear()
      this.#taken = 0
    }
    return chunk
  }
}

function sized(out: ByteWriter, write: (out: ByteWriter) => void): void {
  const start = out.beginSized()
  write(out)
  out.endSized(start)
}

function writeEnd(out: ByteWriter, sessions: number, locks: number): void {
  out.byte(RecordKind.end)
  out.varint(sessions)
  out.varint(locks)
}

/** Everything that is few. */
function writeFew(state: LockState, record: (write: (out: ByteWriter) => void) => void): void {
  record((out) => writeHeader(out, state))
  for (const node of state.nodes.values()) record((out) => writeNode(out, node))
  for (const member of state.members.values()) record((out) => writeMember(out, member))
  for (const epoch of state.epochs.values()) record((out) => writeEpoch(out, epoch))
}

/** The hash of the whole state. Takes a second or so for a million locks: for tests and support, not for serving. */
export function hashState(state: LockState): string {
  const hash = new SetHash()
  const out = new ByteWriter()
  const add = (write: (out: ByteWriter) => void): void => {
    out.clear()
    write(out)
    hash.add(out.view())
  }
  writeFew(state, add)
  for (const session of state.sessions.values()) add(() => writeSession(out, session))
  for (const lock of state.locks.values()) add(() => writeLock(out, lock))
  return hash.digest()
}
