/** The other end of an HTTP connection. */
import type { Socket } from 'node:net'
import { formatHostPort, isLoopbackHost } from '../../address.js'

export interface ClientEnd {
  /** HOST:PORT, for logs. */
  readonly remote: string
  readonly isLocal: boolean
  readonly certificateNames: readonly string[]
}

export function clientEndOf({ remoteAddress, remotePort }: Socket): ClientEnd {
  const host = (remoteAddress ?? '').replace(/^::ffff:/, '')
  return {
    remote: formatHostPort({ host, port: remotePort ?? 0 }),
    isLocal: isLoopbackHost(host),
    certificateNames: [],
  }
}
