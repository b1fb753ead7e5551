/** What a client of the session dialect remembers of its session and of what it asked for. */
import type { TcpConnection } from '../client-network.js'

export interface Request {
  readonly id: number
  readonly kind: 'lock' | 'release' | 'cancel'
  readonly name: string
  readonly line: string
  /** The last entry that was applied anywhere when it was made. */
  readonly askedAfter: number
  /** Connections on which it was sent, the last one last. */
  readonly sentOn: TcpConnection[]
  answer: string | null
}

/** As it was welcomed. */
export interface Session {
  readonly id: string
  readonly secret: string
  readonly leaseMs: number
}
