/** The flags of tnl-do, and its help. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { SESSION_LEASE_DEFAULT_MS } from '../../protocol/limits.js'
import { VERSION } from '../../version.js'
import { EXIT_STATUS_MAX } from '../guarding/limits.js'
import type { OnLost } from '../guarding/messages.js'
import {
  type EndpointFlags,
  positiveSeconds,
  positiveWhole,
  reachSeconds,
  seconds,
  signalName,
  waitSeconds,
  wholeNumber,
} from '../shared/arguments.js'
import { DoExit } from '../shared/exit-statuses.js'
import { writeStderr, writeStdout } from '../shared/log.js'
import { addSecurityOptions, type SecurityFlags } from '../shared/security-options.js'

/** Times in milliseconds. */
export interface Flags extends EndpointFlags, SecurityFlags {
  readonly lockName?: readonly string[]
  readonly shared?: true
  readonly limit?: number
  readonly permits?: number
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
  readonly delay?: number
  readonly minHold?: number
  readonly ttl?: number
  readonly once?: string
  readonly onceTtl?: number
  readonly onLost?: OnLost
  readonly onBeforeLock?: readonly string[]
  readonly onAlreadyLocked?: readonly string[]
  readonly conflictExitCode: number
  readonly lostExitCode: number
  readonly result?: string
  readonly leaveDaemons?: true
  readonly meta?: string
  readonly local?: true
  readonly verbose?: true
  readonly info?: true
  readonly debug?: true
}

const DEFAULT_RETRY_WAIT_MS = 10_000
const DEFAULT_KEEP_ALIVE_MS = 15_000

export function createProgram(): Command {
  const program = new Command('tnl-do')
    .description('Runs COMMAND while it holds a lock. The command never runs on without the lock.')
    .argument('<COMMAND...>', 'the command with its arguments; options end at the first word that is not one')
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ writeOut: writeStdout, writeErr: writeStderr })
    .version(VERSION)
  addLock(program)
  addCluster(program)
  addWaiting(program)
  addLoss(program)
  addSecurityOptions(addWords(program))
  return program.addHelpText('after', HELP)
}

function addLock(program: Command): void {
  program
    .option(
      '--lock-name <NAME>',
      'the lock (default: made from the command); several times: all or nothing; NAME@shared and NAME@P/L ask otherwise than the others',
      several,
    )
    .option('--shared', 'beside others that ask for it shared')
    .option('--limit <L>', 'a semaphore: so many permits in all', positiveWhole)
    .option('--permits <P>', 'how many of them (default 1)', positiveWhole)
    .option('--once <KEY>', 'if COMMAND has ended with 0 under this key before, exit 0 without running it')
    .option('--once-ttl <S>', 'forget that after so many seconds', positiveSeconds)
    .option(
      '--min-hold <S>',
      'nobody else gets the lock in the first S seconds, however soon COMMAND ends',
      positiveSeconds,
    )
    .option('--delay <S>', 'nobody else gets it for S seconds, if this host dies', positiveSeconds)
    .option('--ttl <S>', 'the lock is lost S seconds after its grant', positiveSeconds)
    .option('--local', 'a lock of this host alone: no server is needed')
    .option('--meta <TEXT>', 'shown to everybody who looks at the lock')
}

function addCluster(program: Command): void {
  program
    .option('--endpoints <H:P,...>', 'nodes of the cluster, any of them, any order (variable TNL_ENDPOINTS)')
    .option('--host <HOST>', 'one node (variable TCPNETLOCK_HOST; default localhost)')
    .option('--port <PORT>', 'its port (variable TCPNETLOCK_PORT; default 7654)')
    .option('--client-id <ID>', 'shown as the holder (variable TCPNETLOCK_CLIENT_ID; default user@host.pid)')
    .option(
      '--reach <S|forever>',
      'seconds to find a node that takes the session (variable TNL_REACH; default 10, or, without --wait, until nothing listens anywhere)',
      reachSeconds,
    )
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
    .option('--keep-alive', 'use --keep-alive-secs')
    .addOption(
      option(
        '--keep-alive-secs <S>',
        'seconds between signs of life; may only shorten',
        seconds,
        DEFAULT_KEEP_ALIVE_MS,
      ),
    )
}

