/** A hold, tail or reserved name as `locks` and a watch's gap list it. */
import type { RequestId } from '../../locks/commands/commands.js'
import type { ListedHold } from '../../locks/views/listing.js'
import { type NeutralReply, neutral } from '../../protocol/replies.js'
import { formatSeconds } from '../../protocol/values.js'

export function lockLine(id: RequestId | undefined, held: ListedHold, nowWallMs: number): NeutralReply {
  const { name, mode, permits, limit, state, token, holder, session, waiters, meta } = held
  return neutral('lock', {
    id,
    name,
    mode,
    permits,
    limit,
    state,
    token,
    holder,
    session,
    'held-for': heldForSeconds(held.sinceWallMs, nowWallMs),
    waiters,
    meta,
  })
}

/** The clocks of two nodes: what seems to lie ahead began just now. */
export function heldForSeconds(sinceWallMs: number, nowWallMs: number): number {
  return formatSeconds(Math.max(0, nowWallMs - sinceWallMs))
}
