/**
 * Builds a whole new state from a snapshot stream, beside the present one, and replaces that at the end: nothing is
 * merged, so that nothing deleted can come back (mutant M48). A stream that is not complete and consistent throws FormatError.
 */

import { ByteReader } from '../../bytes/reader.js'
import { SIZE_BYTES } from '../../bytes/writer.js'
import { BASE_LEVEL } from '../../feature-level.js'
import type { SnapshotRestorer } from '../../raft/ports/state-machine.js'
import { SNAPSHOT_RECORD_MAX_BYTES } from '../limits.js'
import { comesBefore, type EpochEntry } from '../state/entities.js'
import type { PastHold } from '../state/standing.js'
import { LockState } from '../state/state.js'
import { recountFits } from '../table/fit.js'
import { type ReadLocks, readHold, readLock, readRequest, readSemaphore } from './lock-records.js'
import { RecordKind, readEpoch, readHeader, readMember, readNode, readSession } from './records.js'
import { readFreeze, readMark, readPast, readPin } from './standing-records.js'

const WHAT = 'snapshot'
const NOTHING = new Uint8Array(0)

export class SnapshotReplacement implements SnapshotRestorer {
  readonly #programLevel: number
  readonly #install: (state: LockState) => void
  readonly #state = new LockState()
  /** The start of a record whose end is in a later chunk. */
  #rest: Uint8Array = NOTHING
  #lastKind = 0
  readonly #read: ReadLocks = { holds: [], requests: [] }
  readonly #past: PastHold[] = []

  constructor(programLevel: number, install: (state: LockState) => void) {
    this.#programLevel = programLevel
    this.#install = install
  }

  /** Chunks may be cut anywhere. */
  push(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : concatenate(this.#rest, chunk)
    let at = 0
    while (at + SIZE_BYTES <= bytes.length) {
      const start = at + SIZE_BYTES
      const end = start + sizeAt(bytes, at)
      if (end > bytes.length) break
      if (end > start) this.#readRecord(new ByteReader(bytes, WHAT, start, end))
      at = end
    }
    this.#rest = bytes.slice(at)
  }

  end(): void {
    if (this.#lastKind !== RecordKind.end || this.#rest.length > 0) {
      new ByteReader(this.#rest, WHAT).fail('the stream ends before the end record')
    }
    this.#assemble()
  }

  finish(): void {
    for (const epoch of this.#state.epochs.values()) {
      if (!epoch.live) this.#state.unswept.add(epoch)
      orderSessions(epoch)
    }
    this.#install(this.#state)
  }

  /** Puts what was read into the lists, in their order: the stream has another one where something changed meanwhile. */
  #assemble(): void {
    const state = this.#state
    const { holds, requests } = this.#read
    holds.sort((a, b) => a.hold.token - b.hold.token)
    for (const { hold, session } of holds) {
      if (hold.lock.holdUnder(hold.token) !== null)
        new ByteReader(NOTHING, WHAT).fail(`token ${hold.token} comes twice`)
      state.addHold(hold, session)
    }
    // Under level 1 requests have no numbers, and each queue came in its order.
    if (state.level > BASE_LEVEL) requests.sort((a, b) => (comesBefore(a, b) ? -1 : 1))
    for (const request of requests) state.addRequest(request)
    for (const lock of state.locks.values()) {
      if (lock.isEmpty) new ByteReader(NOTHING, WHAT).fail(`nobody has ${lock.name} or waits for it`)
      recountFits(state, lock)
    }
    this.#past.sort((a, b) => a.number - b.number)
    for (const past of this.#past) state.history.add(past)
  }

  #readRecord(input: ByteReader): void {
    const kind = input.byte()
    if (this.#lastKind === 0 && kind !== RecordKind.header) input.fail('the stream does not begin with a header')
    if (kind < this.#lastKind || this.#lastKind === RecordKind.end)
      input.fail(`a record of kind ${kind} out of its place`)
    this.#lastKind = kind
    this.#readBody(kind, input)
    input.end()
  }

  #readBody(kind: number, input: ByteReader): void {
    const state = this.#state
    switch (kind) {
      case RecordKind.header:
        readHeader(input, state, this.#programLevel)
        break
      case RecordKind.node: {
        const node = readNode(input)
        state.nodes.set(node.id, node)
        break
      }
      case RecordKind.member: {
        const member = readMember(input)
        state.members.set(member.raftId, member)
        break
      }
      case RecordKind.epoch: {
        const epoch = readEpoch(input)
        state.epochs.set(epoch.epoch, epoch)
        break
      }
      case RecordKind.session:
        readSession(input, state)
        break
      case RecordKind.end:
        for (const count of this.#counts()) {
          if (input.varint() !== count) input.fail('the counts of the end record do not match')
        }
        break
      default:
        if (state.level === BASE_LEVEL && kind === RecordKind.lock) readLock(input, state, this.#read)
        else if (state.level > BASE_LEVEL) this.#readOfService(kind, input)
        else input.fail(`record kind ${kind} is unknown`)
    }
  }

  #readOfService(kind: number, input: ByteReader): void {
    const state = this.#state
    switch (kind) {
      case RecordKind.freeze: {
        const entry = readFreeze(input)
        state.freezes.set(entry.prefix, entry)
        break
      }
      case RecordKind.semaphore:
        readSemaphore(input, state)
        break
      case RecordKind.hold:
        readHold(input, state, this.#read)
        break
      case RecordKind.request:
        readRequest(input, state, this.#read)
        break
      case RecordKind.mark: {
        const mark = readMark(input)
        state.marks.set(mark.key, mark)
        break
      }
      case RecordKind.pin: {
        const pin = readPin(input)
        state.pins.set(pin.name, pin)
        break
      }
      case RecordKind.past:
        this.#past.push(readPast(input))
        break
      default:
        input.fail(`record kind ${kind} is unknown`)
    }
  }

  /** What the end record says. */
  #counts(): number[] {
    const { sessions, locks, semaphores, marks, pins, level } = this.#state
    const { holds, requests } = this.#read
    if (level === BASE_LEVEL) return [sessions.size, locks.size]
    return [sessions.size, semaphores.size, holds.length, requests.length, marks.size, pins.size, this.#past.length]
  }
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** Length of the record that begins at `at`. */
function sizeAt(bytes: Uint8Array, at: number): number {
  let size = 0
  for (let i = SIZE_BYTES - 1; i >= 0; i--) size = size * 256 + (bytes[at + i] ?? 0)
  if (size > SNAPSHOT_RECORD_MAX_BYTES) new ByteReader(bytes, WHAT, at).fail(`a record of ${size} bytes`)
  return size
}

/** Sessions are swept in the order of their attachment; the stream has them in another if some changed meanwhile. */
function orderSessions(epoch: EpochEntry): void {
  const list = epoch.sessions
  let ordered = true
  for (let s = list.head; s?.next && ordered; s = s.next) ordered = s.attachOrder < s.next.attachOrder
  if (ordered) return
  const sessions = [...list].sort((a, b) => a.attachOrder - b.attachOrder)
  for (const session of sessions) list.remove(session)
  for (const session of sessions) list.push(session)
}
