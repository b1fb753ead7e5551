/** What a connection and its dialect have of each other. */
import type { HostPort } from '../../address.js'
import type { Line } from '../../protocol/line.js'
import type { NeutralReply, PositiveReply } from '../../protocol/replies.js'
import type { Caller } from '../access/caller.js'

/** The protocol that the first line of a connection has chosen. */
export interface Dialect {
  /** Any bytes arrived: a sign of life. */
  heard(): void
  line(line: Line): void
  malformed(): void
  /** Something is wrong with what the client sent: the connection is closed with these words. */
  refuse(lastWords: NeutralReply): void
  fin(): void
  broken(): void
  jeopardy(remainingMs: number): void
  safe(): void
  /** This node goes down in good order; the connection is closed afterwards. */
  moved(address: string | null): void
  /** What the client has proven proves nothing any more: it is told, and closed. */
  revoked(): void
  /** Another policy is in force: what goes on by itself may not be allowed any more. */
  rightsChanged(): void
  /** Called exactly once, whoever closed the connection: stop timers. */
  closed(): void
}

/** A connection as its dialect sees it. */
export interface DialectConnection {
  /** Who its client is, by the first line and the certificate. */
  readonly caller: Caller
  readonly remote: string
  readonly loopback: boolean
  /** The other end of the TCP connection, by the kernel's word. */
  readonly ownEnd: HostPort
  /** Whom the client's verified certificate names: URIs first, then its common name. */
  readonly certificateNames: readonly string[]
  /** Bytes written and not yet taken by the kernel. */
  readonly unsentBytes: number
  /** Writes a claim, if this node has the right to (rule 2). False if it has not: then the connection is closed already. */
  speak(reply: PositiveReply): boolean
  /** Writes what claims nothing; does nothing once the connection is closed. */
  say(reply: NeutralReply): void
  /** Closes so that the last words arrive. */
  close(lastWords?: NeutralReply): void
  /** Closes so that nothing that was written and is not sent yet arrives late: by reset, if there is any. */
  cut(): void
  /** Carries out one line. A value in it that cannot be stored costs this client its connection, and nobody anything else. */
  guard(carryOut: () => void): void
  /** A lock is held here that is lost with this connection: it is closed first when the right to speak ends (rule 2). */
  holding(holds: boolean): void
  /** From `welcome` or `ready` on. */
  allowLongLines(): void
  /** Stops reading while too much waits for its turn, or goes on. */
  throttle(paused: boolean): void
}
