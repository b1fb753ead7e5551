/**
 * Whether a client's `from` is the other end of this very socket (rules.md rule 5). If it is not, somebody stands
 * between, and may have made a FIN of a reset: docker-proxy does, and every load balancer that works on bytes.
 */
import { AddressError, addressKey, type HostPort, parseHostPort } from '../../address.js'

/** What a client says that cannot tell its own end. */
export const FROM_UNKNOWN = 'unknown'

/** False also for what is not an address with a port: the sender's kernel would not have said that. */
export function isOwnEnd(from: string, end: HostPort): boolean {
  try {
    const said = parseHostPort(from)
    const key = addressKey(said.host)
    return key !== null && said.port === end.port && key === addressKey(end.host)
  } catch (error) {
    if (error instanceof AddressError) return false
    throw error
  }
}
