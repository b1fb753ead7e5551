import { pack, unpack } from 'msgpackr'
import type { Bounds } from '../../../src/raft/node/bounds.js'
import type { Member } from '../../../src/raft/node/membership/peer-verdict.js'
import { RaftNode } from '../../../src/raft/node/raft-node.js'
import type { SnapshotRestorer, StateMachine } from '../../../src/raft/ports/state-machine.js'
import type { Identity, SnapshotSource } from '../../../src/raft/ports/store.js'
import type { Peer } from '../../../src/raft/ports/transport.js'
import type { BootstrapRecord } from '../../../src/raft/wire/control-messages.js'
import { exitStatusOf } from '../../../src/server/exit-status.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { asIs } from '../../kit/looks-first.js'
import { settle } from '../../kit/settle.js'
import { FakeNetwork } from './fake-network.js'
import { FakeDisk, FakeStore } from './fake-store.js'

interface State {
  clusterId: string
  words: string[]
  members: Member[]
}

/** Remembers every word it was told, and who the members are. */
class WordMachine implements StateMachine {
  state: State = { clusterId: '', words: [], members: [] }
  onMembers: () => void = () => undefined

  applyCommand(_index: number, command: Uint8Array): void {
    const word = new TextDecoder().decode(command)
    const [verb, raftId, memberUid = ''] = word.split(' ')
    if (verb !== 'claim') {
      this.state.words.push(word)
      return
    }
    this.state.members = this.state.members.map((member) =>
      member.raftId === Number(raftId) && member.memberUid === null ? { ...member, memberUid } : member,
    )
    this.onMembers()
  }
  endEntry(): void {}
  applyMembership(
    _index: number,
    confState: { voters: readonly number[]; learners: readonly number[] },
    _changes: unknown,
    context: Uint8Array,
  ): void {
    if (context.length > 0) this.state.members.push(unpack(context) as Member)
    const ids = [...confState.voters, ...confState.learners]
    this.state.members = this.state.members.filter((member) => ids.includes(member.raftId))
    this.onMembers()
  }
  snapshot(): SnapshotSource {
    return sourceOf(this.state)
  }
  beginRestore(): SnapshotRestorer {
    const chunks: Uint8Array[] = []
    return {
      push: (chunk) => void chunks.push(chunk),
      end: () => undefined,
      finish: () => {
        this.state = unpack(Buffer.concat(chunks)) as State
        this.onMembers()
      },
    }
  }
  stateHash(): string {
    return JSON.stringify(this.state)
  }
}

function sourceOf(state: State): SnapshotSource {
  const bytes = pack(state)
  let offset = 0
  return {
    next: (targetBytes) => {
      if (offset >= bytes.length) return null
      const chunk = bytes.subarray(offset, offset + targetBytes)
      offset += chunk.length
      return chunk
    },
    abort: () => undefined,
  }
}

export interface TestNode {
  readonly nodeId: string
  readonly node: RaftNode
  readonly machine: WordMachine
  readonly store: FakeStore
  readonly identity: Identity | null
  readonly fatal: { error: Error; exitCode: number } | null
  readonly leaderReadyTerms: number[]
  readonly stop: () => void
}

/** A cluster of real `RaftNode`s over a fake disk, network and clock. */
export class TestCluster {
  readonly clock = new VirtualClock(settle)
  readonly network = new FakeNetwork(this.clock)
  readonly disks = new Map<string, FakeDisk>()
  readonly nodes = new Map<string, TestNode>()
  readonly founders: Peer[]
  #starts = 0
  onHandingOver: (leader: RaftNode) => void = () => undefined
  /** What a write to a disk takes. */
  writeMs = (): number => 1

  constructor(
    readonly seed: number,
    count: number,
    readonly bounds: Partial<Bounds> = {},
  ) {
    this.founders = Array.from({ length: count }, (_, i) => ({
      nodeId: `n${i + 1}`,
      raftId: 0,
      address: `n${i + 1}:7655`,
    }))
  }

  async startAll(): Promise<void> {
    for (const { nodeId } of this.founders) await this.start(nodeId)
  }

