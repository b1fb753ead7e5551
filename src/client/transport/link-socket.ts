/** How connections are made, and what a connection needs of a socket: one of this thread's, or one that another thread has. */
import { connect, type Socket } from 'node:net'
import type { HostPort } from '../../address.js'
import { explainTls, secure, type TlsMaterial } from '../security/secure-stream.js'
import { countedLookup } from './lookup.js'

export interface LinkSocket {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly readableEnded: boolean
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect' | 'end' | 'close', listener: () => void): unknown
  once(event: 'end', listener: () => void): unknown
  write(text: string): unknown
  end(): unknown
  resume(): unknown
  destroy(): unknown
  resetAndDestroy(): unknown
  setTimeout(ms: number, due: () => void): unknown
}

/** Where to connect. */
export interface DialAddress extends HostPort {
  /** What `host` was looked up from: a certificate has to name that. */
  readonly name?: string | undefined
}

/** A connection that may be spoken on. */
export interface LinkChannel<Kind extends LinkSocket = LinkSocket> {
  /** The TCP connection: what resets, and what another process may get a copy of. */
  readonly tcp: Kind
  /** Where bytes are written and read: the same socket, or TLS above it. */
  readonly stream: Kind
  /** Whoever is at the other end has proved that `address` is its own, and nobody else reads what is said. */
  readonly isSecure: boolean
}

/** Told once: `opened`, or `failed`; nothing after it was given up. */
export interface Opening<Kind extends LinkSocket = LinkSocket> {
  opened(channel: LinkChannel<Kind>): void
  failed(error: NodeJS.ErrnoException): void
}

/** Begins a connection. Returns what gives it up. */
export type Connect = (address: DialAddress, opening: Opening) => () => void

/** Connects from this thread. `tls`: null for plain text. */
export function openSocket(address: DialAddress, tls: TlsMaterial | null, opening: Opening<Socket>): () => void {
  const { host, port } = address
  // Half-open, because Node would otherwise answer a FIN with a FIN: a client that may still hold never sends one.
  const tcp = connect({ host, port, noDelay: true, allowHalfOpen: true, lookup: countedLookup })
  let isSettled = false
  const failed = (error: NodeJS.ErrnoException): void => {
    if (isSettled) return
    isSettled = true
    tcp.destroy()
    opening.failed(error)
  }
  const opened = (stream: Socket): void => {
    if (isSettled) return
    isSettled = true
    opening.opened({ tcp, stream, isSecure: stream !== tcp })
  }
  // Also later: under TLS nobody else listens to it.
  tcp.on('error', failed)
  tcp.once('connect', () => {
    if (tls === null) return opened(tcp)
    try {
      const stream = secure(tcp, tls, address.name ?? host)
      stream.on('error', (error) => failed(explainTls(error)))
      stream.once('secureConnect', () => opened(stream))
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)))
    }
  })
  return () => {
    isSettled = true
    tcp.destroy()
  }
}

export const connectPlain: Connect = (address, opening) => openSocket(address, null, opening)