function addWaiting(program: Command): void {
  program
    .addOption(option('--wait <S|forever>', 'seconds to wait for the lock', waitSeconds, 0))
    .addOption(option('--retry <N>', 'how often to ask again when the lock was not granted', wholeNumber, 0))
    .addOption(option('--retry-wait <S>', 'seconds between two tries', seconds, DEFAULT_RETRY_WAIT_MS))
    .option('--on-before-lock <EXE>', 'is run with the lock names before each try', several)
    .option('--on-already-locked <EXE>', 'is run with the name of a lock that is not to be had at once', several)
    .addOption(option('--conflict-exit-code <N>', 'instead of 123', exitStatus, DoExit.notGranted))
}

function addLoss(program: Command): void {
  program
    .option('--on-lost <ACTION>', 'terminate (the default), signal:NAME or ignore', onLost)
    .option(
      '--grace <S>',
      'seconds between SIGTERM and SIGKILL when the lock is being lost (default: lease / 5)',
      seconds,
    )
    .option(
      '--leave-daemons',
      'leaves alone what COMMAND has put into a session of its own; it runs on without the lock',
    )
    .addOption(option('--lost-exit-code <N>', 'instead of 122', exitStatus, DoExit.lost))
}

function addWords(program: Command): Command {
  return program
    .option('--shell', 'COMMAND is one word for /bin/sh')
    .option('--result <FILE>', 'writes what happened into FILE, as one JSON object')
    .option('-v, --verbose', 'say whom it waits for')
    .option('--info', 'say what happens')
    .option('--debug', 'say more')
}

/** An option with a default that the help shows as it is written on the command line. */
function option(flags: string, help: string, read: (text: string) => number, standard: number): Option {
  const shown = read === wholeNumber || read === exitStatus ? standard : standard / 1000
  return new Option(flags, help).argParser(read).default(standard, String(shown))
}

function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function exitStatus(text: string): number {
  const status = wholeNumber(text)
  if (status > EXIT_STATUS_MAX) throw new InvalidArgumentError(`an exit status is at most ${EXIT_STATUS_MAX}`)
  return status
}

function onLost(text: string): OnLost {
  if (text === 'terminate' || text === 'ignore') return { kind: text }
  if (text.startsWith('signal:')) return { kind: 'signal', signal: signalName(text.slice('signal:'.length)) }
  throw new InvalidArgumentError('must be terminate, signal:NAME or ignore')
}

const HELP = `
Exit status: that of COMMAND (128 + signal if a signal ended it); 2 bad usage; 122 the lock was lost while COMMAND ran;
123 not granted; 124 COMMAND could not be run to its end; 125 no endpoint or no quorum; 126 not executable; 127 not found.
COMMAND sees TNL_LOCK_NAME, TNL_TOKEN, TNL_SESSION and TNL_HELD (all locks held around it). What it leaves behind is ended
with it, and all that descends from it before the lock can be another's. What it has others start is not covered:
docker run, ssh HOST, kubectl exec, systemd-run, at. What cannot be ended (another user's, by sudo) is named.

--once: at least once, never a success invented. Whoever dies between the end of COMMAND and the record of it leaves none, and
COMMAND runs again. Without --lock-name it locks KEY.

Examples:
  tnl-do --endpoints n1:7654,n2:7654,n3:7654 --lock-name migrate -- python manage.py migrate
  tnl-do --lock-name nightly --wait 600 -v -- ./nightly.sh
  tnl-do --lock-name db --lock-name cache@shared --wait forever -- ./rebuild       # both or none
  tnl-do --lock-name builds --limit 4 --wait forever -- make                       # four at a time, whichever hosts
  tnl-do --once schema-42 --wait forever -- ./migrate 42                           # every host calls it, one runs it
  tnl-do --lock-name nightly --min-hold 60 -- ./nightly.sh                         # cron on hosts with different clocks
  tnl-do --local --lock-name backup -- ./backup.sh                                 # this host alone, no server
`
