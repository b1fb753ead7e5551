/** The other end of an HTTP connection. */
import type { Socket } from 'node:net'
import { formatHostPort, isLoopbackHost } from '../../address.js'
import { identityNames, subjectOfSocket } from '../../sockets/tls/subject.js'

export interface ClientEnd {
  /** HOST:PORT, for logs. */
  readonly remote: string
  readonly isLocal: boolean
  readonly certificateNames: readonly string[]
}

export function clientEndOf(socket: Socket): ClientEnd {
  const { remoteAddress, remotePort } = socket
  const subject = subjectOfSocket(socket)
  const host = (remoteAddress ?? '').replace(/^::ffff:/, '')
  return {
    remote: formatHostPort({ host, port: remotePort ?? 0 }),
    isLocal: isLoopbackHost(host),
    certificateNames: subject === null ? [] : identityNames(subject),
  }
}
