/**
 * The epochs of this node (rules.md rule 1): one after the other a random number is recorded on disk, made current by an applied
 * `NodeUp`, and given up for good when the right to speak under it has lapsed or the cluster has ended it. Then the next begins.
 */
import { encodeCommand } from '../../locks/commands/codec.js'
import { CommandType, type Epoch, type NodeId, type NodeUp } from '../../locks/commands/commands.js'
import type { Clock, Random, Timer } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { olderThan } from '../../raft/ports/older-program.js'
import { REPEAT_PROPOSAL_MS, SIGN_OFF_MAX_MS } from '../limits.js'
import type { ServiceLog } from '../service-log.js'
import type { StateView } from '../state-view.js'
import { type EpochRecord, type EpochRecords, provesDeath } from './epoch-records.js'
import { TwinError } from './twin-error.js'

export interface NodeEpochDeps {
  readonly nodeId: NodeId
  /** HOST:PORT that travels in `NodeUp`. */
  readonly address: string
  /** HOST:PORT of the peer port, or empty: travels there too. */
  readonly peer: string
  /** The feature level of this program: travels there too. */
  readonly programLevel: number
  readonly clock: Clock
  readonly random: Random
  readonly node: NodeApi
  readonly state: StateView
  readonly records: EpochRecords
  readonly log: ServiceLog
  /** The epoch is current from now on; it serves once its first renewal is answered. */
  onBegin(epoch: Epoch): void
  /** The epoch is over: close every connection, at once and without a positive word. */
  onOver(): void
  onFatal(error: Error): void
}

export class NodeEpoch {
  /** Current, applied epoch of this process, or 0. */
  #epoch: Epoch = 0
  /** Recorded, to be made current by NodeUp; 0 while there is none. */
  #candidate: Epoch = 0
  #candidateTimer: Timer | null = null
  #running = false
  #signedOff: (() => void) | null = null
  /** Every epoch that this process made; another one of this node means that a second process runs under its name. */
  readonly #own = new Set<Epoch>()
  /** Own epochs under which every connection is closed. */
  readonly #dead = new Set<Epoch>()
  #wasUp = false
  #earlierRecords: readonly EpochRecord[] = []
  #keptRecords: EpochRecord[] = []
  /** A write of records is under way; the next one follows it, so that an older list cannot overwrite a newer one. */
  #storing = false
  #onceStored: (() => void)[] = []

  constructor(private readonly deps: NodeEpochDeps) {}

  /** 0 while the node has no epoch. */
  get epoch(): Epoch {
    return this.#epoch
  }

