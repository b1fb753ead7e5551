import type { NeutralReply } from '../../protocol/replies.js'
import { type ClientPlace, type ConnectionContext, redirectAddress } from './connection-context.js'
import { BUSY_TEXT, formatError, formatRedirect } from './session-replies.js'

/** It concerns no request of the client: the id is left out. */
const NO_REQUEST = -1
export const NO_QUORUM = formatError(NO_REQUEST, 'no-quorum', 'no leader, or no answer in time')
const BUSY = formatError(NO_REQUEST, 'busy', BUSY_TEXT)

/**
 * Why a session is not opened here, in words; null: it is. `hello` may be sent to the leader, and is new work that a busy
 * cluster refuses; `resume` never, for it may have little time left.
 */
export function openingRefusal(
  context: ConnectionContext,
  client: ClientPlace,
  isHello: boolean,
  mayRedirect: boolean,
): NeutralReply | null {
  const elsewhere = isHello ? redirectAddress(context, client, mayRedirect) : null
  if (elsewhere !== null) return formatRedirect(elsewhere, context.state.clusterId)
  if (!context.serving()) return NO_QUORUM
  return isHello && context.attachments.isBusy ? BUSY : null
}
