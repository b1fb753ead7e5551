/** How a program reaches its cluster: where nodes are, and as whom it speaks to them. */

import { InvalidArgumentError } from 'commander'
import type { HostPort } from '../../address.js'
import { InvalidOptionError } from '../../client/errors.js'
import type { Credentials } from '../../client/security/credentials.js'
import { endpointsFromEnvironment, parseEndpoints } from '../../client/transport/endpoints.js'
import { CommandFailure } from './command-failure.js'
import { TnlExit } from './exit-statuses.js'
import { readSecurity, type SecurityFlags } from './security-options.js'

export interface ClusterAccess {
  readonly endpoints: readonly HostPort[]
  /** Plain text and nobody in particular, unless given. */
  readonly credentials?: Credentials | undefined
}

/** `--endpoints`, else the variables that the client library reads, else localhost:7654. Throws CommandFailure. */
export function readAccess(
  flags: SecurityFlags & { readonly endpoints?: string },
  env: NodeJS.ProcessEnv,
): ClusterAccess {
  try {
    const { endpoints } = flags
    return {
      endpoints: endpoints === undefined ? endpointsFromEnvironment(env) : parseEndpoints(endpoints),
      credentials: readSecurity(flags, env),
    }
  } catch (error) {
    const isUsage = error instanceof InvalidOptionError || error instanceof InvalidArgumentError
    if (isUsage) throw new CommandFailure(TnlExit.usage, error.message)
    throw error
  }
}
