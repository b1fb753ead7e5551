import { type ClientPlace, redirectAddress, type Services } from './services.js'
import { BUSY_TEXT, formatError, formatRedirect } from './session-words.js'

/** It concerns no request of the client: the id is left out. */
const NO_REQUEST = -1
export const NO_QUORUM = formatError(NO_REQUEST, 'no-quorum', 'no leader, or no answer in time')
const BUSY = formatError(NO_REQUEST, 'busy', BUSY_TEXT)

/**
 * Why a session is not opened here, in words; null: it is. `hello` may be sent to the leader, and is new work that a busy
 * cluster refuses; `resume` never, for it may have little time left.
 */
export function openingRefusal(
  services: Services,
  client: ClientPlace,
  isHello: boolean,
  mayRedirect: boolean,
): string | null {
  const elsewhere = isHello ? redirectAddress(services, client, mayRedirect) : null
  if (elsewhere !== null) return formatRedirect(elsewhere, services.state.clusterId)
  if (!services.serving()) return NO_QUORUM
  return isHello && services.book.isBusy ? BUSY : null
}
