/** tnl-do from its words to its exit status (contract §3). */
import { setTimeout as sleep } from 'node:timers/promises'
import { CommanderError } from 'commander'
import {
  NoEndpointError,
  NoQuorumError,
  NotGrantedError,
  SessionExpiredError,
  TcpNetLockError,
} from '../client/errors.js'
import type { Grant, LockSession } from '../client/lock-session.js'
import { acquireLock } from './do-acquire.js'
import { DoExit, exitStatusOfSignal } from './do-exit-codes.js'
import { Guardian } from './do-guardian.js'
import { DoLog } from './do-log.js'
import { type DoOptions, readDoOptions } from './do-options.js'
import { SignalRelay } from './do-signals.js'
import { Supervision } from './do-supervision.js'

type Environment = Readonly<Record<string, string | undefined>>

/** How long an interrupted wait may take to leave the queue in good order; the end of the connection says the same. */
const LEAVE_QUEUE_TIMEOUT_MS = 200
/** How long the release is tried when no node answers; then the lease ends the lock. */
const RELEASE_TIMEOUT_MS = 5_000

/** Resolves with the exit status. */
export async function runTnlDo(words: readonly string[], env: Environment): Promise<number> {
  let options: DoOptions
  try {
    options = readDoOptions(words, env)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : DoExit.badUsage
  }
  const log = new DoLog('tnl-do', options.verbosity)
  const run = new DoRun(options, log)
  try {
    return await run.run(env)
  } catch (error) {
    if (!(error instanceof TcpNetLockError)) throw error
    log.error(error.message)
    return statusOf(error)
  } finally {
    run.guardian?.dismiss()
  }
}

class DoRun {
  guardian: Guardian | null = null
  private readonly signals = new SignalRelay()
  private session: LockSession | null = null

  constructor(
    private readonly options: DoOptions,
    private readonly log: DoLog,
  ) {}

  async run(env: Environment): Promise<number> {
    const asked = acquireLock(this.options, this.log, (session) => this.opened(session))
    const outcome = await Promise.race([asked, this.signals.interrupted])
    if (typeof outcome === 'string') {
      asked.catch(() => {})
      await Promise.race([this.session?.close(), sleep(LEAVE_QUEUE_TIMEOUT_MS)])
      return exitStatusOfSignal(outcome)
    }
    return this.runCommand(outcome.session, outcome.grant, env)
  }

  private async runCommand(session: LockSession, grant: Grant, env: Environment): Promise<number> {
    const guardian = this.guardian?.alive ? this.guardian : new Guardian()
    this.guardian = guardian
    const supervision = new Supervision(this.options, this.log, session, grant, guardian)
    this.signals.relayTo((signal) => supervision.forward(signal))
    const { status, lost } = await supervision.run(env)
    if (!lost) await Promise.race([session.release(grant).catch(() => {}), sleep(RELEASE_TIMEOUT_MS)])
    await session.close()
    return status
  }

  /** The guardian starts while the lock is being asked for: the command need not wait for it. */
  private opened(session: LockSession): void {
    this.session = session
    this.guardian ??= new Guardian()
  }
}

function statusOf(error: TcpNetLockError): number {
  if (error instanceof NotGrantedError) return DoExit.notGranted
  if (error instanceof NoEndpointError || error instanceof NoQuorumError || error instanceof SessionExpiredError) {
    return DoExit.noEndpoint
  }
  return DoExit.cannotRun
}