  start(): void {
    this.#running = true
    this.deps.records.load().then(
      (records) => {
        this.#earlierRecords = records
        this.#keptRecords = [...records]
        this.#prepareCandidate()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  onLeader(): void {
    this.#proposeCandidate()
  }

  /** The right to speak under this epoch has lapsed, and so the epoch is over. */
  lapsed(): void {
    this.#abandon('the right to speak lapsed')
  }

  nodeUp(node: NodeId, epoch: Epoch): void {
    if (node !== this.deps.nodeId) return
    if (epoch === this.#candidate) this.#begin()
    else this.#meetEpoch(epoch)
  }

  /** The cluster has risen above this program, which must not serve: it would not understand what the others make. */
  nodeTooOld(node: NodeId, epoch: Epoch, needed: number): void {
    const { nodeId, programLevel } = this.deps
    if (node !== nodeId || epoch !== this.#candidate) return
    this.deps.onFatal(olderThan('the cluster', needed, programLevel))
  }

  epochEnded(node: NodeId, epoch: Epoch): void {
    if (node === this.deps.nodeId && epoch === this.#epoch && epoch !== 0) this.#abandon('the cluster ended the epoch')
  }

  /** Rule 9: the state was replaced; effects in between were never told. */
  restored(): void {
    const { state, nodeId } = this.deps
    const current = state.currentEpoch(nodeId)
    if (this.#epoch !== 0 && !state.isLive(nodeId, this.#epoch)) this.#abandon('the cluster ended the epoch')
    if (current === 0 || current === this.#epoch) return
    if (current !== this.#candidate) this.#meetEpoch(current)
    else if (state.isLive(nodeId, current)) this.#begin()
    else this.#prepareCandidate()
  }

  /**
   * Clean stop, after every connection was closed: commits the end of the epoch. Calls `done` when that is applied, or
   * after a bound (then rule 3 ends the epoch).
   */
  signOff(done: () => void): void {
    this.#running = false
    this.#candidate = 0
    this.#candidateTimer?.cancel()
    if (this.#epoch === 0) {
      done()
      return
    }
    const bound = this.deps.clock.after(SIGN_OFF_MAX_MS, () => this.#signedOff?.())
    this.#signedOff = () => {
      bound.cancel()
      this.#signedOff = null
      done()
    }
    this.#proposeEnd(this.#epoch)
  }

  #proposeEnd(epoch: Epoch): void {
    if (this.#signedOff === null) return
    const { node, nodeId, clock, state } = this.deps
    const command = { type: CommandType.nodeDown, node: nodeId, epoch } as const
    if (node.leader() !== null) node.proposals.propose(encodeCommand(command, state.level))
    clock.after(REPEAT_PROPOSAL_MS, () => this.#proposeEnd(epoch))
  }

  // ------------------------------------------------------------------------------------------- epochs (rule 1)

  #prepareCandidate(): void {
    if (!this.#running) return
    const epoch = randomEpoch(this.deps.random)
    const { bootId, lockIdentity } = this.deps.records
    this.#own.add(epoch)
    this.#keptRecords.push({ epoch, bootId, lockIdentity })
    // The record is synced before NodeUp is proposed, or a successor could not prove this epoch's death.
    this.#storeRecords(() => {
      this.#candidate = epoch
      this.#proposeCandidate()
    })
  }

  #proposeCandidate(): void {
    if (this.#candidate === 0 || !this.#running) return
    const { node, state, nodeId, clock } = this.deps
    if (node.leader() !== null) {
      const expected = state.currentEpoch(nodeId)
      node.proposals.propose(encodeCommand(this.#nodeUp(expected), state.level))
    }
    this.#candidateTimer?.cancel()
    this.#candidateTimer = clock.after(REPEAT_PROPOSAL_MS, () => this.#proposeCandidate())
  }

  #nodeUp(expected: Epoch): NodeUp {
    const { nodeId, address, peer, programLevel } = this.deps
    const dead = this.#isDead(expected) ? expected : 0
    return {
      type: CommandType.nodeUp,
      node: nodeId,
      epoch: this.#candidate,
      expected,
      dead,
      address,
      peer,
      programLevel,
    }
  }

  #isDead(epoch: Epoch): boolean {
    return this.#dead.has(epoch) || provesDeath(this.deps.records, this.#earlierRecords, epoch)
  }

  #begin(): void {
    this.#epoch = this.#candidate
    this.#candidate = 0
    this.#candidateTimer?.cancel()
    this.#wasUp = true
    // An epoch of this directory is applied: the records of earlier ones have served.
    this.#keptRecords = this.#keptRecords.filter((record) => record.epoch === this.#epoch)
    this.#storeRecords(() => {})
    this.deps.log('info', 'epoch begun', { epoch: this.#epoch })
    this.deps.onBegin(this.#epoch)
  }

  /** Rule 1: a process that sees an epoch of its node that it did not make itself stops. */
  #meetEpoch(epoch: Epoch): void {
    if (!this.#wasUp || this.#own.has(epoch)) return
    this.deps.onFatal(new TwinError(this.deps.nodeId, epoch))
  }

  #abandon(why: string): void {
    const epoch = this.#epoch
    this.#epoch = 0
    this.deps.onOver()
    this.#dead.add(epoch)
    if (this.#signedOff !== null) {
      this.#signedOff()
      return
    }
    this.deps.log('warn', 'epoch abandoned', { epoch, why })
    this.#prepareCandidate()
  }

  #storeRecords(then: () => void): void {
    this.#onceStored.push(then)
    if (this.#storing) return
    this.#storing = true
    const callbacks = this.#onceStored
    this.#onceStored = []
    this.deps.records.store([...this.#keptRecords]).then(
      () => {
        this.#storing = false
        for (const callback of callbacks) callback()
        const next = this.#onceStored.pop()
        if (next !== undefined) this.#storeRecords(next)
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    this.deps.onFatal(error instanceof Error ? error : new Error(String(error)))
  }
}

/** Uniform in [1, 2^53). */
function randomEpoch(random: Random): Epoch {
  let value = 0
  for (const [at, byte] of random.bytes(7).entries()) value = value * 256 + (at === 0 ? byte & 0x1f : byte)
  return Math.max(1, value)
}
