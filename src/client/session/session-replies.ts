/** What the answers of the session dialect (docs/protocol.md) mean to the client. */
import { AddressError, type HostPort, parseHostPort } from '../../address.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import { SESSION_LEASE_MAX_MS } from '../../protocol/limits.js'
import type { Line } from '../../protocol/line.js'
import {
  DeadlockError,
  NoQuorumError,
  NotGrantedError,
  RefusedError,
  SessionExpiredError,
  type TcpNetLockError,
} from '../errors.js'
import { KEPT_LEASE_MIN_MS } from '../limits.js'
import { LinkError } from '../transport/link.js'
import type { Instant } from './local-lease.js'
import type { Grant } from './lock-session.js'

export interface Welcome {
  readonly id: string
  readonly secret: string
  readonly leaseMs: number
  /** When the line that it answers was sent. */
  readonly sentAt: Instant
  /** Null at a server that does not tell. */
  readonly clusterId: string | null
  /** The node sees another address than this end has: there is a relay between them. */
  readonly relayed: boolean
}

export function readWelcome(line: Line, askedLeaseMs: number, sentAt: Instant): Welcome {
  const id = line.get('session')
  if (id === undefined) throw new LinkError('a welcome without a session')
  const leaseMs = line.has('lease') ? line.milliseconds('lease') : askedLeaseMs
  // Every timer of the session is a share of it: one of no length, or of centuries, would have them fire without a pause.
  if (leaseMs === undefined || leaseMs < KEPT_LEASE_MIN_MS || leaseMs > SESSION_LEASE_MAX_MS) {
    throw new LinkError(`a welcome with an impossible lease (${line.get('lease')})`)
  }
  return {
    id,
    secret: line.get('secret') ?? '',
    leaseMs,
    sentAt,
    clusterId: line.get('cluster') ?? null,
    relayed: line.get('relayed') === 'yes',
  }
}

export function readGrant(line: Line, name: string): Grant {
  return { name, token: line.number('token') ?? null }
}

/** The node that `moved` names; undefined when it names none. */
export function readAddress(line: Line): HostPort | undefined {
  try {
    return parseHostPort(line.get('address') ?? '')
  } catch (error) {
    if (error instanceof AddressError) return undefined
    throw error
  }
}

/** The error for a final answer to a request for `name` other than the one that was hoped for. */
export function readRefusal(line: Line, name: string): TcpNetLockError {
  if (line.action === 'not-granted') {
    const reason = line.get('reason')
    const known = reason === 'timeout' || reason === 'cancelled' ? reason : 'held'
    return new NotGrantedError(name, known, line.get('holder') ?? null)
  }
  const message = line.get('message') ?? line.rest
  switch (line.get('code') as ErrorCode | undefined) {
    case 'no-quorum':
      return new NoQuorumError(message)
    case 'deadlock':
      return new DeadlockError(message)
    case 'session-expired':
      return new SessionExpiredError(message)
    default:
      return new RefusedError(line.get('code') ?? line.action, message)
  }
}
