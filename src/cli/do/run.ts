/** tnl-do from its words to its exit status (docs/errors.md). */
import { setTimeout as sleep } from 'node:timers/promises'
import { CommanderError } from 'commander'
import {
  AlreadyDoneError,
  DeadlockError,
  InsecureConnectionError,
  LockLostError,
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  SessionExpiredError,
  TcpNetLockError,
  TlsError,
  UnauthorizedError,
} from '../../client/errors.js'
import { authTokenOf } from '../../client/security/credential-options.js'
import { Credentials } from '../../client/security/credentials.js'
import { LocalSession, mayLockLocally } from '../../client/session/local-session.js'
import type { Grant, LockSession } from '../../client/session/lock-session.js'
import type { Link } from '../../client/transport/link.js'
import { LEAVE_QUEUE_TIMEOUT_MS, MARK_TIMEOUT_MS, RELEASE_TIMEOUT_MS } from '../guarding/limits.js'
import type { GuardedCommand } from '../guarding/messages.js'
import { type Acquired, type AcquireRequest, acquireLocks, HeldAroundError } from '../shared/acquire.js'
import { DoExit, exitStatusOfSignal } from '../shared/exit-statuses.js'
import { formatHeld, HELD_VARIABLE, type HeldMark, readHeld } from '../shared/held.js'
import { ProgramLog } from '../shared/log.js'
import { SignalRelay } from '../shared/signals.js'
import { loadNative, mayHaveNative } from '../system/native.js'
import { readProcess } from '../system/processes.js'
import { descriptorOf } from '../system/raw-handle.js'
import { Guardian } from './guardian.js'
import { UserHooks } from './hooks.js'
import { type DoOptions, readDoOptions } from './options.js'
import { type OutcomeWord, prepareResult, RunRecord, type RunResult, writeResult } from './result.js'
import { isReplaced, readStart, type Start } from './start.js'
import { dismissGuardian, type StartedGuardian, startGuardian } from './started-guardian.js'
import { type Outcome, Supervision } from './supervision.js'

type Environment = Readonly<Record<string, string | undefined>>

/** Resolves with the exit status. `started`: a guardian that runs already. */
export async function runTnlDo(
  words: readonly string[],
  env: Environment,
  started: StartedGuardian | null = null,
): Promise<number> {
  let options: DoOptions
  try {
    options = readDoOptions(words, env)
  } catch (error) {
    if (started !== null) dismissGuardian(started)
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : DoExit.badUsage
  }
  const log = new ProgramLog('tnl-do', options.verbosity)
  const start = readStart(words, env)
  const obstacle = obstacleTo(options, words, env, start)
  if (obstacle !== null) {
    log.error(obstacle)
    if (started !== null) dismissGuardian(started)
    return DoExit.badUsage
  }
  const heldAround = readHeld(env[HELD_VARIABLE])
  const signals = new SignalRelay(start.ignoredSignals)
  const result = await runUnderLock({ options, log, start, signals, heldAround, started })
  return result.exitStatus
}

/** What a run of a command needs. */
export interface RunSurroundings {
  readonly options: DoOptions
  readonly log: ProgramLog
  readonly start: Start
  /** Of this process; after the run signals end a wait again. */
  readonly signals: SignalRelay
  /** Locks that are held around this program. */
  readonly heldAround: readonly HeldMark[]
  /** A guardian that runs already. */
  readonly started: StartedGuardian | null
  /** Told before the command starts. */
  readonly onGranted?: (acquired: Acquired) => void
}

/** Takes the locks, runs the command, gives them back. What kept it from that is in the result, and was said in `log`. */
export async function runUnderLock(surroundings: RunSurroundings): Promise<RunResult> {
  const { options, log, signals } = surroundings
  const record = new RunRecord(options)
  const run = new DoRun(surroundings, record)
  try {
    return run.tell(await run.run())
  } catch (error) {
    if (!(error instanceof HeldAroundError) && !(error instanceof TcpNetLockError)) throw error
    const { status, word } = endOf(error, options)
    if (status === 0) log.info(error.message)
    else log.error(error.message)
    record.outcome(word, error)
    await run.hooksSettled()
    return run.tell(status)
  } finally {
    run.end()
    signals.relayTo(null)
  }
}

/** Why nothing is run, found before anybody is asked for a lock; null: nothing is in the way. */
function obstacleTo(options: DoOptions, words: readonly string[], env: Environment, start: Start): string | null {
  if (!mayHaveNative() && [...words, ...Object.values(env)].some((text) => text !== undefined && isReplaced(text))) {
    return 'an argument or a variable is not UTF-8; it cannot be given on unchanged on this system'
  }
  if (options.isLocal && !mayLockLocally) return '--local needs Linux'
  if (options.result === null) return null
  try {
    prepareResult(options.result, start.descriptors)
    return null
  } catch (error) {
    return `--result ${options.result}: ${error instanceof Error ? error.message : String(error)}`
  }
}

