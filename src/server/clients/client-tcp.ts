/** TCP as the client port wants it. */
import type { TcpTerms } from '../../sockets/tcp.js'
import { ACCEPT_BACKLOG, KEEPALIVE_IDLE_MS } from '../limits.js'

export const clientTcpTerms: TcpTerms = {
  keepAliveIdleMs: KEEPALIVE_IDLE_MS,
  allowHalfOpen: true,
  backlogCount: ACCEPT_BACKLOG,
}
