/** The network that peers meet in, and what an operator reads when the peer port cannot be had. */
import type { StreamNetwork } from '../../sockets/streams.js'
import { type TcpTerms, tcpNetwork } from '../../sockets/tcp.js'
import { TCP_KEEPALIVE_IDLE_MS } from '../limits.js'

export const peerTcpTerms: TcpTerms = { keepAliveIdleMs: TCP_KEEPALIVE_IDLE_MS, allowHalfOpen: false }
export const peerTcp: StreamNetwork = tcpNetwork(peerTcpTerms)

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: '[Errno 98] address already in use',
  EACCES: '[Errno 13] permission denied',
  EADDRNOTAVAIL: '[Errno 99] cannot assign requested address',
}

/** This process cannot have the address that it was told to listen on; the message names flag and value. */
export class BindError extends Error {
  override readonly name = 'BindError'
  readonly code = 'TNL_BIND'

  constructor(flag: string, address: string, cause: unknown) {
    super(`${flag} ${address}: ${describe(cause)}`, { cause })
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const { code } = cause as NodeJS.ErrnoException
  return (code !== undefined ? ERRNO_WORDS[code] : undefined) ?? cause.message
}
