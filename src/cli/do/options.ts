/** The command line of tnl-do. */
import { hostname, userInfo } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_REACH_MS } from '../../client/limits.js'
import { assertClientId, assertLockName, assertMetadata } from '../../client/names.js'
import type { SessionOptions } from '../../client/session/session.js'
import {
  CLIENT_ID_MAX_CHARS,
  LINGER_MAX_MS,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
} from '../../protocol/limits.js'
import { VERSION } from '../../version.js'
import type { OnLost } from '../guarding/messages.js'
import {
  checked,
  type EndpointFlags,
  endpointsFrom,
  reachSeconds,
  seconds,
  signalName,
  waitSeconds,
  wholeNumber,
} from '../shared/arguments.js'
import { Verbosity, writeStderr, writeStdout } from '../shared/log.js'
import { lockNameOf } from './lock-name.js'

export interface DoOptions {
  readonly session: SessionOptions
  readonly lockName: string
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
  readonly meta: string | undefined
  /** Says on stderr whom it waits for. */
  readonly tellsHolder: boolean
  readonly verbosity: Verbosity
}

interface Flags extends EndpointFlags {
  readonly lockName?: string
  readonly clientId?: string
  readonly retry: number
  readonly retryWait: number
  readonly keepAlive?: true
  readonly keepAliveSecs: number
  readonly shell?: true
  readonly wait: number
  readonly reach?: number
  readonly lease: number
  readonly linger: number
  readonly grace?: number
  readonly onLost?: OnLost
  readonly leaveDaemons?: true
  readonly meta?: string
  readonly verbose?: true
  readonly info?: true
  readonly debug?: true
}

type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_RETRY_WAIT_MS = 10_000
const DEFAULT_KEEP_ALIVE_MS = 15_000
/** A command is asked to end this part of the lease before the lock may be another's. */
const DEFAULT_GRACE_FRACTION = 1 / 5
const MAX_GRACE_FRACTION = 1 / 4

const NOT_SUPPORTED_YET = [
  '--shared',
  '--permits <P>',
  '--limit <L>',
  '--once <KEY>',
  '--min-hold <S>',
  '--result <FILE>',
  '--on-before-lock <EXE>',
  '--on-already-locked <EXE>',
  '--conflict-exit-code <N>',
  '--lost-exit-code <N>',
]

/** Throws CommanderError (already told to the user) for bad usage, `--help` and `--version`. */
export function readDoOptions(words: readonly string[], env: Environment): DoOptions {
  const program = createProgram()
  program.parse(words, { from: 'user' })
  const flags = program.opts<Flags>()
  try {
    refuseUnsupported(program)
    return fromFlags(flags, program.args, env)
  } catch (error) {
    if (error instanceof InvalidArgumentError) program.error(`error: ${error.message}`)
    throw error
  }
}

function createProgram(): Command {
  const program = new Command('tnl-do')
    .description('Runs COMMAND while it holds a lock. The command never runs on without the lock.')
    .argument('<COMMAND...>', 'the command with its arguments; options end at the first word that is not one')
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ writeOut: writeStdout, writeErr: writeStderr })
    .version(VERSION)
    .option('--lock-name <NAME>', 'the lock (default: made from the command)')
    .option('--endpoints <H:P,...>', 'nodes of the cluster, any of them, any order (variable TNL_ENDPOINTS)')
    .option('--host <HOST>', 'one node (variable TCPNETLOCK_HOST; default localhost)')
    .option('--port <PORT>', 'its port (variable TCPNETLOCK_PORT; default 7654)')
    .option('--client-id <ID>', 'shown as the holder (variable TCPNETLOCK_CLIENT_ID; default user@host.pid)')
    .option(
      '--reach <S|forever>',
      'seconds to find a node that takes the session (variable TNL_REACH; default 10, or, without --wait, until nothing listens anywhere)',
      reachSeconds,
    )
    .addOption(option('--wait <S|forever>', 'seconds to wait for the lock', waitSeconds, 0))
    .addOption(option('--retry <N>', 'how often to ask again when the lock was not granted', wholeNumber, 0))
    .addOption(option('--retry-wait <S>', 'seconds between two tries', seconds, DEFAULT_RETRY_WAIT_MS))
    .addOption(
      option(
        '--lease <S>',
        'seconds for which the lock outlives a broken connection',
        seconds,
        SESSION_LEASE_DEFAULT_MS,
      ),
    )
    .addOption(
      option('--linger <S>', 'seconds for which it outlives an orderly end by a proxy; at least the lease', seconds, 0),
    )
    .option(
      '--grace <S>',
      'seconds between SIGTERM and SIGKILL when the lock is being lost (default: lease / 5)',
      seconds,
    )
    .option('--on-lost <ACTION>', 'terminate (the default), signal:NAME or ignore', onLost)
    .option(
      '--leave-daemons',
      'leaves alone what COMMAND has put into a session of its own; it runs on without the lock',
    )
    .option('--meta <TEXT>', 'shown to everybody who looks at the lock')
    .option('--shell', 'COMMAND is one word for /bin/sh')
    .option('--keep-alive', 'use --keep-alive-secs')
    .addOption(
      option(
        '--keep-alive-secs <S>',
        'seconds between signs of life; may only shorten',
        seconds,
        DEFAULT_KEEP_ALIVE_MS,
      ),
    )
    .option('-v, --verbose', 'say whom it waits for')
    .option('--info', 'say what happens')
    .option('--debug', 'say more')
    .addHelpText('after', EXIT_STATUS_HELP)
  for (const flags of NOT_SUPPORTED_YET) program.addOption(new Option(flags).hideHelp())
  return program
}

