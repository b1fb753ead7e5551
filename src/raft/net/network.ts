/** Where the streams between peers come from. The seam for TLS: another `PeerNetwork` that returns its own streams. */
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { formatHostPort, type HostPort } from '../../address.js'
import { TCP_KEEPALIVE_IDLE_MS } from '../limits.js'

/** `net.Socket`, or something that behaves like it (`tls.TLSSocket`). */
export type PeerStream = Socket

export interface PeerListener {
  /** The address it listens on, with the port that the system chose for port 0. */
  readonly address: string
  close(): void
}

export interface PeerNetwork {
  /** A stream that emits 'connect' once it can be written to, or 'error' and 'close'. */
  dial(address: HostPort): PeerStream
  /** Rejects with the error of the system. Later errors (too many open files, say) go to `onError`; it listens on. */
  listen(
    address: HostPort,
    onConnection: (stream: PeerStream) => void,
    onError: (error: Error) => void,
  ): Promise<PeerListener>
}

export const tcpNetwork: PeerNetwork = {
  dial({ host, port }) {
    return prepare(tcpConnect({ host, port }))
  },

  listen(address, onConnection, onError) {
    const server = createServer((stream) => onConnection(prepare(stream)))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(address.port, address.host, () => {
        server.off('error', reject)
        server.on('error', onError)
        const bound = server.address()
        const port = bound !== null && typeof bound === 'object' ? bound.port : address.port
        resolve({ address: formatHostPort({ host: address.host, port }), close: () => server.close() })
      })
    })
  },
}

function prepare(stream: Socket): Socket {
  // Raft's small frames must not wait for acknowledgements of earlier ones.
  return stream.setNoDelay(true).setKeepAlive(true, TCP_KEEPALIVE_IDLE_MS)
}

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
