/**
 * The seam between what speaks over TCP and TCP itself. Peers and the client port know nothing else of sockets, so the
 * simulator hands them streams of its own, and TLS is a layer above: Node can neither reset a TLS socket nor hand it
 * over to another process, therefore the TCP connection below stays within reach.
 */
import type { HostPort } from '../address.js'

/**
 * Where bytes are written and read, in Node's shape: a `net.Socket`, a `tls.TLSSocket` above it, or a stream of the
 * simulator. Dialled, it emits 'connect' once it may be written to, or 'error' and 'close'. 'close' is always the last.
 */
export interface ByteStream {
  readonly bytesRead: number
  /** What waits in this process counts as written. */
  readonly bytesWritten: number
  /** What the kernel has not taken yet. */
  readonly writableLength: number
  readonly writableHighWaterMark: number
  readonly writable: boolean
  /** 'close' was emitted. */
  readonly closed: boolean
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect' | 'end' | 'drain' | 'close', listener: () => void): unknown
  once(event: 'connect' | 'close', listener: () => void): unknown
  /** False: more than `writableHighWaterMark` waits, and 'drain' will follow. The bytes must not change afterwards. */
  write(bytes: Uint8Array | string, done?: (error?: Error | null) => void): boolean
  cork(): void
  uncork(): void
  pause(): unknown
  resume(): unknown
  /** Half-closes when everything that was written has left. */
  end(): unknown
  end(text: string): unknown
  destroy(): unknown
}

/** The TCP connection below a stream. */
export interface TcpEnd {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** Dialled, and not connected yet. */
  readonly connecting?: boolean | undefined
  /** What travels, which over TLS is more than what was said. What waits in this process counts as written. */
  readonly bytesWritten: number
  /** Of these, what is known to wait in this process. */
  readonly writableLength: number
  /** Past whatever lies above: of use only to ask the kernel, with nothing to write, whether it still would. */
  write(nothing: '', done: (error?: Error | null) => void): unknown
  /** The other end learns that this was no clean end. */
  resetAndDestroy(): unknown
}

/** Whom the verified certificate of the other end names. */
export interface CertificateSubject {
  /** Of its subject alternative names, in their order. */
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** Null if it has none, or more than one. */
  readonly commonName: string | null
}

/** One connection. Without TLS stream and tcp are the same socket. */
export interface Channel {
  readonly stream: ByteStream
  readonly tcp: TcpEnd
  /** Null or left out: the other end has none, or none that was verified. Known once the stream may be written to. */
  readonly certificate?: CertificateSubject | null
  /** Said by a relay that this node was told to believe; left out where nobody stands between, or nobody who may say so. */
  readonly relayed?: Relayed
}

/** For whom a relay speaks (PROXY protocol). */
export interface Relayed {
  /** Null: for itself, or it does not say. */
  readonly client: HostPort | null
  /** Relay and client are both on this machine. A relay elsewhere means its own machine by a loopback address. */
  readonly isOfThisMachine: boolean
}

export interface StreamListener {
  /** The one that was asked for, or the one that the system chose for port 0. */
  readonly port: number
  /** Takes no more connections; those that are open stay. */
  close(): void
}

export interface StreamNetwork {
  dial(address: HostPort): Channel
  /** Rejects with the error of the system. Later errors (too many open files, say) go to `onError`; it listens on. */
  listen(
    address: HostPort,
    onChannel: (channel: Channel) => void,
    onError: (error: Error) => void,
  ): Promise<StreamListener>
}
