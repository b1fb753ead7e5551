/** Where a client is sent instead of being served here. */
import { isLocalAddress } from '../../address.js'
import type { ClientSocket } from './client-socket.js'
import type { ConnectionContext } from './connection-context.js'

export type ClientPlace = Pick<ClientSocket, 'loopback'>

/**
 * Where to send a client, or null if it is served here: it does not ask for a redirect (`wanted`) and this node serves all
 * (`--followers serve`), or no other node with a known address leads.
 */
export function redirectAddress(
  { leader, nodeId, state, options }: ConnectionContext,
  client: ClientPlace,
  wanted: boolean,
): string | null {
  const leading = leader()
  if ((!wanted && options.followers === 'serve') || leading === null || leading === nodeId) return null
  return addressFor(client, state.nodeAddress(leading))
}

/**
 * `address` if this client can be sent there. The leader's `localhost` is the client's own machine to the client, and
 * whatever listens there would be believed: a client on another machine is never sent to a loopback or wildcard address.
 */
export function addressFor({ loopback }: ClientPlace, address: string | null): string | null {
  return address === null || (!loopback && isLocalAddress(address)) ? null : address
}
