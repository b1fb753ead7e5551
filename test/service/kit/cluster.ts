/**
 * A whole cluster in virtual time, without disks, sockets or Raft: real services over real lock machines, fed from one list of
 * committed entries. What Raft promises is modelled (a leader per term, proposals that are dropped, late or doubled);
 * pauses, clock rates and broken links are not spared anyone.
 */
import type { Genesis } from '../../../src/locks/machine.js'
import type { Term } from '../../../src/raft/core/types.js'
import { AccessControl } from '../../../src/service/access/access-control.js'
import { type Audit, NO_AUDIT } from '../../../src/service/access/audit.js'
import { openPolicy } from '../../../src/service/access/open-policy.js'
import type { LockServiceOptions } from '../../../src/service/lock-service.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { FakeNode } from './node.js'
import { World } from './world.js'

export interface Faults {
  /** Chances of each proposal to be lost, and to be applied once more later. */
  drop: number
  double: number
  /** Longest time until a proposal is committed, and until a committed entry is applied by a node. */
  commitMs: number
  applyMs: number
  /** Longest time until a renewal or its answer arrives. */
  peerMs: number
}

export interface ClusterOptions {
  readonly nodes?: number
  readonly leaseMs?: number
  /** The policy of all nodes, and where they write down what it refused. */
  readonly access?: AccessControl
  readonly audit?: Audit
  readonly seed?: number
  readonly service?: Partial<LockServiceOptions>
  /** Nobody may administer. */
  readonly isAdminOff?: boolean
  /** How fast each node's clock runs. */
  readonly rates?: readonly number[]
  readonly faults?: Partial<Faults>
}

const NO_FAULTS: Faults = { drop: 0, double: 0, commitMs: 1, applyMs: 1, peerMs: 5 }
export const ELECTION_MS = 400

export class Cluster {
  readonly world = new World()
  readonly random: SeededRandom
  readonly nodes: FakeNode[]
  readonly faults: Faults
  readonly options: ClusterOptions
  /** Who may what at every node, and where it is written down. */
  readonly doors: { readonly access: AccessControl; readonly audit: Audit }
  readonly genesis: Genesis
  /** Committed entries; null stands for a leader's first, empty one. */
  readonly log: { readonly term: Term; readonly command: Uint8Array | null }[] = []
  leader: FakeNode | null = null
  /** What every node says of itself. */
  isBusy = false
  term: Term = 0

  constructor(options: ClusterOptions = {}) {
    this.options = options
    const { isAdminOff, service } = options
    const asToday = openPolicy(isAdminOff === true ? 'nowhere' : 'this machine', service?.allowShutdown ?? false)
    this.doors = { access: options.access ?? new AccessControl(asToday), audit: options.audit ?? NO_AUDIT }
    this.random = new SeededRandom(options.seed ?? 1)
    this.faults = { ...NO_FAULTS, ...options.faults }
    const names = Array.from({ length: options.nodes ?? 3 }, (_, at) => `n${at + 1}`)
    this.genesis = {
      clusterId: 'c1',
      nodeLeaseMs: options.leaseMs ?? 10_000,
      createdUnixSeconds: 1,
      members: names.map((nodeId, at) => ({ raftId: at + 1, nodeId, peerAddress: `${nodeId}:1` })),
    }
    this.nodes = names.map((name, at) => new FakeNode(this, name, at + 1, options.rates?.[at] ?? 1))
  }

  node(at: number): FakeNode {
    const node = this.nodes[at]
    if (node === undefined) throw new Error(`no node ${at}`)
    return node
  }

  /** Starts all nodes, lets the first lead and waits until all serve. */
  start(): void {
    for (const node of this.nodes) node.boot()
    this.elect(this.node(0))
    this.world.until(() => this.nodes.every((node) => node.service.stats().speakRemainingMs > 0))
  }

  elect(node: FakeNode | null): void {
    const former = this.leader
    this.leader = node
    this.term++
    if (former !== null && former !== node) former.deposedIn(this.random.int(ELECTION_MS))
    if (node === null) return
    const { term } = this
    for (const each of this.nodes) each.learnLeader(node, term)
    this.commit(null, term)
  }

  hasQuorum(): boolean {
    return 2 * this.nodes.filter((node) => node.isReachable()).length > this.nodes.length
  }

  commit(command: Uint8Array | null, term: Term): void {
    this.log.push({ term, command })
    for (const node of this.nodes) node.applySoon(this.random.int(this.faults.applyMs) + 1)
  }

  /** What a node proposes takes effect if the leader in office can commit it. */
  propose(from: FakeNode, command: Uint8Array): boolean {
    const { believedLeader } = from
    if (believedLeader === null) return false
    const { term } = this
    const copies = this.random.chance(this.faults.double) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.random.chance(this.faults.drop)) continue
      const delayMs = this.random.int(this.faults.commitMs * (copy === 0 ? 1 : 20)) + 1
      this.world.after(delayMs, null, () => this.#arrive(from, believedLeader, command, term, copy > 0))
    }
    return true
  }

  #arrive(from: FakeNode, leader: FakeNode, command: Uint8Array, term: Term, late: boolean): void {
    if (leader !== this.leader || !leader.isReachable() || !this.hasQuorum()) return
    // A leader's own proposals stay within its term; those of others may arrive late.
    if (from === leader && (term !== this.term || late)) return
    if (from !== leader && !late && !from.isReachable()) return
    this.commit(command, this.term)
  }
}
