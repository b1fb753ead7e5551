/** Node epochs (rules.md rules 1 and 3): who may act for a node, and the sweep of what ended ones left behind. */
import type { Epoch, ExpireNode, NodeDown, NodeId, NodeUp } from '../commands/commands.js'
import { EpochEntry, type Session } from './entities.js'
import { moveMember } from './members.js'
import { sweepSession } from './sessions.js'
import type { ApplyContext, LockState } from './state.js'

/**
 * Compare and set: a late or repeated `NodeUp` finds another current epoch than it expected. An epoch stays current when
 * it has ended, so that 0 is expected only of a node that never had one. Only members have epochs. No epoch is 0: what was
 * attached under it would come back from a snapshot as attached nowhere. A program below the cluster's level gets no epoch.
 */
export function nodeUp(context: ApplyContext, command: NodeUp): void {
  const { state, effects } = context
  const { node, epoch, expected, programLevel } = command
  const entry = state.nodes.get(node)
  if ((entry?.current ?? 0) !== expected || epoch === expected || state.epochs.has(epoch)) return
  if (epoch === 0 || !isMember(state, node)) return
  if (programLevel < state.level) {
    effects.push({ kind: 'nodeTooOld', node, epoch, needed: state.level })
    return
  }
  state.nodes.set(node, { id: node, current: epoch, address: command.address })
  state.epochs.set(epoch, new EpochEntry(node, epoch, programLevel))
  if (command.dead !== 0 && command.dead === expected) endEpoch(context, node, expected)
  effects.push({ kind: 'nodeUp', node, epoch })
  moveMember(context, node, command.peer)
}

function isMember(state: LockState, node: NodeId): boolean {
  for (const member of state.members.values()) if (member.nodeId === node) return true
  return false
}

/** `NodeDown` and `ExpireNode`: both end exactly one epoch, current or not. */
export function endNode(context: ApplyContext, command: NodeDown | ExpireNode): void {
  endEpoch(context, command.node, command.epoch)
}

/** O(1) but for the connection numbers in flight: what it means for each session holds at once and is carried out by the sweep. */
function endEpoch(context: ApplyContext, node: NodeId, epoch: Epoch): void {
  const entry = context.state.epochs.get(epoch)
  if (entry === undefined || !entry.live || entry.node !== node) return
  entry.live = false
  entry.opened.clear()
  entry.floor = 0
  if (entry.sessions.count === 0) context.state.forgetEpoch(entry)
  else context.state.leaveUnswept(entry)
  context.effects.push({ kind: 'epochEnded', node, epoch })
}

/** Sweeps at most `count` sessions of ended epochs, in the same order on all nodes. */
export function sweep(context: ApplyContext, count: number): void {
  for (let left = count; left > 0; left--) {
    const session = nextToSweep(context.state)
    if (session === null) return
    sweepSession(context, session)
  }
}

function nextToSweep(state: LockState): Session | null {
  let lowest: EpochEntry | null = null
  for (const entry of state.unswept) if (lowest === null || entry.epoch < lowest.epoch) lowest = entry
  return lowest === null ? null : lowest.sessions.head
}