class DoRun {
  private guardian: Guardian | null
  private readonly options: DoOptions
  private readonly log: ProgramLog
  private readonly start: Start
  private readonly heldAround: readonly HeldMark[]
  private readonly signals: SignalRelay
  private readonly hooks: UserHooks
  private session: LockSession | null = null
  private runsOn = false

  constructor(
    private readonly surroundings: RunSurroundings,
    private readonly record: RunRecord,
  ) {
    const { options, log, start, signals, heldAround, started } = surroundings
    this.options = options
    this.log = log
    this.start = start
    this.heldAround = heldAround
    this.signals = signals
    this.guardian = started === null ? null : new Guardian(started)
    this.hooks = new UserHooks(start.variables, log, (processId) => this.guardian?.ignore(processId))
  }

  async run(): Promise<number> {
    const asked = acquireLocks(this.request(), this.log, (session) => this.opened(session))
    const outcome = await Promise.race([asked, this.signals.interrupted])
    if (typeof outcome === 'string') {
      asked.catch(() => {})
      this.hooks.end()
      this.record.outcome('interrupted')
      await Promise.race([this.session?.close(), sleep(LEAVE_QUEUE_TIMEOUT_MS)])
      return exitStatusOfSignal(outcome)
    }
    return this.runCommand(outcome)
  }

  end(): void {
    if (this.runsOn) this.guardian?.release()
    else this.guardian?.dismiss()
  }

  hooksSettled(): Promise<unknown> {
    return Promise.race([this.hooks.settled(), this.signals.interrupted.then(() => this.hooks.end())])
  }