  async start(nodeId: string, joinAt: readonly Peer[] = []): Promise<TestNode> {
    const disk = this.disks.get(nodeId) ?? new FakeDisk()
    this.disks.set(nodeId, disk)
    const { clock, stop } = this.clock.forProcess()
    const machine = new WordMachine()
    const members = (): Peer[] =>
      machine.state.members.map(({ nodeId: id, raftId, peerAddress }) => ({ nodeId: id, raftId, address: peerAddress }))
    const store = new FakeStore(disk, clock, () => this.writeMs())
    const made = {
      nodeId,
      machine,
      store,
      identity: null as Identity | null,
      fatal: null as TestNode['fatal'],
      leaderReadyTerms: [] as number[],
      stop,
    }
    const node: RaftNode = new RaftNode({
      nodeId,
      memberUid: disk.identity?.memberUid ?? `${nodeId}-${this.seed}-${this.clock.nowMs}`,
      store: asIs(store),
      transport: asIs(this.network.transport(nodeId)),
      clock: asIs(clock),
      // Another start draws other numbers: a wiped founder must not found the same cluster again.
      random: new SeededRandom(this.seed * 1009 + this.#starts++),
      machine,
      observer: {
        onLeader: () => undefined,
        onEntryApplied: () => undefined,
        onApplied: () => undefined,
        onLeaderReady: (term) => void made.leaderReadyTerms.push(term),
        onHandingOver: () => this.onHandingOver(node),
        onRestored: () => undefined,
        onStored: () => undefined,
        onPeerFrame: () => undefined,
        onFatal: (error) => {
          made.fatal = { error, exitCode: exitStatusOf(error) }
        },
      },
      heartbeatMs: 50,
      electionTimeoutMs: 500,
      bounds: this.bounds,
      founders: joinAt.length > 0 ? [] : this.founders,
      joinAt,
      nodeLeaseMs: 10_000,
      currentLeaseMs: () => 10_000,
      member: (id) => machine.state.members.find((member) => member.nodeId === id) ?? null,
      members,
      genesis: async (record: BootstrapRecord, peers) =>
        sourceOf({
          clusterId: record.clusterId,
          words: [],
          members: peers.map((peer) => ({
            nodeId: peer.nodeId,
            raftId: peer.raftId,
            peerAddress: peer.address,
            memberUid: '',
          })),
        }),
      claim: (raftId, memberUid) =>
        void node.proposals.propose(new TextEncoder().encode(`claim ${raftId} ${memberUid}`)),
      programLevel: 1,
      judgeCommand: (bytes) => {
        const word = new TextDecoder().decode(bytes)
        if (word.startsWith('garbage')) return 'garbage'
        return word.startsWith('newer') ? 'newer' : 'command'
      },
      warn: () => undefined,
      onRunning: (identity) => {
        made.identity = identity
      },
    })
    machine.onMembers = () => node.setMembers(members())
    const testNode: TestNode = Object.assign(made, { node })
    this.nodes.set(nodeId, testNode)
    await node.start()
    return testNode
  }

  kill(nodeId: string): void {
    this.nodes.get(nodeId)?.stop()
    this.nodes.delete(nodeId)
    this.network.kill(nodeId)
  }

  leader(): TestNode | null {
    const leaders = [...this.nodes.values()].filter(({ node }) => node.isLeaderReady())
    return leaders.sort((a, b) => b.node.term() - a.node.term())[0] ?? null
  }

  async waitForLeader(): Promise<TestNode> {
    const found = await this.clock.until(() => this.leader() !== null, 20_000)
    const leader = this.leader()
    if (!found || leader === null) throw new Error(`no leader within 20 s (seed ${this.seed})`)
    return leader
  }

  say(at: TestNode, word: string): boolean {
    return at.node.proposals.propose(new TextEncoder().encode(word))
  }

  async waitFor(what: string, done: () => boolean, limitMs = 20_000): Promise<void> {
    if (!(await this.clock.until(done, limitMs)))
      throw new Error(`${what}: not within ${limitMs} ms (seed ${this.seed})`)
  }
}

export const encodeMember = (member: Member): Uint8Array => pack(member)
