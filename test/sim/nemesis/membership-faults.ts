/** Members that come and go, leaders that change on request, and directories that are lost. */
import { type Cluster, peerOf } from '../cluster.js'
import type { Fault, Faults } from './fault.js'

const MEMBERS_MAX = 9

const isMember = (cluster: Cluster, nodeId: string): boolean => cluster.memberIds().includes(nodeId)

const remove: Fault = ({ cluster, victim, ask }) => {
  if (cluster.voterIds().length <= 3 || !isMember(cluster, victim.nodeId)) return false
  victim.removalAsked = true
  ask(`.member-remove,node:${victim.nodeId}`)
  return true
}

/** A minority at most: what a majority has lost nobody can bring back. */
const wipe: Fault = ({ cluster, victim }) => {
  const voters = cluster.voterIds()
  const dead = voters.filter((id) => cluster.hosts.get(id)?.isWiped !== false).length
  if (2 * (dead + 1) >= voters.length || !voters.includes(victim.nodeId)) return false
  cluster.wipe(victim)
  return true
}

export const MEMBERSHIP_FAULTS = {
  transfer: ({ cluster, random, ask }) => {
    ask(`.transfer,node:${random.pick(cluster.memberIds())}`)
    return true
  },
  'add member': ({ cluster, ask }) => {
    if (cluster.memberIds().length >= MEMBERS_MAX) return false
    const nodeId = cluster.freshNodeId()
    ask(`.member-add,node:${nodeId},peer:${peerOf(nodeId).address}`)
    return true
  },
  'remove member': remove,
  wipe,
} as const satisfies Faults
