/** The options of `connect`, checked. */
import {
  LINGER_MAX_MS,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
} from '../protocol/limits.js'
import { InvalidOptionError } from './errors.js'
import { DEFAULT_REACH_MS } from './limits.js'
import { assertClientId } from './names.js'
import { type CredentialOptions, readCredentials, warningOf } from './security/credential-options.js'
import type { SessionOptions } from './session/session.js'
import { endpointsFromEnvironment, parseEndpoints } from './transport/endpoints.js'

/** All times in milliseconds. */
export interface ClientOptions extends CredentialOptions {
  /** `host:port` of the nodes, as a list or separated by commas; any node, any order. Default: the environment, as for tnl-do. */
  readonly endpoints?: string | readonly string[]
  /** Shown to others as the holder: letters, digits and `.@_-`. */
  readonly clientId?: string
  /** How long the session stays resumable after its connection broke; 10,000 unless given, 3,000 to 86,400,000. */
  readonly lease?: number
  /** How long the session outlives an orderly end of the connection that this client did not ask for; 0 unless given. */
  readonly linger?: number
  /** How long to look for a node that answers, in all; 10,000 unless given; Infinity: forever. */
  readonly reach?: number
  /**
   * Sends the keepalives from a thread of its own, so that locks outlive a program that computes without a pause, for up to a
   * lease; true unless given. Where there can be no such thread, this one sends them.
   */
  readonly heartbeatThread?: boolean
}

/** Throws InvalidOptionError. */
export function sessionOptions(options: ClientOptions): SessionOptions {
  const { clientId, lease = SESSION_LEASE_DEFAULT_MS, linger = 0, reach = DEFAULT_REACH_MS } = options
  if (!(lease >= SESSION_LEASE_MIN_MS && lease <= SESSION_LEASE_MAX_MS)) {
    throw new InvalidOptionError(
      `lease: ${lease} is not from ${SESSION_LEASE_MIN_MS} to ${SESSION_LEASE_MAX_MS} milliseconds`,
    )
  }
  if (!(linger >= 0 && linger <= LINGER_MAX_MS)) throw new InvalidOptionError(`linger: ${linger} is out of range`)
  if (!(reach >= 0)) throw new InvalidOptionError(`reach: ${reach} is not a number of milliseconds`)
  if (clientId !== undefined) assertClientId(clientId)
  const endpoints =
    options.endpoints === undefined ? endpointsFromEnvironment(process.env) : parseEndpoints(options.endpoints)
  const credentials = readCredentials(options, process.env)
  const warning = options.token === undefined ? warningOf(process.env.TNL_TOKEN_FILE) : null
  if (warning !== null) process.emitWarning(warning, { code: 'TNL_TOKEN_FILE' })
  return { endpoints, credentials, clientId, leaseMs: lease, lingerMs: linger, reachMs: reach }
}
