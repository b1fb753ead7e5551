import type { HostPort } from '../../address.js'
import { InvalidOptionError } from '../../client/errors.js'
import { endpointsFromEnvironment, parseEndpoints } from '../../client/transport/endpoints.js'
import { CommandFailure } from './command-failure.js'
import { TnlExit } from './exit-statuses.js'

/** `--endpoints`, else the variables that the client library reads, else localhost:7654. */
export function readEndpoints(option: string | undefined, environment: NodeJS.ProcessEnv): readonly HostPort[] {
  try {
    return option === undefined ? endpointsFromEnvironment(environment) : parseEndpoints(option)
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new CommandFailure(TnlExit.usage, error.message)
    throw error
  }
}
