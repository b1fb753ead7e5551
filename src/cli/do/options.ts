/** The command line of tnl-do. */
import { InvalidArgumentError } from 'commander'
import { type Ask, readAmount, readAsks } from '../../client/asks.js'
import { MIN_HOLD_MAX_MS, ONCE_TTL_MAX_MS, TTL_MAX_MS } from '../../client/limits.js'
import { assertMetadata, assertOnceKey } from '../../client/names.js'
import type { LockTerms } from '../../client/session/lock-session.js'
import type { SessionOptions } from '../../client/session/session.js'
import { LINGER_MAX_MS, LOCK_DELAY_MAX_MS, SESSION_LEASE_MAX_MS, SESSION_LEASE_MIN_MS } from '../../protocol/limits.js'
import type { OnLost } from '../guarding/messages.js'
import { checked, endpointsFrom } from '../shared/arguments.js'
import { Verbosity } from '../shared/log.js'
import { readSecurity } from '../shared/security-options.js'
import { readClientId, readReach } from '../shared/session-options.js'
import { createProgram, type Flags } from './flags.js'
import { lockNameOf } from './lock-name.js'

export interface DoOptions {
  readonly session: SessionOptions & { readonly clientId: string }
  /** What is asked for, all or nothing. */
  readonly asks: readonly Ask[]
  readonly terms: Omit<LockTerms, 'waitMs' | 'holding' | 'signal' | 'onQueued'>
  /** No server: the locks are of this host. */
  readonly isLocal: boolean
  /** For words about the command; what is run are the last `wordCount` arguments, byte for byte. */
  readonly file: string
  readonly wordCount: number
  /** The one word is for /bin/sh. */
  readonly shell: boolean
  readonly waitMs: number
  readonly retries: number
  readonly retryWaitMs: number
  readonly graceMs: number
  readonly onLost: OnLost
  readonly leaveDaemons: boolean
  readonly hooks: Hooks
  /** Exit statuses. */
  readonly conflictStatus: number
  readonly lostStatus: number
  /** Where the result is written. */
  readonly result: string | null
  /** Says on stderr whom it waits for. */
  readonly tellsHolder: boolean
  readonly verbosity: Verbosity
}

