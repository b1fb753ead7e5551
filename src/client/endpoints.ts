/** Where the cluster's nodes are: as users write it, and as addresses to connect to. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { AddressError, formatHostPort, type HostPort, parseHostPort } from '../address.js'
import { InvalidOptionError } from './errors.js'
import { DEFAULT_HOST, DEFAULT_PORT, KNOWN_ADDRESS_PATIENCE_MS } from './limits.js'

type Environment = Readonly<Record<string, string | undefined>>

/** `H:P,H:P,...` or a list of `H:P`; IPv6 in brackets; a missing port is 7654. Throws InvalidOptionError. */
export function parseEndpoints(endpoints: string | readonly string[]): HostPort[] {
  const texts = (typeof endpoints === 'string' ? endpoints.split(',') : endpoints).map((text) => text.trim())
  const parsed = texts.filter((text) => text !== '').map(parseEndpoint)
  if (parsed.length === 0) throw new InvalidOptionError('no endpoints given')
  return parsed
}

/** `TNL_ENDPOINTS`, else `TCPNETLOCK_HOST` and `TCPNETLOCK_PORT`, else localhost:7654. */
export function endpointsFromEnvironment(env: Environment): HostPort[] {
  const listed = env.TNL_ENDPOINTS
  if (listed !== undefined && listed.trim() !== '') return parseEndpoints(listed)
  return [classicEndpoint(env, {})]
}

/** The original's way to name one server: `given` (its flags), else its variables, else its defaults. */
export function classicEndpoint(env: Environment, given: { host?: string; port?: string }): HostPort {
  const host = given.host ?? env.TCPNETLOCK_HOST ?? DEFAULT_HOST
  const port = given.port ?? portFrom(env.TCPNETLOCK_PORT) ?? String(DEFAULT_PORT)
  const unbracketed = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return parseEndpoint(`${unbracketed.includes(':') ? `[${unbracketed}]` : unbracketed}:${port}`)
}

/**
 * The addresses that the endpoints stand for; a name stands for all of its own. What a name once resolved to is kept: in
 * an outage names are often out of reach just when a session must find another node within seconds.
 */
export class AddressBook {
  private readonly known = new Map<string, readonly string[]>()

  constructor(private readonly endpoints: readonly HostPort[]) {}

  /** In the order of the endpoints, each once. Names without any known address are reported. */
  async addresses(unresolved: (host: string, reason: string) => void): Promise<HostPort[]> {
    const resolved = await Promise.all(
      this.endpoints.map(async ({ host, port }) => {
        const addresses = isIP(host) !== 0 ? [host] : await this.resolve(host, unresolved)
        return addresses.map((address) => ({ host: address, port }))
      }),
    )
    return [...new Map(resolved.flat().map((address) => [formatHostPort(address), address])).values()]
  }

  private async resolve(host: string, unresolved: (host: string, reason: string) => void): Promise<readonly string[]> {
    const known = this.known.get(host)
    const fresh = lookup(host, { all: true }).then((found) => {
      const addresses = found.map(({ address }) => address)
      this.known.set(host, addresses)
      return addresses
    })
    try {
      // Whatever comes later serves the next time.
      return await (known === undefined ? fresh : Promise.race([fresh, sleep(KNOWN_ADDRESS_PATIENCE_MS, known)]))
    } catch (error) {
      if (known !== undefined) return known
      unresolved(host, error instanceof Error ? error.message : String(error))
      return []
    } finally {
      fresh.catch(() => {})
    }
  }
}

function parseEndpoint(text: string): HostPort {
  try {
    const endpoint = parseHostPort(text, DEFAULT_PORT)
    if (endpoint.port === 0) throw new AddressError('port 0 cannot be connected to')
    return endpoint
  } catch (error) {
    if (error instanceof AddressError) throw new InvalidOptionError(`endpoint '${text}': ${error.message}`)
    throw error
  }
}

/** Kubernetes makes `TCPNETLOCK_PORT=tcp://...` from a service named tcpnetlock; that is no port of ours. */
function portFrom(value: string | undefined): string | undefined {
  return value?.startsWith('tcp://') ? undefined : value
}
