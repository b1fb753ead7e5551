/** tnl-client: takes a lock and holds it until this program ends. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import {
  InsecureConnectionError,
  type LostReason,
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  TcpNetLockError,
  TlsError,
} from '../../client/errors.js'
import { DEFAULT_REACH_MS } from '../../client/limits.js'
import { assertClientId, assertLockName } from '../../client/names.js'
import type { LockSession } from '../../client/session/lock-session.js'
import { SESSION_LEASE_DEFAULT_MS } from '../../protocol/limits.js'
import { VERSION } from '../../version.js'
import { type Acquired, type AcquireRequest, acquireLocks } from '../shared/acquire.js'
import { checked, type EndpointFlags, endpointsFrom, seconds } from '../shared/arguments.js'
import { ClientExit, exitStatusOfSignal } from '../shared/exit-statuses.js'
import { ProgramLog, Verbosity, writeStderr, writeStdout } from '../shared/log.js'
import { addSecurityOptions, readSecurity, type SecurityFlags } from '../shared/security-options.js'
import { SignalRelay } from '../shared/signals.js'

interface Flags extends EndpointFlags, SecurityFlags {
  readonly clientId?: string
  readonly keepAlive?: true
  readonly keepAliveSecs?: number
  readonly info?: true
  readonly debug?: true
}

type Environment = Readonly<Record<string, string | undefined>>

/** As C programs, and the original, name it. */
const CONNECTION_REFUSED_TEXT = '[Errno 111] Connection refused'
const GOODBYE_TIMEOUT_MS = 1_000

/** Resolves with the exit status. */
export async function runTnlClient(words: readonly string[], env: Environment): Promise<number> {
  let request: AcquireRequest
  let log: ProgramLog
  try {
    ;({ request, log } = readOptions(words, env))
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : ClientExit.refused
  }
  try {
    return await hold(request, log)
  } catch (error) {
    if (!(error instanceof TcpNetLockError)) throw error
    return explain(error, nameOf(request), log)
  }
}

async function hold(request: AcquireRequest, log: ProgramLog): Promise<number> {
  const signals = new SignalRelay()
  const sessions: LockSession[] = []
  const held = acquireLocks(request, log, (session) => sessions.push(session)).then(untilLost)
  // Whichever comes second has nobody left to hear it.
  held.catch(() => {})
  const end = await Promise.race([held, signals.interrupted.then((signal) => ({ signal }))])
  await Promise.race([Promise.all(sessions.map((session) => session.close())), sleep(GOODBYE_TIMEOUT_MS)])
  if ('signal' in end) return exitStatusOfSignal(end.signal)
  log.error(`disconnected while holding the lock '${nameOf(request)}' (${end.reason})`)
  return ClientExit.lost
}

function untilLost({ session, grants }: Acquired): Promise<{ reason: LostReason }> {
  return new Promise((resolve) => {
    session.hooks = { ...session.hooks, lost: (_, reason) => resolve({ reason }) }
    // Between the grant and this line nobody listened.
    if (!grants.every((grant) => session.holds(grant))) resolve({ reason: 'lease-expired' })
  })
}

const nameOf = (request: AcquireRequest): string => request.asks[0]?.name ?? ''

function explain(error: TcpNetLockError, lockName: string, log: ProgramLog): number {
  if (error instanceof NotGrantedError) {
    log.error(`lock '${lockName}' not granted${error.holder === null ? '' : `: held by ${error.holder}`}`)
    return ClientExit.notGranted
  }
  if (error instanceof NoEndpointError && error.failures.some(({ refused }) => refused)) {
    log.error(`${CONNECTION_REFUSED_TEXT}: ${error.failures.map(({ address }) => address).join(', ')}`)
    return ClientExit.refused
  }
  log.error(error.message)
  return UNREACHABLE.some((kind) => error instanceof kind) ? ClientExit.connectFailed : ClientExit.unknown
}

const UNREACHABLE = [NoEndpointError, NoQuorumError, TlsError, InsecureConnectionError] as const

function readOptions(words: readonly string[], env: Environment): { request: AcquireRequest; log: ProgramLog } {
  const program = createProgram()
  program.parse(words, { from: 'user' })
  const flags = program.opts<Flags>()
  const lockName = program.args[0] ?? ''
  const clientId = flags.clientId ?? env.TCPNETLOCK_CLIENT_ID
  try {
    checked('LOCK', () => assertLockName(lockName))
    if (clientId !== undefined) checked('--client-id', () => assertClientId(clientId))
    const session = {
      endpoints: endpointsFrom(flags, env),
      credentials: readSecurity(flags, env),
      clientId,
      leaseMs: SESSION_LEASE_DEFAULT_MS,
      lingerMs: 0,
      reachMs: DEFAULT_REACH_MS,
      // As the original: who finds nobody listening says so at once.
      refusalIsFinal: true,
      keepAliveMs: flags.keepAlive ? flags.keepAliveSecs : undefined,
    }
    const asks = [{ name: lockName, amount: 'exclusive' as const }]
    const request = { session, asks, waitMs: 0, retries: 0, retryWaitMs: 0, tellsHolder: false }
    return { request, log: new ProgramLog('tnl-client', verbosityOf(flags)) }
  } catch (error) {
    if (error instanceof InvalidArgumentError) program.error(`error: ${error.message}`)
    throw error
  }
}

export function createProgram(): Command {
  const program = new Command('tnl-client')
    .description('Takes a lock and holds it until this program ends.')
    .argument('<LOCK>', 'name of the lock')
    .exitOverride()
    .configureOutput({ writeOut: writeStdout, writeErr: writeStderr })
    .version(VERSION)
    .option('--endpoints <H:P,...>', 'nodes of the cluster, any of them, any order (variable TNL_ENDPOINTS)')
    .option('--host <HOST>', 'one node (variable TCPNETLOCK_HOST; default localhost)')
    .option('--port <PORT>', 'its port (variable TCPNETLOCK_PORT; default 7654)')
    .option('--client-id <ID>', 'shown as the holder (variable TCPNETLOCK_CLIENT_ID)')
    .option('--keep-alive', 'use --keep-alive-secs')
    .option('--keep-alive-secs <S>', 'seconds between signs of life; may only shorten', seconds)
    .option('--info', 'say what happens')
    .option('--debug', 'say more')
  return addSecurityOptions(program).addHelpText('after', EXIT_STATUS_HELP)
}

function verbosityOf({ info, debug }: Flags): Verbosity {
  return debug ? Verbosity.debug : info ? Verbosity.info : Verbosity.quiet
}

const EXIT_STATUS_HELP = `
Exit status: 2 connection refused, or bad usage; 3 failed to connect; 4 another error; 122 disconnected while holding;
123 not granted; 128 + signal when a signal ended it.

Example:
  tnl-client --endpoints n1:7654,n2:7654,n3:7654 nightly
`
