/** Readers for option values that tnl-do and tnl-client share. Each throws commander's InvalidArgumentError. */
import { constants } from 'node:os'
import { InvalidArgumentError } from 'commander'
import type { HostPort } from '../../address.js'
import { InvalidOptionError } from '../../client/errors.js'
import { classicEndpoint, endpointsFromEnvironment, parseEndpoints } from '../../client/transport/endpoints.js'
import { WAIT_MAX_MS } from '../../protocol/limits.js'

/** Seconds with decimals, to milliseconds. */
export function seconds(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('not a number of seconds')
  return Number(text) * 1000
}

export function positiveSeconds(text: string): number {
  const ms = seconds(text)
  if (ms === 0) throw new InvalidArgumentError('more than 0 seconds')
  return ms
}

/** Seconds that a node takes for a wait, or `forever`. */
export function waitSeconds(text: string): number {
  if (text === 'forever') return Number.POSITIVE_INFINITY
  const ms = seconds(text)
  if (ms > WAIT_MAX_MS) throw new InvalidArgumentError(`at most ${WAIT_MAX_MS / 1000} seconds, or forever`)
  return ms
}

/** Seconds, or `forever`; 0 tries every endpoint once. */
export function reachSeconds(text: string): number {
  return text === 'forever' ? Number.POSITIVE_INFINITY : seconds(text)
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('not a whole number')
  return Number(text)
}

export function positiveWhole(text: string): number {
  const number = wholeNumber(text)
  if (number === 0) throw new InvalidArgumentError('at least 1')
  return number
}

/** What a script says where its variable is not set names no directory, the present one least of all. */
export function directory(text: string): string {
  if (text === '') throw new InvalidArgumentError('it is empty; the present directory is "."')
  return text
}

/** `TERM` or `SIGTERM`. */
export function signalName(text: string): NodeJS.Signals {
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  if (!Object.hasOwn(constants.signals, name)) throw new InvalidArgumentError(`'${text}' is not a signal`)
  return name as NodeJS.Signals
}

/** Runs a check of the client library: what it refuses is a wrong value. */
export function checked(flag: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new InvalidArgumentError(`${flag}: ${error.message}`)
    throw error
  }
}

export interface EndpointFlags {
  readonly endpoints?: string
  readonly host?: string
  readonly port?: string
}

/** `--endpoints`, else `--host` and `--port`, else `TNL_ENDPOINTS`, else `TCPNETLOCK_*`, else localhost:7654. */
export function endpointsFrom(
  flags: EndpointFlags,
  env: Readonly<Record<string, string | undefined>>,
): readonly HostPort[] {
  let endpoints: readonly HostPort[] = []
  checked('endpoints', () => {
    if (flags.endpoints !== undefined) endpoints = parseEndpoints(flags.endpoints)
    else if (flags.host !== undefined || flags.port !== undefined) endpoints = [classicEndpoint(env, flags)]
    else endpoints = endpointsFromEnvironment(env)
  })
  return endpoints
}
