/** What `tnl lock` and `tnl execute` are told, checked in consul-lock's order: each kind of mistake has an exit status of its own. */
import { InvalidArgumentError } from 'commander'
import type { HostPort } from '../../address.js'
import { InvalidOptionError } from '../../client/errors.js'
import { TTL_MAX_MS } from '../../client/limits.js'
import { assertMetadata } from '../../client/names.js'
import type { SessionOptions } from '../../client/session/session.js'
import { endpointsFromEnvironment, parseEndpoints } from '../../client/transport/endpoints.js'
import { SESSION_LEASE_DEFAULT_MS, WAIT_MAX_MS } from '../../protocol/limits.js'
import { isLockName } from '../../protocol/values.js'
import type { Hooks } from '../do/options.js'
import { reachSeconds } from '../shared/arguments.js'
import { CommandFailure } from '../shared/command-failure.js'
import { LockExit } from '../shared/exit-statuses.js'
import type { Verbosity } from '../shared/log.js'
import { InvalidVariableArgument, readSecurity, type SecurityFlags } from '../shared/security-options.js'
import { readClientId, readReach } from '../shared/session-options.js'
import { SESSION_TTL_MAX_SECONDS, SESSION_TTL_MIN_SECONDS, VERBOSITY_MAX_COUNT } from './limits.js'
import { ascii } from './python-json.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** Of every command that speaks for a client. */
export interface ClientFlags extends SecurityFlags {
  readonly endpoints?: string
  readonly clientId?: string
  readonly reach?: string
  readonly verbose?: number
}

/** As they were written: a wrong value's exit status depends on which one it is. */
export interface LockFlags extends ClientFlags {
  readonly ttl?: string
  readonly sessionTtl?: string
  readonly nonBlocking?: true
  readonly timeout?: string
  readonly metadata?: string
  readonly onBeforeLock?: readonly string[]
  readonly onAlreadyLocked?: readonly string[]
  /** consul-lock's interval between two looks. Here nobody looks: a grant is told. */
  readonly i?: string
  readonly json?: true
}

export interface LockRequest {
  readonly key: string
  readonly session: SessionOptions & { readonly clientId: string }
  readonly waitMs: number
  /** Null: nothing was said, or `--session-ttl 0`. */
  readonly ttlMs: number | null
  /** As it was given, and as the cluster keeps it. */
  readonly metadata: unknown
  readonly meta: string | undefined
  readonly hooks: Hooks
  readonly verbosity: Verbosity
}

/** Throws CommandFailure. */
export function readLockRequest(key: string, flags: LockFlags, env: Environment): LockRequest {
  const timeoutMs = readTimeout(flags.timeout)
  if (flags.i !== undefined) readNumber('-i', flags.i)
  const sessionTtl = flags.sessionTtl === undefined ? undefined : readNumber('--session-ttl', flags.sessionTtl)
  if (flags.ttl !== undefined && sessionTtl !== undefined) throw usage('--ttl and --session-ttl are the same: say one')
  const metadata = readMetadata(flags.metadata)
  const waitMs = flags.nonBlocking === true ? 0 : timeoutMs
  const client = readClient(flags, waitMs, env)
  const ttlMs = readTtl(flags.ttl, sessionTtl)
  assertKey(key)
  return {
    ...client,
    key,
    waitMs,
    ttlMs,
    metadata: metadata.value,
    meta: metadata.text,
    hooks: { beforeLock: flags.onBeforeLock ?? [], alreadyLocked: flags.onAlreadyLocked ?? [] },
  }
}

