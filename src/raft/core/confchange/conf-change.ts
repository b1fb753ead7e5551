import { ConfChangeTransition, type ConfChangeV2, EMPTY_BYTES } from '../types.js'

/** Leaves the joint configuration. Its encoding is empty, so no limit on sizes can ever keep it out of the log. */
export const LEAVE_JOINT: ConfChangeV2 = { transition: ConfChangeTransition.auto, changes: [], context: EMPTY_BYTES }

/** Whether a change goes through a joint configuration, and whether the group leaves that one by itself. */
export function enterJoint(change: ConfChangeV2): { autoLeave: boolean; useJoint: boolean } {
  const useJoint = change.transition !== ConfChangeTransition.auto || change.changes.length > 1
  return { useJoint, autoLeave: useJoint && change.transition !== ConfChangeTransition.jointExplicit }
}

/** Whether the change ends a joint configuration. */
export function leaveJoint(change: ConfChangeV2): boolean {
  return change.transition === ConfChangeTransition.auto && change.changes.length === 0
}
