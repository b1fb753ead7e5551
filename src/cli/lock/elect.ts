/** `tnl elect NAME -- COMMAND`: COMMAND runs while this program is the leader; when it ends, it stands for election again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError } from 'commander'
import { InvalidOptionError } from '../../client/errors.js'
import { assertLockName, assertMetadata } from '../../client/names.js'
import type { Grant } from '../../client/session/lock-session.js'
import { SESSION_LEASE_DEFAULT_MS, SESSION_LEASE_MAX_MS, SESSION_LEASE_MIN_MS } from '../../protocol/limits.js'
import type { DoOptions } from '../do/options.js'
import type { RunResult } from '../do/result.js'
import { runUnderLock } from '../do/run.js'
import { latin1, readStart, type Start } from '../do/start.js'
import { seconds } from '../shared/arguments.js'
import { CommandFailure } from '../shared/command-failure.js'
import { exitStatusOfSignal, TnlExit } from '../shared/exit-statuses.js'
import { HELD_VARIABLE, readHeld } from '../shared/held.js'
import { ProgramLog, Verbosity, writeStderr } from '../shared/log.js'
import { SignalRelay } from '../shared/signals.js'
import { commandOptions } from './execute.js'
import { ELECTION_PAUSE_DEFAULT_MS } from './limits.js'
import { type ClientFlags, type Environment, readClient } from './options.js'

export interface ElectFlags extends ClientFlags {
  readonly lease?: string
  readonly meta?: string
  readonly pause?: string
  readonly json?: true
}

/** They end the candidacy, also when the command was told; others may mean something to the command (SIGHUP: read again). */
const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGQUIT']

/** Resolves with the exit status, when a signal has ended it or the command cannot be run. */
export async function elect(
  name: string,
  command: readonly string[],
  flags: ElectFlags,
  env: Environment,
): Promise<number> {
  const { options, pauseMs } = readElection(name, command, flags, env)
  const start = startOf(command, env)
  const signals = new SignalRelay(start.ignoredSignals)
  const log = new ProgramLog('tnl elect', options.verbosity)
  const herald = new Herald(name, flags.json === true, log)
  const heldAround = readHeld(env[HELD_VARIABLE])
  for (;;) {
    const onGranted = ({ grants }: { readonly grants: readonly Grant[] }): void =>
      herald.elected(grants[0]?.token ?? null)
    const result = await runUnderLock({ options, log, start, signals, heldAround, started: null, onGranted })
    if (isOver(result, signals)) return result.exitStatus
    herald.ended(result, pauseMs)
    const signal = await Promise.race([signals.interrupted, sleep(pauseMs)])
    if (signal !== undefined) return exitStatusOfSignal(signal)
  }
}

/** Byte for byte, where the command is what the line ends with: behind `--`. */
function startOf(command: readonly string[], env: Environment): Start {
  const words = process.argv.slice(2)
  const start = readStart(words, env)
  const isLast = command.every((word, at) => words[words.length - command.length + at] === word)
  return isLast ? start : { ...start, lastWords: () => command.map(latin1) }
}

function isOver({ outcome, command }: RunResult, signals: SignalRelay): boolean {
  if (outcome === 'interrupted' || ENDING.some((signal) => signals.came.has(signal))) return true
  // It would not start the next time either, or would wait for itself.
  return (outcome === 'failed' && command === null) || outcome === 'deadlock'
}

function readElection(
  name: string,
  command: readonly string[],
  flags: ElectFlags,
  env: Environment,
): { readonly options: DoOptions; readonly pauseMs: number } {
  try {
    assertLockName(name)
    if (flags.meta !== undefined) assertMetadata(flags.meta)
    const pauseMs = flags.pause === undefined ? ELECTION_PAUSE_DEFAULT_MS : seconds(flags.pause)
    const leaseMs = flags.lease === undefined ? SESSION_LEASE_DEFAULT_MS : seconds(flags.lease)
    if (leaseMs < SESSION_LEASE_MIN_MS || leaseMs > SESSION_LEASE_MAX_MS) {
      throw usage(`--lease: from ${SESSION_LEASE_MIN_MS / 1000} to ${SESSION_LEASE_MAX_MS / 1000} seconds`)
    }
    // A candidate is started with its machine, often before the network or the cluster.
    const reach = flags.reach ?? (env.TNL_REACH || 'forever')
    const forever = Number.POSITIVE_INFINITY
    const { session, verbosity } = readClient({ ...flags, reach }, forever, env, TnlExit.usage)
    const options = {
      ...commandOptions({ ...session, leaseMs }, forever, verbosity),
      asks: [{ name, amount: 'exclusive' as const }],
      terms: { meta: flags.meta },
      file: command[0] ?? '',
      wordCount: command.length,
      shell: false,
      hooks: { beforeLock: [], alreadyLocked: [] },
      tellsHolder: flags.json !== true,
      verbosity: flags.json === true ? Verbosity.quiet : verbosity,
    }
    return { options, pauseMs }
  } catch (error) {
    if (!(error instanceof InvalidOptionError) && !(error instanceof InvalidArgumentError)) throw error
    throw usage(error.message)
  }
}

/** Says on stderr what becomes of the election: stdout is the command's. */
class Herald {
  #token: number | null = null

  constructor(
    private readonly name: string,
    private readonly asJson: boolean,
    private readonly log: ProgramLog,
  ) {}

  elected(token: number | null): void {
    this.#token = token
    this.#say({ event: 'elected' }, `elected: leads '${this.name}' now, token ${token}`)
  }

  ended({ outcome, command }: RunResult, pauseMs: number): void {
    const how = command?.signal ?? `exit status ${command?.status}`
    const words =
      outcome === 'lost' ? 'the lock was lost' : outcome === 'ran' ? `the command ended with ${how}` : outcome
    const next = `stands for election again in ${pauseMs / 1000} s`
    this.#say({ event: 'ended', outcome, command }, `no longer leads '${this.name}' (${words}); ${next}`)
    this.#token = null
  }

  #say(json: object, words: string): void {
    if (!this.asJson) this.log.error(words)
    else {
      const at = new Date().toISOString()
      writeStderr(`${JSON.stringify({ ...json, name: this.name, token: this.#token, at })}\n`)
    }
  }
}

const usage = (message: string): CommandFailure => new CommandFailure(TnlExit.usage, message)
