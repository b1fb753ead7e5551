import { AddressError, type HostPort, parseHostPort } from '../address.js'
import { CliExit, CommandFailure } from './exit-codes.js'

const DEFAULT_PORT = 7654

/** `--endpoints`, else `TNL_ENDPOINTS`, else `TCPNETLOCK_HOST` and `_PORT`, else localhost:7654. */
export function readEndpoints(option: string | undefined, environment: NodeJS.ProcessEnv): readonly HostPort[] {
  const { TNL_ENDPOINTS, TCPNETLOCK_HOST, TCPNETLOCK_PORT } = environment
  if (option !== undefined) return parseList('--endpoints', option)
  if (TNL_ENDPOINTS) return parseList('TNL_ENDPOINTS', TNL_ENDPOINTS)
  const host = TCPNETLOCK_HOST || 'localhost'
  return parseList('TCPNETLOCK_HOST', TCPNETLOCK_PORT ? `${host}:${TCPNETLOCK_PORT}` : host)
}

function parseList(source: string, text: string): readonly HostPort[] {
  try {
    return text.split(',').map((item) => parseHostPort(item.trim(), DEFAULT_PORT))
  } catch (error) {
    if (error instanceof AddressError) throw new CommandFailure(CliExit.usage, `${source} ${text}: ${error.message}`)
    throw error
  }
}
