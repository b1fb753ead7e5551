/**
 * A follower misses appends until it needs a snapshot, and some of what it missed arrives with that snapshot after all.
 * Worked example: entries 41 to 49 were sent while 40 was committed, and then the leader made a snapshot of entry 45.
 *  - Before it has the snapshot the follower gets them all. Its log has the snapshot's last entry, and more that is
 *    acknowledged: nothing behind 45 may be lost.
 *  - In the very turn in which it takes the snapshot it gets 46 to 49: they are stored before they are acknowledged.
 */
import { MsgType } from '../../../src/raft/core/messages.js'
import type { Index } from '../../../src/raft/core/types.js'
import { FrameKind, Lane } from '../../../src/raft/ports/transport.js'
import { readAck, readBegin } from '../../../src/raft/wire/control-messages.js'
import { decodeMessages } from '../../../src/raft/wire/raft-codec.js'
import type { Cluster } from '../cluster.js'
import type { Frame } from '../network/peer-tap.js'
import type { Fault } from './fault.js'

/** What is missed may take so long to be cut from the leader's log. */
const MISSING_MAX_MS = 6_000
const LOOK_MS = 10
/** So long the snapshot may take when nothing is missed any more. */
const AWAITED_MS = 2_000
/** What others answer the leader takes so long on average: entries are many messages ahead of the commit index. */
const ANSWER_MS = 100

interface Append {
  readonly frame: Frame
  /** The entry before the first one. */
  readonly previous: Index
  readonly last: Index
  readonly commit: Index
}

class LateAppends {
  readonly #appends: Append[] = []
  #isMissing = true
  #snapshotIndex = 0
  readonly #isBefore: boolean

  constructor(
    private readonly cluster: Cluster,
    private readonly leader: string,
    private readonly victim: string,
  ) {
    this.#isBefore = cluster.world.random.chance(0.5)
  }

  /** True: only a snapshot helps the victim now; nothing is missed any more, and the next append tells it of the gap. */
  isFarBehind(): boolean {
    const [first] = this.#appends
    const leader = this.cluster.hosts.get(this.leader)?.member?.node?.status()
    return first !== undefined && leader != null && leader.firstIndex > first.previous + 1
  }

  endMissing(): void {
    this.#isMissing = false
  }

  /** True: nobody gets this frame. */
  readonly sees = (frame: Frame): boolean => {
    const { kind, lane, from, to, payload } = frame
    if (from === this.leader && to === this.victim) {
      if (kind === FrameKind.raft && lane === Lane.bulk) {
        this.#keep(frame)
        return this.#isMissing
      }
      if (kind === FrameKind.snapshotBegin) this.#snapshotIndex = readBegin(payload).metadata.index
      if (kind === FrameKind.snapshotChunk && this.#isBefore) this.#deliverBefore()
    } else if (from === this.victim && kind === FrameKind.snapshotAck && !this.#isBefore) {
      if (readAck(payload).state === 'done') this.#deliverInTurn()
    }
    return false
  }

  #keep(frame: Frame): void {
    const appends = decodeMessages(frame.payload).filter(({ type }) => type === MsgType.app)
    const [first] = appends
    if (first === undefined) return
    const last = Math.max(...appends.map(({ index, entries }) => index + entries.length))
    const commit = Math.max(...appends.map((append) => append.commit))
    this.#appends.push({ frame, previous: first.index, last, commit })
  }

  /** What does not say that the snapshot's last entry is committed. The leader hears of it when the snapshot is there. */
  #deliverBefore(): void {
    const { cluster, leader, victim } = this
    const { world, peers } = cluster
    const end = this.#appends.findIndex(({ commit }) => commit >= this.#snapshotIndex)
    const due = this.#appends.splice(0, end === -1 ? this.#appends.length : end)
    if (!due.some(({ last }) => last > this.#snapshotIndex)) return
    world.count('seen log beyond a snapshot on its way')
    for (const { frame } of due) peers.deliverLate(frame)
    peers.clog(victim, leader, world.random.logBetween(50, 1_000))
  }

  /** The process finds them in its sockets together with the last word of its disk. */
  #deliverInTurn(): void {
    const { world, peers } = this.cluster
    const due = this.#appends.filter(({ last }) => last > this.#snapshotIndex)
    if (!due.some(({ previous }) => previous === this.#snapshotIndex)) return
    world.count('seen appends in one turn with a snapshot')
    for (const { frame } of due) peers.deliverLate(frame, true)
  }
}

export const lateAppends: Fault = ({ cluster, random }) => {
  const { world, peers, swarm } = cluster
  const leader = cluster.leader()?.deps.nodeId
  const followers = cluster.upHosts().filter(({ nodeId }) => nodeId !== leader)
  if (leader === undefined || followers.length === 0 || peers.spy !== null) return false
  const victim = random.pick(followers).nodeId
  const late = new LateAppends(cluster, leader, victim)
  const { sees } = late
  peers.spy = sees
  const others = followers.filter(({ nodeId }) => nodeId !== victim)
  const factor = Math.max(1, (random.between(0.5, 2) * ANSWER_MS) / swarm.peer.meanMs)
  for (const { nodeId } of others) peers.slow(nodeId, leader, factor)
  const end = () => {
    peers.spy = null
    for (const { nodeId } of others) peers.slow(nodeId, leader, 1)
  }
  const endAtMs = world.nowMs + MISSING_MAX_MS
  const look = () => {
    if (late.isFarBehind() || world.nowMs > endAtMs || cluster.isHealing) {
      late.endMissing()
      world.after(AWAITED_MS, end)
    } else world.after(LOOK_MS, look)
  }
  look()
  return true
}
