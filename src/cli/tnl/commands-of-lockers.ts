/** The commands of script writers: a lock by hand, with the habits of consul-lock, and a leader's command. */
import { type Command, CommanderError } from 'commander'
import { type ElectFlags, elect } from '../lock/elect.js'
import { execute } from '../lock/execute.js'
import type { LockFlags } from '../lock/options.js'
import { takeLock } from '../lock/take.js'
import { type UnlockFlags, unlock } from '../lock/unlock.js'
import { endProgram } from '../shared/end-program.js'
import { LockExit } from '../shared/exit-statuses.js'
import { addExamples, addExitStatuses, addText, ENDPOINTS, JSON_OPTION, verbose } from './common-options.js'

const LOCK_STATUSES = [
  'as consul-lock: 0 done; 1 an environment variable is missing (none is needed today); 2 one has a wrong value;',
  '3 bad usage; 4 permission denied; 5 timed out; 6 invalid key; 7 invalid TTL; 100 not granted;',
  '125 no endpoint answered, or no quorum.',
].join(' ')

const WHAT_LOCK_PRINTS = [
  'Prints what consul-lock prints, and what tnl unlock can be told: created, key, metadata, secondsToLock, secret, session,',
  'token; null when it was not granted. Nobody renews this lock: its token protects what it is for. (tnl execute and tnl do',
  'renew theirs, and end their command in time.)',
].join(' ')

export function addLockers(tnl: Command): void {
  addLock(tnl)
  addUnlock(tnl)
  addExecute(tnl)
  addElect(tnl)
}

function addLock(tnl: Command): void {
  const lock = asConsulLock(tnl.command('lock <KEY>'))
    .description('take a lock that outlives this program: until tnl unlock, on whichever host, or its ttl')
    .option('--ttl <S>', 'it ends by itself after so many seconds (default: a day)')
  addExamples(
    addLockOptions(lock, '0: a day'),
    'if lock=$(tnl lock deploy/web --timeout 60); then ./deploy.sh; tnl unlock deploy/web; fi',
    `tnl lock deploy/web --metadata '{"by": "ci", "build": 311}'`,
    'tnl lock nightly --non-blocking --ttl 3600 || exit 0',
  )
  addText(lock, WHAT_LOCK_PRINTS)
  addExitStatuses(lock, LOCK_STATUSES)
  lock.action((key: string, flags: LockFlags) => takeLock(key, flags, process.env))
}

function addUnlock(tnl: Command): void {
  const command = asConsulLock(tnl.command('unlock <KEY>'))
    .description('end a lock that tnl lock has taken; one that is bound to a session is left alone')
    .option('-r', 'KEY is a regular expression (RE2) for whole names: end all that match')
    .option('--session <ID>', 'only if this session took it (with --secret)')
    .option('--secret <K>', 'what tnl lock has printed beside the session')
    .option('--token <T>', 'the one with this token, if KEY is held several times')
  addExamples(addClient(command), 'tnl unlock deploy/web', "tnl unlock -r 'deploy/.*'")
  addText(command, 'Prints KEY as a JSON string, or null if there was nothing to end; with -r a sorted list of names.')
  addExitStatuses(command, LOCK_STATUSES)
  command.action((key: string, flags: UnlockFlags) => unlock(key, flags, process.env))
}

function addExecute(tnl: Command): void {
  const command = asConsulLock(tnl.command('execute <KEY> <COMMAND>'))
    .description('run COMMAND in a shell, under a lock: as tnl do, with the options of tnl lock')
    .option('--ttl <S>', 'the lock is lost so many seconds after its grant, and COMMAND is ended (default: never)')
  addExamples(
    addLockOptions(command, '0: never'),
    "tnl execute db/migrate './migrate.sh && ./check.sh'",
    "tnl execute nightly --non-blocking './nightly.sh > nightly.log'",
  )
  addText(
    command,
    'COMMAND never runs on without the lock. --json: what happened, as one line of JSON on stderr at the end.',
  )
  addExitStatuses(
    command,
    `that of COMMAND; 122 the lock was lost while it ran; 124 it could not be run to its end; before it runs, ${LOCK_STATUSES}`,
  )
  command.action(async (key: string, line: string, flags: LockFlags) => {
    await endProgram(await execute(key, line, flags, process.env))
  })
}

function addElect(tnl: Command): void {
  const command = tnl
    .command('elect <NAME> <COMMAND...>')
    .description('stand for election, run COMMAND while elected, and stand again when it has ended')
    .option('--meta <TEXT>', 'shown to everybody who asks who leads')
    .option('--lease <S>', 'after so many seconds without a sign of life somebody else is elected (default 10)')
    .option('--pause <S>', 'seconds between the end of COMMAND and the next candidacy (default 1)')
  addExamples(
    addClient(command),
    'tnl elect scheduler -- ./scheduler --queue main',
    'tnl who scheduler                                      # who leads, and who stands by',
  )
  addText(
    command,
    'COMMAND sees TNL_TOKEN, greater than that of every earlier leader, and is ended before anybody else is elected. --json: elections as lines of JSON on stderr. Until a node answers it tries on, unless --reach says otherwise.',
  )
  addExitStatuses(
    command,
    'that of COMMAND when SIGINT, SIGTERM or SIGQUIT has ended it, 128 + signal while it did not run; 2 bad usage; 124 COMMAND could not be run; 125 no endpoint (only with --reach); 126 not executable; 127 not found.',
  )
  command.action(async (name: string, words: string[], flags: ElectFlags) => {
    await endProgram(await elect(name, words, flags, process.env))
  })
}

function addLockOptions(command: Command, zero: string): Command {
  command
    .option('--session-ttl <S>', `the same, as consul-lock has it: 10 to 86400 (${zero})`)
    .option('--non-blocking', 'do not wait')
    .option('--timeout <S>', 'wait at most so many seconds (default 0: as long as it takes)')
    .option('--metadata <JSON>', 'shown to everybody who looks at the lock')
    .option('--on-before-lock <EXE...>', 'programs to run, with KEY, before the lock is asked for')
    .option('--on-already-locked <EXE...>', 'programs to run, with KEY, when it is not to be had at once')
    .option('-i <S>', "consul-lock's interval between two looks; accepted, a grant is told at once")
  return addClient(command)
}

function addClient(command: Command): Command {
  return command
    .option(...ENDPOINTS)
    .option('--client-id <ID>', 'shown as the holder (variable TCPNETLOCK_CLIENT_ID; default user@host.pid)')
    .option('--reach <S|forever>', 'seconds to find a node that answers (variable TNL_REACH; default 10)')
    .option(...JSON_OPTION)
    .addOption(verbose())
}

/** What commander refuses ends with consul-lock's status for bad usage. */
function asConsulLock(command: Command): Command {
  return command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : new CommanderError(LockExit.badUsage, error.code, error.message)
  })
}
