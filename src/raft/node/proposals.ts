import type { Clock } from '../../platform.js'
import type { RawNode } from '../core/raw-node.js'
import {
  BUSY_FORWARD_BYTES,
  BUSY_PROPOSALS_BYTES,
  BUSY_UNCOMMITTED_BYTES,
  BUSY_WORD_MS,
  BUSY_WORD_SPACING_MS,
} from '../limits.js'
import { FrameKind, Lane, type Transport } from '../ports/transport.js'
import type { Bounds } from './bounds.js'
import { decodeBatch } from './command-batch.js'
import { ForwardQueue } from './forward-queue.js'
import type { RaftDriver } from './raft-driver.js'
import type { SnapshotMaker } from './snapshots/snapshot-maker.js'

export interface ProposalsDeps {
  readonly clock: Clock
  readonly transport: Transport
  readonly raw: Pick<RawNode, 'uncommittedBytes'>
  readonly driver: Pick<RaftDriver, 'propose' | 'proposalBytes' | 'isLeader'>
  readonly maker: Pick<SnapshotMaker, 'isOverdue'>
  readonly bounds: Bounds
  /** Null: none is known. */
  leader(): string | null
}

const BUSY = 1

/**
 * The way of commands into the log, here or through the leader elsewhere, and the word `busy` (rules.md, Consensus, Amounts). New
 * work is refused long before the bounds at which commands are dropped: what frees and what keeps must still find room. A
 * leader tells whoever goes on proposing that it is busy, so that clients of other nodes hear it too.
 */
export class Proposals {
  readonly #forward: ForwardQueue
  /** Commands that were proposed, or sent to a leader. */
  count = 0
  #stopped = false
  /** The leader that said it is busy, and until when that counts. */
  #busyLeader: string | null = null
  #busyUntilMs = 0
  /** Whom this leader told, and when. */
  readonly #told = new Map<string, number>()

  constructor(private readonly deps: ProposalsDeps) {
    this.#forward = new ForwardQueue(deps.clock, (batches) => this.#forwardAll(batches), deps.bounds)
  }

  /** False if nothing was proposed. Never asks whether this node is busy: that is for new work only, see `isBusy`. */
  propose(command: Uint8Array): boolean {
    if (this.#stopped) return false
    this.count++
    if (this.deps.driver.isLeader) return this.deps.driver.propose(command)
    return this.deps.leader() !== null && this.#forward.push(command)
  }

  stop(): void {
    this.#stopped = true
  }

  /** Whether new work is to be refused. Releases, ends, renewals and the like are not asked. */
  isBusy(): boolean {
    const { transport, clock } = this.deps
    if (this.deps.driver.isLeader) return this.#isBusyHere()
    const leader = this.deps.leader()
    if (leader === null) return false
    if (leader === this.#busyLeader && clock.takerNow() < this.#busyUntilMs) return true
    return this.#forward.bytes + transport.bulkBacklogBytes(leader) >= this.#busyAt(BUSY_FORWARD_BYTES, 'forwardBytes')
  }

  #isBusyHere(): boolean {
    const { driver, raw, maker } = this.deps
    return (
      maker.isOverdue ||
      driver.proposalBytes >= this.#busyAt(BUSY_PROPOSALS_BYTES, 'proposalsBytes') ||
      raw.uncommittedBytes() >= this.#busyAt(BUSY_UNCOMMITTED_BYTES, 'uncommittedBytes')
    )
  }

  /** Small bounds of a test have their marks at half of them. */
  #busyAt(bytes: number, bound: 'forwardBytes' | 'proposalsBytes' | 'uncommittedBytes'): number {
    return Math.min(bytes, this.deps.bounds[bound] / 2)
  }

  /** Commands of a node that does not lead. They were not asked for by it alone: what was taken there is taken here. */
  received(from: string, commands: readonly Uint8Array[]): void {
    for (const command of commands) this.deps.driver.propose(command)
    if (!this.#isBusyHere()) return
    const now = this.deps.clock.takerNow()
    if (now - (this.#told.get(from) ?? Number.NEGATIVE_INFINITY) < BUSY_WORD_SPACING_MS) return
    this.#told.set(from, now)
    this.#say(from, BUSY)
  }

  /** The leader's word: 1 that it is busy, 0 that it is so no longer. */
  receivedWord(from: string, payload: Uint8Array): void {
    if (payload[0] !== BUSY) {
      if (this.#busyLeader === from) this.#busyLeader = null
      return
    }
    this.#busyLeader = from
    this.#busyUntilMs = this.deps.clock.takerNow() + BUSY_WORD_MS
  }

  /** Once a tick. */
  tick(): void {
    if (this.#told.size === 0 || (this.deps.driver.isLeader && this.#isBusyHere())) return
    for (const nodeId of this.#told.keys()) this.#say(nodeId, 0)
    this.#told.clear()
  }

  #say(nodeId: string, word: number): void {
    this.deps.transport.send(nodeId, Lane.control, FrameKind.busy, [Uint8Array.of(word)])
  }

  /** The leader may have changed meanwhile: then they are proposed here, or lost. */
  #forwardAll(batches: readonly Uint8Array[]): void {
    const leader = this.deps.leader()
    for (const batch of batches) {
      if (this.deps.driver.isLeader) decodeBatch(batch, (command) => void this.deps.driver.propose(command))
      // What finds no room now is proposed again by whoever waits for it.
      else if (leader === null || !this.deps.transport.send(leader, Lane.bulk, FrameKind.propose, [batch])) return
    }
  }
}
