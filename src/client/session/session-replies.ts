/** What the answers of the session dialect (docs/protocol.md) mean to the client. */
import { AddressError, type HostPort, parseHostPort } from '../../address.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import { SESSION_LEASE_MAX_MS } from '../../protocol/limits.js'
import type { Line } from '../../protocol/line.js'
import {
  AlreadyDoneError,
  DeadlockError,
  type LostReason,
  NOT_GRANTED_REASONS,
  NoQuorumError,
  NotGrantedError,
  RefusedError,
  SessionExpiredError,
  type TcpNetLockError,
  UnauthorizedError,
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
  /** Of the cluster; 1 from a server that does not tell. */
  readonly level: number
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
    level: readLevel(line),
    relayed: line.get('relayed') === 'yes',
  }
}

/** Of a `welcome`. */
export function readLevel(line: Line): number {
  return line.number('level') ?? 1
}

export function readGrant(line: Line, name: string): Grant {
  return { name, token: line.number('token') ?? null, limit: line.number('limit') }
}

export function readLostReason(line: Line): LostReason {
  const reason = line.get('reason')
  return reason === 'forced' || reason === 'ttl' ? reason : 'lease-expired'
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

/** The error for a final answer to a request for `name` (the first of several) other than the one that was hoped for. */
export function readRefusal(line: Line, name: string): TcpNetLockError {
  if (line.action === 'not-granted') return readNotGranted(line, name)
  if (line.action === 'done') {
    const since = line.milliseconds('since')
    return new AlreadyDoneError(
      line.get('key') ?? '',
      since === undefined ? null : new Date(since),
      named(line, 'holder'),
    )
  }
  const message = line.get('message') ?? line.rest
  switch (line.get('code') as ErrorCode | undefined) {
    case 'no-quorum':
      return new NoQuorumError(message)
    case 'deadlock':
      return new DeadlockError(message)
    case 'session-expired':
      return new SessionExpiredError(message)
    case 'unauthorized':
      return new UnauthorizedError(message)
    default:
      return new RefusedError(line.get('code') ?? line.action, message)
  }
}

function readNotGranted(line: Line, name: string): NotGrantedError {
  const word = line.get('reason')
  const reason = NOT_GRANTED_REASONS.find((known) => known === word) ?? 'held'
  return new NotGrantedError(line.get('name') ?? name, reason, named(line, 'holder'), {
    holders: line.number('holders'),
    forMs: line.milliseconds('for'),
    words: line.get('message'),
  })
}

/** Null if the line does not say it, or leaves it empty. */
function named(line: Line, key: string): string | null {
  return line.get(key) || null
}
