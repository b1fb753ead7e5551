/**
 * Builds a whole new state from a snapshot stream, beside the present one, and replaces that at the end: nothing is
 * merged, so that nothing deleted can come back (mutant M48). A stream that is not complete and consistent throws FormatError.
 */

import { ByteReader } from '../../bytes/reader.js'
import { SIZE_BYTES } from '../../bytes/writer.js'
import type { SnapshotRestorer } from '../../raft/ports/state-machine.js'
import { SNAPSHOT_RECORD_MAX_BYTES } from '../limits.js'
import type { EpochEntry, LockEntry, Session } from '../state/entities.js'
import { LockState } from '../state/state.js'
import { RecordKind, readEpoch, readHeader, readLock, readMember, readNode, readSession } from './records.js'

const WHAT = 'snapshot'
const NOTHING = new Uint8Array(0)

export class SnapshotReplacement implements SnapshotRestorer {
  readonly #programLevel: number
  readonly #install: (state: LockState) => void
  readonly #state = new LockState()
  /** The start of a record whose end is in a later chunk. */
  #rest: Uint8Array = NOTHING
  #lastKind = 0

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
  }

  finish(): void {
    for (const epoch of this.#state.epochs.values()) {
      if (!epoch.live) this.#state.unswept.add(epoch)
      orderSessions(epoch)
    }
    for (const session of this.#state.sessions.values()) orderHeld(this.#state, session)
    this.#install(this.#state)
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
      case RecordKind.lock:
        readLock(input, state)
        break
      case RecordKind.end:
        if (input.varint() !== state.sessions.size || input.varint() !== state.locks.size) {
          input.fail('the counts of the end record do not match')
        }
        break
      default:
        input.fail(`record kind ${kind} is unknown`)
    }
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

/** An ending session releases in the order of the tokens. */
function orderHeld(state: LockState, session: Session): void {
  let ordered = true
  for (let lock = session.firstHeld; lock?.nextHeld && ordered; lock = lock.nextHeld) {
    ordered = lock.token < lock.nextHeld.token
  }
  if (ordered) return
  const held: LockEntry[] = []
  for (let lock = session.firstHeld; lock !== null; lock = lock.nextHeld) held.push(lock)
  held.sort((a, b) => a.token - b.token)
  for (const lock of held) state.unlinkHeld(session, lock)
  for (const lock of held) state.linkHeld(session, lock)
}
