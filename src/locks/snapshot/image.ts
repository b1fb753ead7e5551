/**
 * Snapshots without a pause (rules.md, Storage): the image is that of the moment of the call, but it is written piece by piece
 * while commands go on being applied. What changes before its turn is written just before it changes (copy on write, one
 * entity at a time); what comes into being later is not part of the image.
 *
 * The stream: records, each after its length in four bytes; a length of 0 is padding. First the header, then what is few and
 * written at once, then stage by stage what is many, and the end record with the count of each stage. All of it is written
 * as the level of that moment has it, though the level may rise meanwhile.
 */

import { ByteWriter, SIZE_BYTES } from '../../bytes/writer.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { invariant } from '../../invariant.js'
import type { SnapshotSource } from '../../raft/ports/store.js'
import { SNAPSHOT_VISITS_PER_CALL } from '../limits.js'
import type { Hold, LockEntry, LockRequest, Session } from '../state/entities.js'
import type { Mark, PastHold, Pin } from '../state/standing.js'
import type { ChangeWatcher, LockState } from '../state/state.js'
import { SetHash } from './hash.js'
import { HoldWalk } from './hold-walk.js'
import { writeHold, writeLock, writeRequest, writeSemaphore } from './lock-records.js'
import { RecordKind, writeEpoch, writeHeader, writeMember, writeNode, writeSession } from './records.js'
import { writeFreeze, writeMark, writePast, writePin } from './standing-records.js'

interface Stamped {
  stamp: number
}

/** The entities of one kind. */
interface Kind<T extends Stamped> {
  readonly count: number
  readonly entities: Iterable<T>
  readonly write: (out: ByteWriter, entity: T) => void
}

/** A stage of whatever kind, for what is the same for all. */
type AnyStage = Pick<Stage<never>, 'count' | 'written' | 'begin'> & {
  next(): Stamped
  keep(entity: never, out: ByteWriter | null): void
}

/** One kind in a production: what is written of it, and what has changed before its turn came. */
class Stage<T extends Stamped> {
  readonly count: number
  written = 0
  /** Null from its turn on. */
  #early: ByteWriter | null = null
  readonly #entities: Iterator<T>
  readonly #write: (out: ByteWriter, entity: T) => void

  constructor({ count, entities, write }: Kind<T>) {
    this.count = count
    this.#entities = entities[Symbol.iterator]()
    this.#write = write
  }

