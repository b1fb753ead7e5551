/** What a client of the session dialect remembers of its session and of what it asked for. */
import type { ClientConnection } from '../network/client-connection.js'

/** Answers that may come; any other error is a mistake of one side. */
export const EXPECTED_ERRORS = new Set(['no-quorum', 'deadlock', 'not-holder', 'session-expired', 'superseded', 'busy'])

export interface Request {
  readonly id: number
  readonly kind: 'lock' | 'release' | 'cancel'
  readonly name: string
  readonly line: string
  /** The last entry that was applied anywhere when it was made. */
  readonly askedAfter: number
  /** How often it was sent. */
  sends: number
  /** Connections on which it was sent, the last one last. */
  readonly sentOn: ClientConnection[]
  answer: string | null
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
