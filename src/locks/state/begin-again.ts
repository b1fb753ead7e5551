/**
 * What a restored cluster begins with (rules.md, Sessions; docs/operations/backup.md): the state that was saved, under a new
 * cluster id, with the members that form it now.
 *
 * - Every session has ended, as after its lease: what its holds leave behind for `delay` and `min-hold` stays, and its requests
 *   are gone before anything is given back, so that nobody is granted what nobody asks for any more.
 * - What needs no session stays: loose holds, tails, marks, pins, freezes, the history.
 * - Ids and tokens go on above all that were ever given. The counter of the saved cluster alone would not do: between the save
 *   and the loss it went on, and nobody knows how far. But it began at some unix time x 2^20 and was drawn from less than 2^20
 *   times a second since then, so that it never came past the present time x 2^20.
 */
import { COUNTER_STEPS_PER_SECOND } from '../limits.js'
import { dropAll } from '../table/ends.js'
import { leaveQueues } from '../table/fit.js'
import type { Genesis } from './genesis.js'
import type { ApplyContext } from './state.js'

export function beginAgain(context: ApplyContext, genesis: Genesis): void {
  const { state } = context
  // Else the end of one request would sweep those of ended epochs away with it.
  state.unswept.clear()
  for (const request of [...state.requests]) leaveQueues(context, request)
  for (const session of [...state.sessions.values()].sort((a, b) => a.id - b.id)) {
    dropAll(context, session, 'expired')
    state.removeSession(session)
    // Nobody is there to be told.
    context.effects.length = 0
  }
  state.idle = []
  state.epochs.clear()
  state.nodes.clear()
  state.members.clear()
  for (const member of genesis.members) state.members.set(member.raftId, { ...member, memberUid: '' })
  state.clusterId = genesis.clusterId
  state.nodeLeaseMs = genesis.nodeLeaseMs
  state.counter = Math.max(state.counter + 1, genesis.createdUnixSeconds * COUNTER_STEPS_PER_SECOND)
}
