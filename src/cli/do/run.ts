/** tnl-do from its words to its exit status (docs/errors.md). */
import { setTimeout as sleep } from 'node:timers/promises'
import { CommanderError } from 'commander'
import {
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  SessionExpiredError,
  TcpNetLockError,
} from '../../client/errors.js'
import type { Grant, LockSession } from '../../client/session/lock-session.js'
import type { Link } from '../../client/transport/link.js'
import { LEAVE_QUEUE_TIMEOUT_MS, RELEASE_TIMEOUT_MS } from '../guarding/limits.js'
import type { GuardedCommand } from '../guarding/messages.js'
import { acquireLock, HeldAroundError } from '../shared/acquire.js'
import { DoExit, exitStatusOfSignal } from '../shared/exit-statuses.js'
import { formatHeld, HELD_VARIABLE, type HeldMark, readHeld } from '../shared/held.js'
import { ProgramLog } from '../shared/log.js'
import { SignalRelay } from '../shared/signals.js'
import { loadNative, mayHaveNative } from '../system/native.js'
import { readProcess } from '../system/processes.js'
import { Guardian } from './guardian.js'
import { type DoOptions, readDoOptions } from './options.js'
import { isReplaced, readStart, type Start } from './start.js'
import { dismissGuardian, type StartedGuardian, startGuardian } from './started-guardian.js'
import { Supervision } from './supervision.js'

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
  if (!mayHaveNative() && [...words, ...Object.values(env)].some((text) => text !== undefined && isReplaced(text))) {
    log.error('an argument or a variable is not UTF-8; it cannot be given on unchanged on this system')
    if (started !== null) dismissGuardian(started)
    return DoExit.badUsage
  }
  const run = new DoRun(options, log, start, readHeld(env[HELD_VARIABLE]), started)
  try {
    return await run.run()
  } catch (error) {
    if (error instanceof HeldAroundError) {
      log.error(error.message)
      return DoExit.badUsage
    }
    if (!(error instanceof TcpNetLockError)) throw error
    log.error(error.message)
    return statusOf(error)
  } finally {
    run.end()
  }
}

class DoRun {
  private guardian: Guardian
  private readonly signals: SignalRelay
  private session: LockSession | null = null
  private runsOn = false

  constructor(
    private readonly options: DoOptions,
    private readonly log: ProgramLog,
    private readonly start: Start,
    private readonly heldAround: readonly HeldMark[],
    started: StartedGuardian | null,
  ) {
    this.signals = new SignalRelay(start.ignoredSignals)
    this.guardian = new Guardian(started ?? startGuardian(start.descriptors))
  }

  async run(): Promise<number> {
    const request = {
      ...this.options,
      heldAround: this.heldAround,
      beforeOpening: (link: Link) => this.beforeOpening(link),
    }
    const asked = acquireLock(request, this.log, (session) => this.opened(session))
    const outcome = await Promise.race([asked, this.signals.interrupted])
    if (typeof outcome === 'string') {
      asked.catch(() => {})
      await Promise.race([this.session?.close(), sleep(LEAVE_QUEUE_TIMEOUT_MS)])
      return exitStatusOfSignal(outcome)
    }
    return this.runCommand(outcome.session, outcome.grant)
  }

  end(): void {
    if (this.runsOn) this.guardian.release()
    else this.guardian.dismiss()
  }

  private async runCommand(session: LockSession, grant: Grant): Promise<number> {
    this.reviveGuardian()
    const { guardian, signals } = this
    const supervision = new Supervision(this.options, this.log, session, grant, guardian)
    supervision.onStopped = (signal) => {
      signals.stopGroup(signal)
      guardian.continue()
    }
    signals.relayTo((signal) => supervision.forward(signal))
    const { status, lost, runsOn, terminalSignal } = await supervision.run(this.command(session, grant))
    this.runsOn = runsOn
    if (runsOn) return status
    if (!lost) await Promise.race([session.release(grant).catch(() => {}), sleep(RELEASE_TIMEOUT_MS)])
    await session.close()
    // Ctrl-C means the script around tnl-do as well.
    if (terminalSignal === 'SIGINT' || terminalSignal === 'SIGQUIT') {
      this.end()
      signals.dieWithGroup(terminalSignal)
    }
    return status
  }

  private command(session: LockSession, grant: Grant): GuardedCommand {
    const { options, start } = this
    const words = start.lastWords(options.wordCount)
    const [file = '', ...args] = options.shell ? ['/bin/sh', '-c', ...words] : words
    const { ignoredSignals, descriptors, openFiles } = start
    const variables = withoutVariables(start.variables, OWN_VARIABLES)
    const held = { name: grant.name, token: String(grant.token ?? ''), cluster: session.clusterId ?? '' }
    const around = [...this.heldAround, { ...held, holder: options.session.clientId ?? '' }]
    const { graceMs, onLost, leaveDaemons } = options
    return {
      file,
      args,
      variables: [...variables, ...Object.entries(lockVariables(grant, session, around)).map((each) => each.join('='))],
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
    this.reviveGuardian()
    const adopted = this.guardian.adopt(link)
    // The command must not wait for this later; now this process waits for the start of its guardian, on another processor.
    loadNative()
    return adopted
  }

  private opened(session: LockSession): void {
    this.session = session
    this.introduce()
  }

  private reviveGuardian(): void {
    if (this.guardian.alive) return
    this.guardian.dismiss()
    this.guardian = new Guardian(startGuardian(this.start.descriptors))
    this.introduce()
  }

  private introduce(): void {
    const { session } = this
    if (session === null) return
    const { id, secret, link } = session
    const current = link === null ? [] : [link.remote]
    const addresses = [...current, ...this.options.session.endpoints]
    this.guardian.welcomed(id === null || secret === null ? null : { session: id, secret, addresses })
  }
}

/** An outer tnl-do's are not given on. */
const OWN_VARIABLES = ['TNL_LOCK_NAME', 'TNL_TOKEN', 'TNL_SESSION', HELD_VARIABLE]

function lockVariables(
  grant: Grant,
  session: LockSession,
  around: readonly HeldMark[],
): Readonly<Record<string, string>> {
  return {
    TNL_LOCK_NAME: grant.name,
    ...(grant.token === null ? {} : { TNL_TOKEN: String(grant.token) }),
    ...(session.id === null ? {} : { TNL_SESSION: session.id }),
    [HELD_VARIABLE]: formatHeld(around),
  }
}

function withoutVariables(variables: readonly string[], names: readonly string[]): string[] {
  return variables.filter((variable) => !names.some((name) => variable.startsWith(`${name}=`)))
}

function statusOf(error: TcpNetLockError): number {
  if (error instanceof NotGrantedError) return DoExit.notGranted
  if (error instanceof NoEndpointError || error instanceof NoQuorumError || error instanceof SessionExpiredError) {
    return DoExit.noEndpoint
  }
  return DoExit.cannotRun
}
