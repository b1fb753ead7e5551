/** The seam between a client's socket and the service: what each may ask of the other. The shell joins all writes of a turn. */
import type { HostPort } from '../../address.js'
import type { NeutralReply } from '../../protocol/replies.js'

/** One socket as the service sees it. */
export interface ClientSocket {
  /** HOST:PORT of the client, for logs. */
  readonly remote: string
  readonly loopback: boolean
  /** The other end of the TCP connection, by the kernel's word. */
  readonly ownEnd: HostPort
  /** Whom the client's verified certificate names: URIs first, then its common name. Empty: it has none, or not over TLS. */
  readonly certificateNames: readonly string[]
  /** Bytes written and not yet taken by the kernel, those of this turn included. */
  readonly writableLength: number
  write(text: string): void
  /** It waits for its last words only, and takes nobody's place from now on: the port may drop it before it has them. */
  makeWay(): void
  /** So that the last words arrive: write, half-close, discard input for up to 1 s, destroy. */
  end(): void
  /** RST; what was not sent yet is dropped. */
  reset(): void
  pause(): void
  resume(): void
}

/** Events of a socket. `service.turn()` comes before each. */
export interface ClientProtocol {
  data(chunk: Uint8Array): void
  /** The client's FIN, after all its data. */
  fin(): void
  /** RST, keepalive failure, or any other end without a FIN. */
  broken(): void
  /** There is no place for this connection, which has asked for nothing yet. */
  turnAway(lastWords: NeutralReply): void
}
