import { decodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import { decodeMemberContext } from '../../../src/locks/state/members.js'
import type { Clock } from '../../../src/platform.js'
import { parseLine } from '../../../src/protocol/line.js'
import { type ConfChangeSingle, Role } from '../../../src/raft/core/types.js'
import type { NodeApi, NodeStatus } from '../../../src/raft/node/node-api.js'
import { NodeRefusal, NodeRefusalReason } from '../../../src/raft/node/node-errors.js'
import type { FrameKind, Greeting, PeerHello } from '../../../src/raft/ports/transport.js'
import type { AuditRecord } from '../../../src/service/access/audit.js'
import { nobody } from '../../../src/service/access/caller.js'
import { Administration } from '../../../src/service/administration/administration.js'
import { CONTACT_POLL_MS } from '../../../src/service/limits.js'
import type { MemberReport } from '../../../src/service/status.js'
import { asIs } from '../../kit/looks-first.js'

interface Change {
  readonly changes: readonly ConfChangeSingle[]
  readonly members: ReturnType<typeof decodeMemberContext>
}

export const helloOf = (nodeId: string, clusterId = ''): PeerHello => ({
  ...{ clusterId, nodeId, raftId: 0, memberUid: 'uid', listHash: '', empty: clusterId === '', level: 1 },
  ...{ processId: 'p', held: { term: 0, vote: 0, lastIndex: 0 } },
})

/** Two nodes of one cluster, n1 leading, whose frames reach each other at once. */
export class World {
  readonly audited: AuditRecord[] = []
  readonly members: MemberReport[] = [
    { node: 'n1', raftId: 1, peer: 'h:1', address: 'h:11', role: 'voter', leader: true, knows: 2 },
    { node: 'n2', raftId: 2, peer: 'h:2', address: null, role: 'voter', leader: false, knows: 1 },
    { node: 'n3', raftId: 3, peer: 'h:3', address: null, role: 'learner', leader: false, knows: null },
  ]
  readonly changed: Change[] = []
  readonly transfers: string[] = []
  progress: NodeStatus['progress'] = [
    { nodeId: 'n1', match: 5_000, active: true, learner: false },
    { nodeId: 'n3', match: 4_990, active: true, learner: true },
  ]
  readonly levels = { level: 1, isLevelHeld: false }
  /** What was proposed; the first of them come to nothing. */
  readonly proposed: Command[] = []
  proposalsLost = 0
  refuse: NodeRefusal | null = null
  leader: string | null = 'n1'
  /** Whether the leader has applied an entry of its own term. */
  isReady = true
  /** False: frames are sent and never arrive. */
  connected = true
  meanwhile = () => {}
  readonly greeted: string[] = []
  /** What happens while the leader greets. */
  onGreet = () => {}
  greeting: Greeting = { kind: 'peer', hello: helloOf('n4') }
  /** Every answer that anybody got. */
  readonly replies: string[] = []
  readonly #admins = new Map<string, Administration>()
  #timeout: (() => void) | null = null

  constructor() {
    for (const nodeId of ['n1', 'n2']) {
      const admin = new Administration({
        node: this.#node(nodeId),
        clock: asIs(this.#clock()),
        requestTimeoutMs: 5_000,
        audit: { wantsGrants: false, record: (record) => void this.audited.push(record) },
        members: () => this.members,
        levels: this.levels,
        greet: async (address) => {
          this.greeted.push(address)
          this.onGreet()
          return this.greeting
        },
        log: () => {},
      })
      this.#admins.set(nodeId, admin)
    }
  }

  ask(nodeId: string, text: string): Promise<string> {
    const line = parseLine(text)
    if (line === null) throw new Error('malformed')
    return new Promise((reply) => {
      const told = (text: string) => {
        this.replies.push(text)
        reply(text)
      }
      this.#admins.get(nodeId)?.handle({ line, caller: nobody(true), remote: 'r:1', reply: told })
    })
  }

  frame(nodeId: string, kind: FrameKind, payload: Uint8Array): void {
    this.#admins.get(nodeId)?.onPeerFrame('n9', kind, payload)
  }

  timeOut(): void {
    this.#timeout?.()
  }

  /** The leader has applied an entry of its own term, or another one leads. */
  leadershipChanges(): void {
    for (const admin of this.#admins.values()) admin.onLeadership()
  }

  #becomeReady(): void {
    this.isReady = true
    this.leadershipChanges()
  }

  /** The waits for members pass at once, and `meanwhile` happens in them; the others end with `timeOut`. */
  #clock(): Clock {
    const after = (ms: number, run: () => void) => {
      if (ms === CONTACT_POLL_MS) setImmediate(() => this.#pass(run))
      else this.#timeout = run
      return { cancel: () => this.#cancel(run) }
    }
    return { speakerNow: () => 0, takerNow: () => 0, wallNow: () => 0, soon: (run) => run(), after }
  }

  #cancel(run: () => void): void {
    if (this.#timeout === run) this.#timeout = null
  }

  #pass(run: () => void): void {
    this.meanwhile()
    run()
  }

  #node(nodeId: string): NodeApi {
    const world = this
    const unused = () => {
      throw new Error('not asked by administration')
    }
    return {
      nodeId,
      status: () => world.#status(nodeId),
      isLeader: () => world.leader === nodeId,
      leader: () => world.leader,
      nextRaftId: () => 4,
      async changeMembership(changes, context) {
        if (world.refuse !== null) throw world.refuse
        if (!world.isReady) throw new NodeRefusal(NodeRefusalReason.notLeader, 'not ready')
        world.changed.push({ changes, members: decodeMemberContext(context) })
      },
      async transferLeadership(to) {
        if (world.refuse !== null) throw world.refuse
        world.transfers.push(to)
        world.leader = to
        world.isReady = false
        setImmediate(() => world.#becomeReady())
      },
      sendPeer(to, _lane, kind, payload) {
        if (world.connected) world.#admins.get(to)?.onPeerFrame(nodeId, kind, payload)
        return true
      },
      proposals: { propose: (bytes) => world.#propose(decodeCommand(bytes)), isBusy: unused, count: 0 },
      isLeaderReady: () => world.isReady,
      confirmLeadership: unused,
      read: unused,
      saveSnapshot: unused,
      term: unused,
      appliedIndex: unused,
      commitIndex: unused,
      droppedFrames: unused,
      setMembers: unused,
    }
  }

  #propose(command: Command): boolean {
    this.proposed.push(command)
    if (this.proposed.length > this.proposalsLost && command.type === CommandType.holdLevel) {
      setImmediate(() => Object.assign(this.levels, { isLevelHeld: command.held }))
    }
    return true
  }

  #status(nodeId: string): NodeStatus {
    const leads = this.leader === nodeId
    return {
      nodeId,
      raftId: 1,
      clusterId: 'c',
      role: leads ? Role.leader : Role.follower,
      term: 1,
      leader: this.leader,
      commitIndex: 5_000,
      appliedIndex: 5_000,
      firstIndex: 1,
      lastIndex: 5_000,
      snapshotIndex: 0,
      confState: { voters: [1, 2], learners: [3], votersOutgoing: [], learnersNext: [], autoLeave: false },
      progress: leads ? this.progress : [],
    }
  }
}
