/** `tnl lock KEY`: a lock that outlives the program, until `tnl unlock`, on whichever host, or its ttl. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LockSession } from '../../client/session/lock-session.js'
import { ClientSession } from '../../client/session/session.js'
import { UserHooks } from '../do/hooks.js'
import { readStart } from '../do/start.js'
import { type Acquired, acquireLocks, UnansweredError } from '../shared/acquire.js'
import { CommandFailure } from '../shared/command-failure.js'
import { exitStatusOfSignal, LockExit } from '../shared/exit-statuses.js'
import { HELD_VARIABLE, readHeld } from '../shared/held.js'
import { ProgramLog } from '../shared/log.js'
import { GIVE_UP_TIMEOUT_MS, LOOSE_TTL_DEFAULT_MS } from './limits.js'
import { type Environment, type LockFlags, type LockRequest, readLockRequest } from './options.js'
import { printResult } from './print-result.js'
import { lockFailure } from './refusals.js'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

export async function takeLock(key: string, flags: LockFlags, env: Environment): Promise<void> {
  const request = readLockRequest(key, flags, env)
  const taking = new Taking(request, env)
  try {
    await taking.run()
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    const failure = lockFailure(error, key, request.waitMs > 0)
    const isDecided = failure.exitCode === LockExit.timedOut || failure.exitCode === LockExit.notGranted
    if (isDecided) await printResult(null)
    if (!(error instanceof UnansweredError)) throw failure
    throw new CommandFailure(failure.exitCode, `${failure.message}${taking.howToFree()}`)
  } finally {
    await taking.end()
  }
}

/**
 * Nobody renews this lock, and the end of its session does not free it: a grant of which nobody learns would stand for a day.
 * So whoever gives up says so and hears what became of the request; if nobody tells, the user is told what would free it.
 */
class Taking {
  readonly #log: ProgramLog
  readonly #hooks: UserHooks
  readonly #giveUp = new AbortController()
  readonly #signalled: Promise<NodeJS.Signals>
  #onSignal: (signal: NodeJS.Signals) => void = () => {}
  #session: LockSession | null = null
  #openedAt = 0

  constructor(
    private readonly request: LockRequest,
    private readonly env: Environment,
  ) {
    this.#log = new ProgramLog('tnl lock', request.verbosity)
    const { variables } = readStart(process.argv.slice(2), env)
    this.#hooks = new UserHooks(variables, this.#log, () => {})
    this.#signalled = new Promise((resolve) => {
      this.#onSignal = (signal) => {
        this.#giveUp.abort(new CommandFailure(exitStatusOfSignal(signal), `${signal}: the lock is not taken`))
        resolve(signal)
      }
    })
    for (const signal of ENDING) process.on(signal, this.#onSignal)
  }

  async run(): Promise<void> {
    const asked = this.#ask()
    const outcome = await Promise.race([asked, this.#signalled])
    if (typeof outcome !== 'string') return this.#tell(outcome)
    // Nothing was asked for before there was a session.
    if (this.#session === null) throw this.#giveUp.signal.reason
    const late = await Promise.race([asked, sleep(GIVE_UP_TIMEOUT_MS)])
    if (late === undefined) throw new CommandFailure(exitStatusOfSignal(outcome), `${outcome}${this.howToFree()}`)
    await this.#free(late)
    throw this.#giveUp.signal.reason
  }

  async end(): Promise<void> {
    if (this.#giveUp.signal.aborted) this.#hooks.end()
    await this.#hooks.settled()
    await this.#session?.close()
    for (const signal of ENDING) process.off(signal, this.#onSignal)
  }

  #ask(): Promise<Acquired> {
    const { request, env } = this
    return acquireLocks(
      {
        session: request.session,
        asks: [{ name: request.key, amount: 'exclusive' }],
        terms: {
          ttlMs: request.ttlMs ?? LOOSE_TTL_DEFAULT_MS,
          loose: true,
          meta: request.meta,
          signal: this.#giveUp.signal,
        },
        waitMs: request.waitMs,
        retries: 0,
        retryWaitMs: 0,
        tellsHolder: request.verbosity > 0,
        heldAround: readHeld(env[HELD_VARIABLE]),
        beforeTry: () => this.#hooks.runAll(request.hooks.beforeLock, [request.key]),
        alreadyLocked: (name) => void this.#hooks.runAll(request.hooks.alreadyLocked, [name]),
      },
      this.#log,
      (session) => this.#opened(session),
    )
  }

  #opened(session: LockSession): void {
    if (!(session instanceof ClientSession)) {
      throw new CommandFailure(
        LockExit.noEndpoint,
        'an original TcpNetLock server has no locks that outlive a connection',
      )
    }
    const before = this.#session
    this.#session = session
    if (before === null) this.#openedAt = performance.now()
    // An outage has outlasted the session before, which may have got the lock at the last moment without hearing of it.
    else session.unlock(this.request.key, { owner: ownerOf(before) }).catch(() => {})
  }

  async #tell(acquired: Acquired): Promise<void> {
    const { session, grants } = acquired
    const { key, metadata } = this.request
    const [grant] = grants
    const secondsToLock = Math.round(performance.now() - this.#openedAt) / 1000
    const result = {
      key,
      session: session.id,
      secret: session.secret,
      token: grant?.token ?? null,
      created: new Date().toISOString(),
      secondsToLock,
      metadata,
    }
    // A lock that nobody knows of is nobody's.
    if (!this.#giveUp.signal.aborted && (await printResult(result))) return
    await this.#free(acquired)
    this.#giveUp.signal.throwIfAborted()
    throw new CommandFailure(LockExit.badUsage, `the result cannot be written to stdout: ${key} is free again`)
  }

  #free({ session, grants }: Acquired): Promise<unknown> {
    return Promise.race([Promise.all(grants.map((grant) => session.release(grant))), sleep(GIVE_UP_TIMEOUT_MS)])
  }

  /** What frees the lock if it is granted after all. */
  howToFree(): string {
    if (this.#session === null) return ''
    const { session, secret } = ownerOf(this.#session)
    return [
      '',
      'The cluster does not answer, and may grant the lock yet. This frees it if it does:',
      `  tnl unlock ${this.request.key} --session ${session} --secret ${secret}`,
    ].join('\n')
  }
}

const ownerOf = ({ id, secret }: LockSession): { readonly session: string; readonly secret: string } => ({
  session: id ?? '',
  secret: secret ?? '',
})