/** What is the same for all of them. `waitMs`: who waits for a lock waits for a node as well. Throws CommandFailure. */
export function readClient(
  flags: ClientFlags,
  waitMs: number,
  env: Environment,
  badUsage: number = LockExit.badUsage,
): Pick<LockRequest, 'session' | 'verbosity'> {
  const { verbose = 0 } = flags
  if (verbose > VERBOSITY_MAX_COUNT) throw new CommandFailure(badUsage, '-v: more than -vv cannot be said')
  const given = orFail(badUsage, () => ({
    endpoints: flags.endpoints === undefined ? null : parseEndpoints(flags.endpoints),
    clientId: flags.clientId === undefined ? null : readClientId(flags.clientId),
    reachMs: flags.reach === undefined ? undefined : reachSeconds(flags.reach),
  }))
  const endpoints: readonly HostPort[] = given.endpoints ?? fromVariables(() => endpointsFromEnvironment(env))
  const clientId = given.clientId ?? fromVariables(() => readClientId(env.TCPNETLOCK_CLIENT_ID))
  const reach = fromVariables(() => readReach(given.reachMs, waitMs, env))
  const credentials = orFail(badUsage, () => readSecurity(flags, env))
  const session = { endpoints, credentials, clientId, leaseMs: SESSION_LEASE_DEFAULT_MS, lingerMs: 0, ...reach }
  return { session, verbosity: verbose as Verbosity }
}

/**
 * consul-lock takes no key that another path would stand for as well; an empty variable in `jobs/$NAME/build` is found by
 * this. Throws CommandFailure.
 */
export function assertKey(key: string): void {
  if (key.includes('//')) {
    throw new CommandFailure(LockExit.invalidKey, `${key}: a key has no '//'. Is something empty that stands between?`)
  }
  const isNormalised = !key.endsWith('/') && !key.split('/').some((part) => part === '.' || part === '..')
  if (isLockName(key) && isNormalised) return
  throw new CommandFailure(
    LockExit.invalidKey,
    `'${key}' is no key: letters, digits, _ - . /, at most 255, as a path without '.', '..' and a '/' at its end`,
  )
}

/** Python's notation of a float, without its names for what is none. Throws CommandFailure. */
function readNumber(flag: string, text: string): number {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) throw usage(`${flag} ${text}: not a number of seconds`)
  return Number(text)
}

/** 0 waits as long as it takes. */
function readTimeout(text: string | undefined): number {
  const ms = text === undefined ? 0 : readNumber('--timeout', text) * 1000
  if (ms < 0 || ms > WAIT_MAX_MS) throw usage(`--timeout ${text}: from 0 to ${WAIT_MAX_MS / 1000} seconds`)
  return ms === 0 ? Number.POSITIVE_INFINITY : ms
}

function readTtl(text: string | undefined, sessionTtl: number | undefined): number | null {
  if (sessionTtl !== undefined && sessionTtl !== 0) {
    if (sessionTtl < SESSION_TTL_MIN_SECONDS || sessionTtl > SESSION_TTL_MAX_SECONDS) {
      const range = `from ${SESSION_TTL_MIN_SECONDS} to ${SESSION_TTL_MAX_SECONDS} seconds, or 0; --ttl has a wider range`
      throw new CommandFailure(LockExit.invalidTtl, `--session-ttl ${sessionTtl}: ${range}`)
    }
    return sessionTtl * 1000
  }
  if (text === undefined) return null
  const ms = Number(text) * 1000
  if (text.trim() !== '' && ms > 0 && ms <= TTL_MAX_MS) return Math.ceil(ms)
  throw new CommandFailure(LockExit.invalidTtl, `--ttl ${text}: more than 0 and at most ${TTL_MAX_MS / 1000} seconds`)
}

/** The cluster keeps metadata as text without control characters. */
function readMetadata(text: string | undefined): { readonly value: unknown; readonly text: string | undefined } {
  if (text === undefined) return { value: null, text: undefined }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usage(`--metadata: not JSON (${error instanceof Error ? error.message : String(error)}): ${text}`)
  }
  const kept = JSON.stringify(value).replace(/[\u007f-\u009f]/g, ascii)
  orUsage(() => assertMetadata(kept))
  return { value, text: kept }
}

function orUsage<T>(read: () => T): T {
  return orFail(LockExit.badUsage, read)
}

function fromVariables<T>(read: () => T): T {
  return orFail(LockExit.badVariable, read)
}

function orFail<T>(exitCode: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof InvalidOptionError) && !(error instanceof InvalidArgumentError)) throw error
    const isVariable = error instanceof InvalidVariableArgument
    throw new CommandFailure(isVariable ? LockExit.badVariable : exitCode, error.message)
  }
}

function usage(message: string): CommandFailure {
  return new CommandFailure(LockExit.badUsage, message)
}