  /** Its turn has come: from now on everything goes to `out`. */
  begin(out: ByteWriter): void {
    if (this.#early !== null) out.raw(this.#early.view())
    this.#early = null
  }

  keep(entity: T, out: ByteWriter | null): void {
    this.written += 1
    this.#early ??= out === null ? new ByteWriter() : null
    const to = out ?? this.#early
    invariant(to !== null, 'what changes is written somewhere')
    sized(to, (sizedOut) => this.#write(sizedOut, entity))
  }

  /** Map iterators see what is added behind them: that has the stamp of this production already. */
  next(): T {
    const { value, done } = this.#entities.next()
    invariant(done !== true, 'every entity of the image is written')
    return value
  }
}

/** One production of a snapshot. Only one at a time, because entities remember only one. */
export class SnapshotImage implements SnapshotSource, ChangeWatcher {
  readonly #state: LockState
  readonly #production: number
  readonly #isBase: boolean
  readonly #sessions: Stage<Session>
  readonly #locks: Stage<LockEntry>
  readonly #holds: Stage<Hold>
  readonly #walk: HoldWalk
  readonly #requests: Stage<LockRequest>
  readonly #marks: Stage<Mark>
  readonly #pins: Stage<Pin>
  readonly #past: Stage<PastHold>
  readonly #stages: readonly AnyStage[]
  /** Which stage is being written; beyond the last: all are. */
  #turn = 0
  #isDone = false
  /** Written and not yet taken, from `#taken` on. */
  readonly #ready = new ByteWriter()
  #taken = 0

  constructor(state: LockState) {
    invariant(state.watcher === null, 'one snapshot is produced at a time')
    this.#state = state
    this.#isBase = state.level === BASE_LEVEL
    const kinds = kindsOf(state)
    this.#sessions = new Stage(kinds.sessions)
    this.#locks = new Stage(kinds.locks)
    this.#holds = new Stage(kinds.holds)
    this.#walk = kinds.holds.entities
    this.#requests = new Stage(kinds.requests)
    this.#marks = new Stage(kinds.marks)
    this.#pins = new Stage(kinds.pins)
    this.#past = new Stage(kinds.past)
    const base = [this.#sessions, this.#locks]
    const more = [this.#holds, this.#requests, this.#marks, this.#pins, this.#past]
    this.#stages = this.#isBase ? base : [...base, ...more]
    state.production += 1
    this.#production = state.production
    state.watcher = this
    writeFew(state, (write) => sized(this.#ready, write))
    this.#stages[0]?.begin(this.#ready)
  }

  next(targetBytes: number): Uint8Array | null {
    for (let visits = 0; visits < SNAPSHOT_VISITS_PER_CALL; visits++) {
      if (this.#isDone || this.#ready.length - this.#taken >= targetBytes) break
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
    this.#keep(this.#sessions, session)
  }

  keepLock(lock: LockEntry): void {
    if (this.#isBase || lock.limit > 0) this.#keep(this.#locks, lock)
  }

  keepHold(hold: Hold): void {
    if (!this.#isBase) this.#keep(this.#holds, hold)
  }

  holdGoes(hold: Hold): void {
    this.#walk.passBy(hold)
  }

  keepRequest(request: LockRequest): void {
    if (!this.#isBase) this.#keep(this.#requests, request)
  }

  keepMark(mark: Mark): void {
    this.#keep(this.#marks, mark)
  }

  keepPin(pin: Pin): void {
    this.#keep(this.#pins, pin)
  }

  pastGoes(past: PastHold): void {
    if (past.stamp < this.#production) this.#keep(this.#past, past)
  }

  /** Before its turn a changed entity waits: a restore needs all sessions before the first lock. */
  #keep<T extends Stamped>(stage: Stage<T>, entity: T): void {
    entity.stamp = this.#production
    const current: unknown = this.#stages[this.#turn]
    stage.keep(entity, current === stage ? this.#ready : null)
  }

  /** Looks at one entity. */
  #visit(): void {
    const stage = this.#stages[this.#turn]
    if (stage === undefined) {
      sized(this.#ready, (out) => this.#writeEnd(out))
      this.#finish()
      return
    }
    if (stage.written === stage.count) {
      this.#turn += 1
      this.#stages[this.#turn]?.begin(this.#ready)
      return
    }
    const entity = stage.next()
    if (entity.stamp >= this.#production) return
    entity.stamp = this.#production
    stage.keep(entity as never, this.#ready)
  }

  #writeEnd(out: ByteWriter): void {
    out.byte(RecordKind.end)
    for (const { count } of this.#stages) out.varint(count)
  }

  #finish(): void {
    if (!this.#isDone && this.#state.watcher === this) this.#state.watcher = null
    this.#isDone = true
  }

  #take(targetBytes: number): Uint8Array | null {
    const ready = this.#ready
    if (this.#taken === ready.length) return this.#isDone ? null : new Uint8Array(SIZE_BYTES)
    const chunk = ready.copyOf(this.#taken, this.#taken + Math.max(1, targetBytes))
    this.#taken += chunk.length
    if (this.#taken === ready.length) {
      ready.clear()
      this.#taken = 0
    }
    return chunk
  }
}

/** Everything that is many, as the state's level writes it. */
function kindsOf(state: LockState) {
  const { level } = state
  const isBase = level === BASE_LEVEL
  return {
    sessions: {
      count: state.sessions.size,
      entities: state.sessions.values(),
      write: (out: ByteWriter, session: Session) => writeSession(out, session, level),
    },
    locks: isBase
      ? { count: state.locks.size, entities: state.locks.values(), write: writeLock }
      : { count: state.semaphores.size, entities: state.semaphores.values(), write: writeSemaphore },
    holds: { count: state.holds.size, entities: new HoldWalk(state.locks.values()), write: writeHold },
    requests: { count: state.requests.size, entities: state.requests.values(), write: writeRequest },
    marks: { count: state.marks.size, entities: state.marks.values(), write: writeMark },
    pins: { count: state.pins.size, entities: state.pins.values(), write: writePin },
    past: { count: state.history.size, entities: state.history.values(), write: writePast },
  }
}

function sized(out: ByteWriter, write: (out: ByteWriter) => void): void {
  const start = out.beginSized()
  write(out)
  out.endSized(start)
}

/** Everything that is few. */
function writeFew(state: LockState, record: (write: (out: ByteWriter) => void) => void): void {
  record((out) => writeHeader(out, state))
  for (const node of state.nodes.values()) record((out) => writeNode(out, node))
  for (const member of state.members.values()) record((out) => writeMember(out, member))
  for (const epoch of state.epochs.values()) record((out) => writeEpoch(out, epoch))
  for (const entry of state.freezes.values()) record((out) => writeFreeze(out, entry))
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
  const { sessions, locks, ...more } = kindsOf(state)
  const addAll = <T extends Stamped>({ entities, write }: Kind<T>): void => {
    for (const entity of entities) add((to) => write(to, entity))
  }
  addAll(sessions)
  addAll(locks)
  if (state.level > BASE_LEVEL) for (const kind of Object.values(more)) addAll(kind as Kind<never>)
  return hash.digest()
}
