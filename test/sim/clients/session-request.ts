/** What a client of the session dialect remembers of its session and of what it asked for. */
import type { ClientConnection } from '../network/client-connection.js'

/** Answers that may come; any other error is a mistake of one side. */
export const EXPECTED_ERRORS = new Set([
  'no-quorum',
  'deadlock',
  'not-holder',
  'session-expired',
  'superseded',
  'busy',
  'limit',
  'limit-mismatch',
])

/** One name of a request: `EXCLUSIVE`, `SHARED` or permits; `limit` 0: of a plain lock. */
export interface Asked {
  readonly name: string
  readonly amount: number
  readonly limit: number
}

/** A `lock` line, and what it means for its client. Of the times 0 means none. */
export interface Asking {
  readonly fields: string
  readonly asked: readonly Asked[]
  readonly delayMs: number
  readonly minHoldMs: number
  readonly ttlMs: number
  readonly loose: boolean
  /** The done-mark; empty: none. */
  readonly once: string
}

/** What the client was told that it has. */
export interface Told {
  readonly name: string
  readonly token: number
  readonly amount: number
  /** Null where only a resume told it, and not yet the answer. */
  readonly asking: Asking | null
}

export type RequestKind = 'lock' | 'release' | 'cancel' | 'unlock' | 'check' | 'operate'

export interface Request {
  readonly id: number
  readonly kind: RequestKind
  readonly line: string
  /** Of `lock`. */
  readonly asking: Asking | null
  /** Of `release`, `unlock` and `check`. */
  readonly hold: Told | null
  /** The last entry that was applied anywhere when it was made. */
  readonly askedAfter: number
  /** On the client's clock. */
  readonly firstSentAtMs: number
  /** How often it was sent. */
  sends: number
  /** Connections on which it was sent, the last one last. */
  readonly sentOn: ClientConnection[]
  /** `ok` lines that came since it was sent last: there is one a name. */
  oks: string[]
  /** Tokens that had ended when the answer was repeated. */
  readonly ended: Set<number>
  /** All lines of it. */
  answer: readonly string[] | null
}

/** What a client says of its own end of a connection. */
export type From = 'own end' | 'unknown' | 'nothing'

export function fromPair(says: From, link: ClientConnection): string {
  if (says === 'nothing') return ''
  return `,from:${says === 'own end' ? link.client.localEnd : 'unknown'}`
}

/** As it was welcomed. */
export interface Session {
  readonly id: string
  readonly secret: string
  readonly leaseMs: number
  /** What the cluster can do, at least: its feature level never falls. */
  readonly level: number
}
