/**
 * Schedules under which a core would fail that is wrong in one of its rarer rules, and which the other faults bring about
 * once in thousands of seeds: answers to a leader that come again when it is cut off, appends that arrive beside a
 * snapshot, and both halves of a joint configuration by themselves.
 */
import { FrameKind, Lane } from '../../../src/raft/ports/transport.js'
import type { Cluster } from '../cluster.js'
import type { Host } from '../host.js'
import type { Frame } from '../network/peer-tap.js'
import type { Fault, Faults, Ground } from './fault.js'
import { lateAppends } from './late-appends.js'
import { MEMBERSHIP_FAULTS } from './membership-faults.js'
import { isolate } from './network-faults.js'

const ECHOES = 3

/** A copy of everything that `keeps` says yes to is kept for a while. */
function record({ cluster }: Ground, ms: number, keeps: (frame: Frame) => boolean): Frame[] | null {
  const { peers, world } = cluster
  if (peers.spy !== null) return null
  const frames: Frame[] = []
  peers.spy = (frame) => {
    if (keeps(frame)) frames.push(frame)
    return false
  }
  world.after(ms, () => {
    peers.spy = null
  })
  return frames
}

const leaderOf = (cluster: Cluster): Host | undefined => cluster.hosts.get(cluster.leader()?.deps.nodeId ?? '')

/** A leader that is cut off hears again what it was answered before. None of it may confirm what it asks now. */
const echo: Fault = (ground) => {
  const { cluster, random } = ground
  const { world, peers } = cluster
  const victim = leaderOf(cluster)
  if (victim === undefined) return false
  const recordMs = random.logBetween(300, 2_000)
  const isAnswer = ({ kind, lane, to }: Frame) =>
    kind === FrameKind.raft && lane === Lane.control && to === victim.nodeId
  const frames = record(ground, recordMs, isAnswer)
  if (frames === null) return false
  const cutMs = random.logBetween(1_500, 10_000)
  world.after(recordMs, () => {
    if (cluster.isHealing) return
    isolate({ ...ground, victim }, 'both', cutMs)
    for (const frame of frames) {
      for (let times = random.int(ECHOES + 1); times > 0; times--) {
        world.after(random.between(0, cutMs), () => peers.deliverLate(frame))
      }
    }
  })
  return true
}

/**
 * When the leader has entered a joint configuration it dies; those who know of the change, and could win by its new half
 * alone, are cut off from those who do not, and could go on under the former one.
 */
function splitAt(cluster: Cluster, leader: Host): void {
  const { world, peers, hosts } = cluster
  const { random } = world
  const confState = leader.member?.node?.status()?.confState
  const nameOf = (raftId: number) => [...hosts.values()].find((host) => host.raftId === raftId)?.nodeId
  if (confState === undefined || confState.votersOutgoing.length === 0) return
  const { voters, votersOutgoing } = confState
  const added = voters.filter((id) => !votersOutgoing.includes(id))
  const shared = random.shuffled(voters.filter((id) => votersOutgoing.includes(id) && id !== leader.raftId))
  const needed = Math.floor(voters.length / 2) + 1 - added.length
  const knowing = new Set([...added, ...shared.slice(0, Math.max(0, needed))].flatMap((id) => nameOf(id) ?? []))
  const others = [...hosts.keys()].filter((nodeId) => !knowing.has(nodeId))
  const cut = (from: Iterable<string>, to: Iterable<string>): (() => void)[] =>
    [...from].flatMap((one) =>
      [...to].flatMap((two) => {
        if (one === two) return []
        peers.cut(one, two)
        return [() => peers.heal(one, two)]
      }),
    )
  // It does not hear that it may leave the joint configuration again.
  const undo = [...cut([leader.nodeId], others), ...cut(knowing, [leader.nodeId])]
  world.count('seen split in joint')
  world.after(random.logBetween(20, 300), () => {
    cluster.kill(leader)
    undo.push(...cut(knowing, others), ...cut(others, knowing))
    for (const heal of undo.splice(0, others.length - 1)) heal()
  })
  world.after(random.logBetween(2_000, 10_000), () => {
    for (const heal of undo) heal()
  })
}

const splitInJoint: Fault = (ground) => {
  const { cluster } = ground
  cluster.onJoint = (leader) => splitAt(cluster, leader)
  // Who came for an earlier one has not taken its place yet.
  if (cluster.memberIds().length > cluster.voterIds().length) return false
  return MEMBERSHIP_FAULTS['replace member'](ground)
}

export const CORE_FAULTS = {
  'echoed answers': echo,
  'late appends': lateAppends,
  'split in joint': splitInJoint,
} as const satisfies Faults