/** An option with a default that the help shows in seconds, as it is written on the command line. */
function option(flags: string, help: string, read: (text: string) => number, standard: number): Option {
  const shown = read === wholeNumber ? standard : standard / 1000
  return new Option(flags, help).argParser(read).default(standard, String(shown))
}

const EXIT_STATUS_HELP = `
Exit status: that of COMMAND (128 + signal if a signal ended it); 2 bad usage; 122 the lock was lost while COMMAND ran;
123 not granted; 124 COMMAND could not be run to its end; 125 no endpoint or no quorum; 126 not executable; 127 not found.
COMMAND sees TNL_LOCK_NAME, TNL_TOKEN, TNL_SESSION and TNL_HELD (all locks held around it). What it leaves behind is ended
with it, and all that descends from it before the lock can be another's. What it has others start is not covered:
docker run, ssh HOST, kubectl exec, systemd-run, at. What cannot be ended (another user's, by sudo) is named.

Examples:
  tnl-do --endpoints n1:7654,n2:7654,n3:7654 --lock-name migrate -- python manage.py migrate
  tnl-do --lock-name nightly --wait 600 -v -- ./nightly.sh
`

function refuseUnsupported(program: Command): void {
  for (const flags of NOT_SUPPORTED_YET) {
    const option = new Option(flags)
    if (program.getOptionValueSource(option.attributeName()) !== undefined) {
      throw new InvalidArgumentError(`${option.long} is not supported yet`)
    }
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
  const { meta } = flags
  if (meta !== undefined) checked('--meta', () => assertMetadata(meta))
  const lockName = readLockName(flags.lockName, command)
  const shell = flags.shell === true
  return {
    session: {
      endpoints: endpointsFrom(flags, env),
      clientId: readClientId(flags.clientId ?? env.TCPNETLOCK_CLIENT_ID),
      leaseMs: flags.lease,
      // No FIN of anybody may free the lock while the command lives; its guardian says `bye` (rules.md rule 5).
      lingerMs: Math.max(flags.linger, flags.lease),
      ...readReach(flags, env),
      keepAliveMs: flags.keepAlive ? flags.keepAliveSecs : undefined,
    },
    lockName,
    file: shell ? '/bin/sh' : (command[0] ?? ''),
    wordCount: command.length,
    shell,
    waitMs: flags.wait,
    retries: flags.retry,
    retryWaitMs: flags.retryWait,
    graceMs,
    onLost: flags.onLost ?? { kind: 'terminate' },
    leaveDaemons: flags.leaveDaemons === true,
    meta,
    tellsHolder: flags.verbose === true || flags.info === true || flags.debug === true,
    verbosity: flags.debug ? Verbosity.debug : flags.info ? Verbosity.info : Verbosity.quiet,
  }
}

function readLockName(given: string | undefined, command: readonly string[]): string {
  const name = given || lockNameOf(command)
  if (name === '') throw new InvalidArgumentError('no lock name can be made from the command; use --lock-name')
  checked('--lock-name', () => assertLockName(name))
  return name
}

/** Who did not ask to wait is told at once that nothing listens anywhere; who waits for a lock waits for a node as well. */
function readReach(flags: Flags, env: Environment): Pick<SessionOptions, 'reachMs' | 'resumeMs' | 'refusalIsFinal'> {
  const asked = flags.reach ?? reachFrom(env.TNL_REACH)
  const reachMs = asked ?? DEFAULT_REACH_MS
  return { reachMs, resumeMs: Math.max(reachMs, flags.wait), refusalIsFinal: asked === null && flags.wait === 0 }
}

function reachFrom(text: string | undefined): number | null {
  if (text === undefined || text === '') return null
  try {
    return reachSeconds(text)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new InvalidArgumentError(`TNL_REACH '${text}': ${error.message}`)
    throw error
  }
}

function readClientId(given: string | undefined): string {
  if (given !== undefined) {
    checked('--client-id', () => assertClientId(given))
    return given
  }
  return `${userName()}@${hostname()}.${process.pid}`.replace(/[^A-Za-z0-9.@_-]/g, '_').slice(-CLIENT_ID_MAX_CHARS)
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a user id that has no name.
    return `uid${process.getuid?.() ?? ''}`
  }
}

function onLost(text: string): OnLost {
  if (text === 'terminate' || text === 'ignore') return { kind: text }
  if (text.startsWith('signal:')) return { kind: 'signal', signal: signalName(text.slice('signal:'.length)) }
  throw new InvalidArgumentError('must be terminate, signal:NAME or ignore')
}
