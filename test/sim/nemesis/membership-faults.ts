/** Members that come, go and take each other's place, leaders that change on request, and directories that are lost. */
import type { Cluster } from '../cluster.js'
import { peerOf } from '../network/station.js'
import type { Fault, Faults, Ground } from './fault.js'

const MEMBERS_MAX = 9

const isMember = (cluster: Cluster, nodeId: string): boolean => cluster.memberIds().includes(nodeId)

const add = ({ cluster, ask }: Ground): string | null => {
  if (cluster.memberIds().length >= MEMBERS_MAX) return null
  const nodeId = cluster.freshNodeId()
  ask(`.member-add,node:${nodeId},peer:${peerOf(nodeId).address}`)
  return nodeId
}

const remove: Fault = ({ cluster, victim, ask }) => {
  if (cluster.voterIds().length <= 3 || !cluster.canLoseOne() || !isMember(cluster, victim.nodeId)) return false
  victim.removalAsked = true
  ask(`.member-remove,node:${victim.nodeId}`)
  return true
}

/** A new node for one that is dead, or for any other. */
const replace: Fault = (ground) => {
  const { cluster, random } = ground
  const voters = cluster.voterIds()
  if (voters.length === 0) return false
  const dead = voters.filter((id) => cluster.hosts.get(id)?.isUp !== true)
  const replaced = random.pick(dead.length > 0 && random.chance(0.7) ? dead : voters)
  const nodeId = add(ground)
  if (nodeId !== null) cluster.replacements.set(nodeId, replaced)
  return nodeId !== null
}

const wipe: Fault = ({ cluster, victim }) => {
  if (!cluster.canLoseOne() || !cluster.voterIds().includes(victim.nodeId)) return false
  cluster.wipe(victim)
  return true
}

/** What an operator may ask in error: a refusal, or nothing new, must come of it. */
const mistake: Fault = ({ cluster, random, ask }) => {
  const [one, other] = random.shuffled(cluster.memberIds())
  const stranger = cluster.freshNodeId()
  if (one === undefined || other === undefined) return false
  ask(
    random.pick([
      `.member-add,node:${one},peer:${peerOf(one).address}`,
      `.member-add,node:${stranger},peer:nowhere`,
      `.member-promote,node:${stranger}`,
      `.member-promote,node:${one},replaces:${stranger}`,
      `.member-promote,node:${one},replaces:${one}`,
      `.member-promote,node:${stranger},replaces:${other}`,
      `.member-remove,node:${stranger}`,
      `.transfer,node:${stranger}`,
      `.member-promote,node:`,
    ]),
  )
  return true
}

export const MEMBERSHIP_FAULTS = {
  transfer: ({ cluster, random, ask }) => {
    ask(`.transfer,node:${random.pick(cluster.memberIds())}`)
    return true
  },
  'add member': (ground) => add(ground) !== null,
  'remove member': remove,
  'replace member': replace,
  'crash in joint': ({ cluster }) => {
    cluster.jointCrashes++
    return true
  },
  'operator mistake': mistake,
  wipe,
} as const satisfies Faults
