/**
 * The cluster's feature level (rules.md, Versions). It rises by one when every member could follow, and never falls.
 *
 * To see why the condition is judged where the command is applied, consider a leader that sees levels 2, 2, 2 and proposes
 * `setLevel(2)`, while n3 goes back to a program of level 1, whose `nodeUp` comes into the log first. Where `setLevel` is
 * applied, on every node, n3 has level 1: nothing happens. Were it the other way round, n3's `nodeUp` would find level 2 and
 * do nothing, and n3 would end and say why.
 */

import { SERVICE_LEVEL } from '../../feature-level.js'
import { olderThan } from '../../raft/ports/older-program.js'
import type { HoldLevel, NodeId, SetLevel } from '../commands/commands.js'
import type { ApplyContext, LockState } from './state.js'

/**
 * One step at a time, so that whatever a level changes in the state has one state to begin from. Throws OlderProgramError, and has
 * changed nothing, where this program could not go on: so nothing of a higher level ever comes to be read here.
 */
export function setLevel(context: ApplyContext, { to, expected }: SetLevel): void {
  const { state, effects, programLevel } = context
  if (to !== expected + 1 || expected !== state.level || !canRaiseTo(state, to)) return
  if (to > programLevel) throw olderThan(`the log from entry ${context.index} on`, to, programLevel)
  state.level = to
  if (to === SERVICE_LEVEL) numberRequests(state)
  effects.push({ kind: 'levelRaised', level: to })
}

/**
 * Requests of level 1 have no number. What orders them is their queue, so each gets its place there: no later one has so low
 * a number, and of two in different queues the session decides.
 */
function numberRequests(state: LockState): void {
  for (const { queue } of state.locks.values()) {
    let number = 0
    for (let place = queue?.head ?? null; place !== null; place = place.next) {
      number += 1
      place.request.number = number
    }
  }
}

export function holdLevel({ state, effects }: ApplyContext, { held }: HoldLevel): void {
  if (state.isLevelHeld === held) return
  state.isLevelHeld = held
  effects.push({ kind: 'levelHeld', held })
}

/** Whether every member, learners and both halves of a joint configuration too, is up with a program of this level. */
export function canRaiseTo(state: LockState, level: number): boolean {
  if (state.isLevelHeld || state.members.size === 0) return false
  for (const { nodeId } of state.members.values()) if ((levelOfNode(state, nodeId) ?? 0) < level) return false
  return true
}

/** Of the program that serves under the node's current epoch; null if that epoch has ended, or never was. */
export function levelOfNode(state: LockState, node: NodeId): number | null {
  const epoch = state.epochs.get(state.nodes.get(node)?.current ?? 0)
  return epoch?.live === true ? epoch.programLevel : null
}
