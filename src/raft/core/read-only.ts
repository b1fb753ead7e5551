import { type JointConfig, jointCommittedIndex } from './quorum/joint.js'
import type { AckedIndex } from './quorum/majority.js'
import { EMPTY_BYTES, type Index, type RaftId } from './types.js'

const CONTEXT_BYTES = 8
const U32_RANGE = 2 ** 32

/** A read and what is needed to answer it once the leader is known to lead still. */
export interface PendingRead {
  /** The member that asked, and gets the answer. */
  readonly from: RaftId
  readonly context: Uint8Array
  /** The commit index when the read arrived: state applied up to there contains every write acknowledged before. */
  readonly index: Index
}

/**
 * Reads that wait for a quorum to confirm the leader (thesis 6.4). They are numbered 1, 2, 3 …; a heartbeat carries the
 * number of the last one, and an answer to it confirms that read and all before it. So a repeated context, a lost
 * heartbeat or an answer that comes late cannot confirm a read that arrived after the heartbeat was sent. The queue ends
 * with the term.
 */
export class ReadOnly {
  readonly #acks = new Map<RaftId, number>()
  readonly #acked: AckedIndex = (id) => this.#acks.get(id)
  #unconfirmed: PendingRead[] = []
  #confirmed = 0

  add(read: PendingRead): void {
    this.#unconfirmed.push(read)
  }

  hasUnconfirmed(): boolean {
    return this.#unconfirmed.length > 0
  }

  /** The number of the last read, as it travels with a heartbeat; empty when no read waits. */
  heartbeatContext(): Uint8Array {
    return this.hasUnconfirmed() ? encodeCounter(this.#last()) : EMPTY_BYTES
  }

  /** A member answered the heartbeat with this context. Bytes that this leader cannot have sent are ignored. */
  receiveAck(from: RaftId, context: Uint8Array): void {
    const counter = decodeCounter(context)
    if (counter === null || counter > this.#last()) return
    this.#acks.set(from, Math.max(this.#acks.get(from) ?? 0, counter))
  }

  /** Takes out the reads that a quorum of `voters` has confirmed, oldest first. */
  takeConfirmed(voters: JointConfig): readonly PendingRead[] {
    const confirmed = Math.min(jointCommittedIndex(voters, this.#acked), this.#last())
    if (confirmed <= this.#confirmed) return []
    const count = confirmed - this.#confirmed
    const reads = this.#unconfirmed.slice(0, count)
    this.#unconfirmed = this.#unconfirmed.slice(count)
    this.#confirmed = confirmed
    return reads
  }

  #last(): number {
    return this.#confirmed + this.#unconfirmed.length
  }
}

function encodeCounter(counter: number): Uint8Array {
  const bytes = new Uint8Array(CONTEXT_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(counter / U32_RANGE))
  view.setUint32(4, counter % U32_RANGE)
  return bytes
}

function decodeCounter(context: Uint8Array): number | null {
  if (context.length !== CONTEXT_BYTES) return null
  const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES)
  return view.getUint32(0) * U32_RANGE + view.getUint32(4)
}
