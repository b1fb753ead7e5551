/** Where the cluster's nodes are: as users write it, and as addresses to connect to. */
import { isIP } from 'node:net'
import { AddressError, formatHostPort, type HostPort, parseHostPort } from '../../address.js'
import { CLIENT_PORT_DEFAULT } from '../../protocol/limits.js'
import { InvalidOptionError } from '../errors.js'
import { DEFAULT_HOST } from '../limits.js'
import type { DialAddress } from './link-socket.js'
import { lookupAll } from './lookup.js'

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
  const port = given.port ?? portFrom(env.TCPNETLOCK_PORT) ?? String(CLIENT_PORT_DEFAULT)
  const unbracketed = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  return parseEndpoint(`${unbracketed.includes(':') ? `[${unbracketed}]` : unbracketed}:${port}`)
}

type Lookup = (host: string) => Promise<readonly string[]>

export interface AddressListener {
  found(address: DialAddress): void
  /** There is no address now and there never was one. */
  unresolved(host: string, reason: string): void
}

/**
 * The addresses that the endpoints stand for; a name stands for all of its own. What a name once resolved to is kept: in
 * an outage names are often out of reach just when a session must find another node within seconds.
 */
export class EndpointResolver {
  readonly #known = new Map<string, readonly string[]>()
  /** A name whose lookup hangs is not asked for again meanwhile: the system does few lookups at a time. */
  readonly #underWay = new Map<string, Promise<readonly string[]>>()

  constructor(
    private readonly endpoints: readonly HostPort[],
    private readonly lookupName: Lookup = lookupAll,
    /** Two names of one address are two: its certificate may be for either. */
    private readonly tellsNames = false,
  ) {}

  /**
   * Tells `listener` of every address, each once: those that are known at once and in the order of the endpoints, the
   * others as their names are looked up, side by side. Returns the lookups that go on; they never reject.
   */
  look(listener: AddressListener): readonly Promise<void>[] {
    const told = new Set<string>()
    const tell = (host: string, port: number, name: string): void => {
      const address = { host, port, name }
      const key = `${formatHostPort(address)}${this.tellsNames ? ` ${name}` : ''}`
      if (told.has(key)) return
      told.add(key)
      listener.found(address)
    }
    const lookups: Promise<void>[] = []
    for (const { host, port } of this.endpoints) {
      if (isIP(host) !== 0) {
        tell(host, port, host)
        continue
      }
      const known = this.#known.get(host)
      for (const address of known ?? []) tell(address, port, host)
      const asked = this.#resolve(host).then(
        (found) => {
          for (const address of found) tell(address, port, host)
        },
        (error: unknown) => {
          if (known === undefined) listener.unresolved(host, error instanceof Error ? error.message : String(error))
        },
      )
      lookups.push(asked)
    }
    return lookups
  }

  /** Names without a known address that have not been found to have none. */
  get unanswered(): readonly string[] {
    return [...this.#underWay.keys()].filter((host) => !this.#known.has(host))
  }

  #resolve(host: string): Promise<readonly string[]> {
    const asked =
      this.#underWay.get(host) ??
      this.lookupName(host)
        .then((found) => {
          this.#known.set(host, found)
          return found
        })
        .finally(() => this.#underWay.delete(host))
    this.#underWay.set(host, asked)
    return asked
  }
}

function parseEndpoint(text: string): HostPort {
  try {
    const endpoint = parseHostPort(text, CLIENT_PORT_DEFAULT)
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