/** Programs of the user, which are told of a try. */
export interface Hooks {
  readonly beforeLock: readonly string[]
  readonly alreadyLocked: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** A command is asked to end this part of the lease before the lock may be another's. */
export const DEFAULT_GRACE_FRACTION = 1 / 5
const MAX_GRACE_FRACTION = 1 / 4
/** Flags that mean nothing without a server. */
const OF_A_SERVER = {
  shared: '--shared',
  limit: '--limit',
  permits: '--permits',
  once: '--once',
  minHold: '--min-hold',
  delay: '--delay',
  ttl: '--ttl',
  meta: '--meta',
  endpoints: '--endpoints',
  host: '--host',
  port: '--port',
  tls: '--tls',
  tlsCa: '--tls-ca',
  tlsCert: '--tls-cert',
  tlsKey: '--tls-key',
  tlsServerName: '--tls-server-name',
  tokenFile: '--token-file',
  insecureAuth: '--insecure-auth',
} as const satisfies Partial<Record<keyof Flags, string>>

/** Throws CommanderError (already told to the user) for bad usage, `--help` and `--version`. */
export function readDoOptions(words: readonly string[], env: Environment): DoOptions {
  const program = createProgram()
  program.parse(words, { from: 'user' })
  const flags = program.opts<Flags>()
  try {
    return fromFlags(flags, program.args, env)
  } catch (error) {
    if (error instanceof InvalidArgumentError) program.error(`error: ${error.message}`)
    throw error
  }
}

function fromFlags(flags: Flags, command: readonly string[], env: Environment): DoOptions {
  if (flags.shell && command.length !== 1) {
    throw new InvalidArgumentError('--shell takes exactly one word as COMMAND; put quotes around it')
  }
  if (!(flags.lease >= SESSION_LEASE_MIN_MS && flags.lease <= SESSION_LEASE_MAX_MS)) {
    throw new InvalidArgumentError(
      `--lease must be from ${SESSION_LEASE_MIN_MS / 1000} to ${SESSION_LEASE_MAX_MS / 1000} seconds`,
    )
  }
  if (flags.linger > LINGER_MAX_MS) {
    throw new InvalidArgumentError(`--linger must be at most ${LINGER_MAX_MS / 1000} seconds`)
  }
  const graceMs = flags.grace ?? flags.lease * DEFAULT_GRACE_FRACTION
  if (graceMs > flags.lease * MAX_GRACE_FRACTION) {
    throw new InvalidArgumentError('--grace must be at most a quarter of --lease')
  }
  if (flags.local) refuseServerFlags(flags)
  const shell = flags.shell === true
  return {
    session: {
      endpoints: endpointsFrom(flags, env),
      // A lock of this host speaks to nobody.
      credentials: flags.local ? undefined : readSecurity(flags, env),
      clientId: readClientId(flags.clientId ?? env.TCPNETLOCK_CLIENT_ID),
      leaseMs: flags.lease,
      // No FIN of anybody may free the lock while the command lives; its guardian says `bye` (rules.md rule 5).
      lingerMs: Math.max(flags.linger, flags.lease),
      ...readReach(flags.reach, flags.wait, env),
      keepAliveMs: flags.keepAlive ? flags.keepAliveSecs : undefined,
    },
    asks: readNames(flags, command),
    terms: readTerms(flags),
    isLocal: flags.local === true,
    file: shell ? '/bin/sh' : (command[0] ?? ''),
    wordCount: command.length,
    shell,
    waitMs: flags.wait,
    retries: flags.retry,
    retryWaitMs: flags.retryWait,
    graceMs,
    onLost: flags.onLost ?? { kind: 'terminate' },
    leaveDaemons: flags.leaveDaemons === true,
    hooks: { beforeLock: flags.onBeforeLock ?? [], alreadyLocked: flags.onAlreadyLocked ?? [] },
    conflictStatus: flags.conflictExitCode,
    lostStatus: flags.lostExitCode,
    result: flags.result ?? null,
    tellsHolder: flags.verbose === true || flags.info === true || flags.debug === true,
    verbosity: flags.debug ? Verbosity.debug : flags.info ? Verbosity.info : Verbosity.quiet,
  }
}

function readNames(flags: Flags, command: readonly string[]): readonly Ask[] {
  const given = flags.lockName?.filter((name) => name !== '') ?? []
  const names = given.length > 0 ? given : [flags.once ?? lockNameOf(command)]
  if (names[0] === '') throw new InvalidArgumentError('no lock name can be made from the command; use --lock-name')
  const mode = flags.shared ? ('shared' as const) : undefined
  let asks: readonly Ask[] = []
  checked('--shared, --limit, --permits', () => {
    readAmount({ ...flags, mode })
  })
  checked('--lock-name', () => {
    asks = readAsks(names, readAmount({ ...flags, mode }))
  })
  if (flags.local && asks.some(({ amount }) => amount !== 'exclusive')) {
    throw new InvalidArgumentError('--local: locks of this host are exclusive')
  }
  return asks
}

function readTerms(flags: Flags): DoOptions['terms'] {
  const { meta, once, delay, minHold, ttl, onceTtl } = flags
  if (meta !== undefined) checked('--meta', () => assertMetadata(meta))
  if (once !== undefined) checked('--once', () => assertOnceKey(once))
  if (onceTtl !== undefined && once === undefined) throw new InvalidArgumentError('--once-ttl needs --once')
  return {
    meta,
    once,
    onceTtlMs: atMost('--once-ttl', onceTtl, ONCE_TTL_MAX_MS),
    minHoldMs: atMost('--min-hold', minHold, MIN_HOLD_MAX_MS),
    delayMs: atMost('--delay', delay, LOCK_DELAY_MAX_MS),
    ttlMs: atMost('--ttl', ttl, TTL_MAX_MS),
  }
}

function atMost(flag: string, ms: number | undefined, maxMs: number): number | undefined {
  if (ms !== undefined && ms > maxMs) throw new InvalidArgumentError(`${flag} must be at most ${maxMs / 1000} seconds`)
  return ms
}

function refuseServerFlags(flags: Flags): void {
  for (const [name, flag] of Object.entries(OF_A_SERVER)) {
    if (flags[name as keyof typeof OF_A_SERVER] !== undefined) {
      throw new InvalidArgumentError(`--local has no server: ${flag} means nothing to it`)
    }
  }
}
