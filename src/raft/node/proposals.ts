import type { Clock } from '../../platform.js'
import type { RawNode } from '../core/raw-node.js'
import {
  BUSY_FORWARD_BYTES,
  BUSY_PROPOSALS_BYTES,
  BUSY_UNCOMMITTED_BYTES,
  BUSY_WORD_MS,
  BUSY_WORD_SPACING_MS,
  ENTRY_COMMANDS,
} from '../limits.js'
import { FrameKind, Lane, type Transport } from '../ports/transport.js'
import type { Bounds } from './bounds.js'
import { decodeBatch } from './command-batch.js'
import { CommandQueue } from './command-queue.js'
import { ForwardQueue } from './forward-queue.js'
import type { CommandSink } from './node-api.js'
import type { RaftDriver } from './raft-driver.js'
import type { SnapshotMaker } from './snapshots/snapshot-maker.js'

/** The log that commands go into, once this node has one. */
export interface ProposalsLog {
  readonly raw: Pick<RawNode, 'uncommittedBytes'>
  readonly driver: Pick<RaftDriver, 'schedule' | 'isLeader'>
  readonly maker: Pick<SnapshotMaker, 'isOverdue'>
  /** Null: none is known. */
  leader(): string | null
}

const BUSY = 1

/**
 * The way of commands into the log, here or through the leader elsewhere, and the word `busy` (rules.md, Consensus, Amounts). New
 * work is refused long before the bounds at which commands are dropped: what frees and what keeps must still find room. A
 * leader tells whoever goes on proposing that it is busy, so that clients of other nodes hear it too.
 */
export class Proposals implements CommandSink {
  /** For the next turn of this node, which leads. */
  readonly waiting: CommandQueue
  readonly #forward: ForwardQueue
  /** Null before this node's log runs, and when it has stopped. */
  #log: ProposalsLog | null = null
  #count = 0
  /** The leader that said it is busy, and until when that counts. */
  #busyLeader: string | null = null
  #busyUntilMs = 0
  /** Whom this leader told, and when. */
  readonly #told = new Map<string, number>()

  constructor(
    private readonly clock: Clock,
    private readonly transport: Transport,
    private readonly bounds: Bounds,
  ) {
    this.waiting = new CommandQueue({
      queueBytes: bounds.proposalsBytes,
      batchBytes: bounds.entryBytes,
      batchCommands: ENTRY_COMMANDS,
    })
    this.#forward = new ForwardQueue(clock, (batches) => this.#forwardAll(batches), bounds)
  }

  begin(log: ProposalsLog): void {
    this.#log = log
  }

  stop(): void {
    this.#log = null
  }

  get count(): number {
    return this.#count
  }

  /** Never asks whether this node is busy: that is for new work only, see `isBusy`. */
  propose(command: Uint8Array): boolean {
    const log = this.#log
    if (log === null) return false
    this.#count++
    if (log.driver.isLeader) return this.#proposeHere(log, command)
    return log.leader() !== null && this.#forward.push(command)
  }

  /** False when too much is waiting already. */
  #proposeHere(log: ProposalsLog, command: Uint8Array): boolean {
    if (!this.waiting.push(command)) return false
    log.driver.schedule()
    return true
  }

  /** Releases, ends, renewals and the like are not asked. */
  isBusy(): boolean {
    const log = this.#log
    if (log === null) return false
    if (log.driver.isLeader) return this.#isBusyHere(log)
    const leader = log.leader()
    if (leader === null) return false
    if (leader === this.#busyLeader && this.clock.takerNow() < this.#busyUntilMs) return true
    const waitingBytes = this.#forward.bytes + this.transport.bulkBacklogBytes(leader)
    return waitingBytes >= this.#busyAt(BUSY_FORWARD_BYTES, 'forwardBytes')
  }

  #isBusyHere({ raw, maker }: ProposalsLog): boolean {
    return (
      maker.isOverdue ||
      this.waiting.bytes >= this.#busyAt(BUSY_PROPOSALS_BYTES, 'proposalsBytes') ||
      raw.uncommittedBytes() >= this.#busyAt(BUSY_UNCOMMITTED_BYTES, 'uncommittedBytes')
    )
  }

  /** Small bounds of a test have their marks at half of them. */
  #busyAt(bytes: number, bound: 'forwardBytes' | 'proposalsBytes' | 'uncommittedBytes'): number {
    return Math.min(bytes, this.bounds[bound] / 2)
  }

  /** Commands of a node that does not lead. They were not asked for by it alone: what was taken there is taken here. */
  received(from: string, commands: readonly Uint8Array[]): void {
    const log = this.#log
    if (log === null) return
    for (const command of commands) this.#proposeHere(log, command)
    if (!this.#isBusyHere(log)) return
    const now = this.clock.takerNow()
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
    this.#busyUntilMs = this.clock.takerNow() + BUSY_WORD_MS
  }

  /** Once a tick. */
  tick(): void {
    if (this.#told.size === 0 || (this.#log?.driver.isLeader === true && this.#isBusyHere(this.#log))) return
    for (const nodeId of this.#told.keys()) this.#say(nodeId, 0)
    this.#told.clear()
  }

  #say(nodeId: string, word: number): void {
    this.transport.send(nodeId, Lane.control, FrameKind.busy, [Uint8Array.of(word)])
  }

  /** The leader may have changed meanwhile: then they are proposed here, or lost. */
  #forwardAll(batches: readonly Uint8Array[]): void {
    const log = this.#log
    if (log === null) return
    const leader = log.leader()
    for (const batch of batches) {
      if (log.driver.isLeader) for (const command of decodeBatch(batch)) this.#proposeHere(log, command)
      // What finds no room now is proposed again by whoever waits for it.
      else if (leader === null || !this.transport.send(leader, Lane.bulk, FrameKind.propose, [batch])) return
    }
  }
}