  /** Writes the result that was asked for. The status stays what it is. */
  tell(status: number): RunResult {
    const result = this.record.toResult(status)
    if (this.options.result === null) return result
    try {
      writeResult(this.options.result, result)
    } catch (error) {
      this.log.error(`the result cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
    return result
  }

  private request(): AcquireRequest {
    const { options, hooks } = this
    const names = options.asks.map(({ name }) => name)
    const { clientId } = options.session
    return {
      ...options,
      heldAround: this.heldAround,
      beforeOpening: (link: Link) => this.beforeOpening(link),
      beforeTry: () => hooks.runAll(options.hooks.beforeLock, names),
      alreadyLocked: (name) => void hooks.runAll(options.hooks.alreadyLocked, [name]),
      ...(options.isLocal ? { open: () => new LocalSession(clientId) } : {}),
    }
  }

  private async runCommand(acquired: Acquired): Promise<number> {
    const { session, grants } = acquired
    this.record.granted(acquired)
    this.surroundings.onGranted?.(acquired)
    const guardian = this.readyGuardian()
    const { signals } = this
    const supervision = new Supervision(this.options, this.log, session, grants, guardian)
    supervision.onStopped = (signal) => {
      signals.stopGroup(signal)
      guardian.continue()
    }
    signals.relayTo((signal) => supervision.forward(signal))
    const outcome = await supervision.run(this.command(session, grants))
    this.record.ended(outcome.command, outcome.loss)
    this.runsOn = outcome.runsOn
    if (outcome.runsOn) return outcome.status
    const status = await this.giveBack(acquired, outcome)
    await this.hooks.settled()
    // Ctrl-C means the script around tnl-do as well.
    const { terminalSignal } = outcome
    if (terminalSignal === 'SIGINT' || terminalSignal === 'SIGQUIT') {
      this.tell(status)
      this.end()
      signals.dieWithGroup(terminalSignal)
    }
    return status
  }

  /** Nothing of the command is left. */
  private async giveBack({ session, grants }: Acquired, { status, loss, command }: Outcome): Promise<number> {
    const { once } = this.options.terms
    const [first, ...others] = grants
    let left = grants
    let finalStatus = status
    if (once !== undefined && first !== undefined && loss === null && command?.code === 0) {
      finalStatus = await this.recordSuccess(session, first, once)
      left = others
    }
    if (session.isLocal) {
      // Both have the lock as well.
      this.guardian?.dismiss()
      await this.guardian?.gone()
    }
    if (loss === null) {
      const released = Promise.all(left.map((grant) => session.release(grant).catch(() => {})))
      await Promise.race([released, sleep(RELEASE_TIMEOUT_MS)])
    }
    await session.close()
    return finalStatus
  }

  /** Success counts when the release with its mark is committed. */
  private async recordSuccess(session: LockSession, grant: Grant, key: string): Promise<number> {
    const unconfirmed = new NoQuorumError('no node has confirmed it')
    const impatient = new Promise<never>((_, reject) => this.signals.relayTo(() => reject(unconfirmed)))
    const late = sleep(MARK_TIMEOUT_MS).then(() => Promise.reject(unconfirmed))
    late.catch(() => {})
    impatient.catch(() => {})
    try {
      await Promise.race([session.releaseDone(grant), late, impatient])
      this.record.marked()
      return 0
    } catch (error) {
      if (!(error instanceof TcpNetLockError)) throw error
      const isLost = error instanceof LockLostError || error instanceof SessionExpiredError
      this.record.outcome(isLost ? 'lost' : 'unreachable', error)
      this.log.error(`the command has succeeded, but not on record (${error.message}): '${key}' will run again`)
      return isLost ? this.options.lostStatus : DoExit.noEndpoint
    }
  }

  private command(session: LockSession, grants: readonly Grant[]): GuardedCommand {
    const { options, start } = this
    const words = start.lastWords(options.wordCount)
    const [file = '', ...args] = options.shell ? ['/bin/sh', '-c', ...words] : words
    const { ignoredSignals, descriptors, openFiles } = start
    const variables = [...withoutVariables(start.variables, OWN_VARIABLES), ...movedToken(start.variables)]
    const holder = options.session.clientId
    const marks = grants.map(({ name, token }) => ({
      name,
      token: String(token ?? ''),
      cluster: session.clusterId ?? '',
      holder,
    }))
    const { graceMs, onLost, leaveDaemons } = options
    return {
      file,
      args,
      variables: [...variables, ...lockVariables(grants, session, [...this.heldAround, ...marks])],
      graceMs,
      onLost,
      leaveDaemons,
      ignoredSignals,
      descriptors,
      openFiles,
      outerGroup: readProcess('self')?.group ?? process.pid,
    }
  }

  /** Before `hello` too: whoever dies while it waits leaves the queue by its guardian's word. */
  private beforeOpening(link: Link): Promise<void> {
    const adopted = this.readyGuardian().adopt(link)
    // The command must not wait for this later; now this process waits for the start of its guardian, on another processor.
    loadNative()
    return adopted
  }

  private opened(session: LockSession): void {
    this.session = session
    this.introduce()
  }

  private readyGuardian(): Guardian {
    if (this.guardian?.alive) return this.guardian
    this.guardian?.dismiss()
    const { session } = this
    const locks = session instanceof LocalSession ? session.servers.flatMap((server) => descriptorOf(server) ?? []) : []
    this.guardian = new Guardian(startGuardian(this.start.descriptors, undefined, locks))
    this.introduce()
    return this.guardian
  }

  private introduce(): void {
    const { session } = this
    if (session === null) return
    const { id, secret, link } = session
    const current = link === null ? [] : [link.remote]
    const { endpoints, credentials = Credentials.NONE } = this.options.session
    const addresses = [...current, ...endpoints]
    const isKnown = id !== null && secret !== null
    this.guardian?.welcomed(isKnown ? { session: id, secret, addresses, credentials: credentials.kept } : null)
  }
}

/** An outer tnl-do's are not given on. */
const OWN_VARIABLES = ['TNL_LOCK_NAME', 'TNL_TOKEN', 'TNL_SESSION', HELD_VARIABLE]

/** Of several locks `TNL_LOCK_NAME` and `TNL_TOKEN` have all, separated by spaces, in the order asked. */
function lockVariables(grants: readonly Grant[], session: LockSession, around: readonly HeldMark[]): readonly string[] {
  const tokens = grants.flatMap(({ token }) => token ?? [])
  return [
    `TNL_LOCK_NAME=${grants.map(({ name }) => name).join(' ')}`,
    ...(tokens.length === 0 ? [] : [`TNL_TOKEN=${tokens.join(' ')}`]),
    ...(session.id === null ? [] : [`TNL_SESSION=${session.id}`]),
    `${HELD_VARIABLE}=${formatHeld(around)}`,
  ]
}

/** What says who this program is stands where the fencing token is about to stand: a tnl-do inside the command needs it too. */
function movedToken(variables: readonly string[]): string[] {
  const read = (name: string): string | undefined => {
    const prefix = `${name}=`
    return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length)
  }
  const token = authTokenOf(read('TNL_TOKEN'))
  return token === null || read('TNL_AUTH_TOKEN') ? [] : [`TNL_AUTH_TOKEN=${token}`]
}

function withoutVariables(variables: readonly string[], names: readonly string[]): string[] {
  return variables.filter((variable) => !names.some((name) => variable.startsWith(`${name}=`)))
}

const UNREACHABLE = [NoEndpointError, NoQuorumError, SessionExpiredError, TlsError, InsecureConnectionError] as const

function endOf(error: unknown, options: DoOptions): { readonly status: number; readonly word: OutcomeWord } {
  if (error instanceof AlreadyDoneError) return { status: 0, word: 'done-before' }
  if (error instanceof HeldAroundError) return { status: DoExit.badUsage, word: 'deadlock' }
  if (error instanceof NotGrantedError) return { status: options.conflictStatus, word: 'not-granted' }
  if (error instanceof DeadlockError) return { status: options.conflictStatus, word: 'deadlock' }
  // It was the cluster that refused, and nothing is wrong with the command.
  if (error instanceof UnauthorizedError) return { status: DoExit.noEndpoint, word: 'failed' }
  if (UNREACHABLE.some((kind) => error instanceof kind)) return { status: DoExit.noEndpoint, word: 'unreachable' }
  return { status: DoExit.cannotRun, word: 'failed' }
}
