/** Getting a session and its locks, for tnl-do and tnl-client: retries, an outage while waiting, the original server. */

import { type Ask, describeNames } from '../../client/asks.js'
import {
  ClassicServerError,
  DeadlockError,
  NoQuorumError,
  NotGrantedError,
  SessionExpiredError,
} from '../../client/errors.js'
import { CANCEL_PATIENCE_MS, WAIT_MARGIN_MS } from '../../client/limits.js'
import { after, pause } from '../../client/long-timer.js'
import { ClassicSession } from '../../client/session/classic-session.js'
import type { Grant, LockSession, LockTerms, SessionHooks } from '../../client/session/lock-session.js'
import { askPatiently } from '../../client/session/patient-asking.js'
import { ClientSession, type SessionOptions } from '../../client/session/session.js'
import type { Link } from '../../client/transport/link.js'
import { HELD_VARIABLE, type HeldMark, holderAround, keptAround } from './held.js'
import type { ProgramLog } from './log.js'

export interface AcquireRequest {
  readonly session: SessionOptions
  /** All or nothing. */
  readonly asks: readonly Ask[]
  readonly terms?: Omit<LockTerms, 'waitMs' | 'holding' | 'onQueued'>
  readonly waitMs: number
  readonly retries: number
  readonly retryWaitMs: number
  /** Says on stderr whom it waits for. */
  readonly tellsHolder: boolean
  /** Locks held around this program: it must not wait for one of them. */
  readonly heldAround?: readonly HeldMark[]
  /** Awaited when a new connection stands and nothing has been sent on it. */
  readonly beforeOpening?: (link: Link) => Promise<void>
  /** Awaited before each try. */
  readonly beforeTry?: () => Promise<void>
  /** Once a try, when it turns out that the lock is not to be had at once. */
  readonly alreadyLocked?: (name: string) => void
  /** Opens the session; unless given, with the cluster at the endpoints. */
  readonly open?: () => LockSession
}

export interface Acquired {
  readonly session: LockSession
  /** One for each name, in the order asked. */
  readonly grants: readonly Grant[]
}

/** The lock is held by a tnl-do under which this program runs: it would wait for itself. */
export class HeldAroundError extends Error {
  override readonly name = 'HeldAroundError'
  readonly code = 'TNL_HELD_AROUND'
  constructor(lockName: string, holder: string) {
    super(`this command runs under the lock '${lockName}' already, held by ${holder} (${HELD_VARIABLE})`)
  }
}

/** The wait is over and nobody has said what became of the request: it may still be granted. */
export class UnansweredError extends NotGrantedError {
  constructor(lockName: string) {
    super(lockName, 'timeout', null)
  }
}

const NO_QUORUM_RETRY_INTERVAL_MS = 250

/** `opened` is told of each session at once, so that an interrupted wait can be ended in good order. */
export async function acquireLocks(
  request: AcquireRequest,
  log: ProgramLog,
  opened: (session: LockSession) => void,
): Promise<Acquired> {
  await request.beforeTry?.()
  let session = await openSession(request, log)
  opened(session)
  let retriesLeft = request.retries
  let askedAt = performance.now()
  let attempt = new Attempt(request, log)
  for (;;) {
    const passedMs = performance.now() - askedAt
    try {
      const grants = await attempt.ask(session, passedMs)
      log.info(`lock ${describeNames(request.asks.map(({ name }) => name))} granted${tokensOf(grants)}`)
      return { session, grants }
    } catch (error) {
      if (mayBeRetried(error) && retriesLeft > 0) {
        log.info(`${error.message}; ${retriesLeft} tries left, the next in ${request.retryWaitMs / 1000} s`)
        retriesLeft -= 1
        await pause(request.retryWaitMs)
        await request.beforeTry?.()
        askedAt = performance.now()
        attempt = new Attempt(request, log)
      } else if (error instanceof NoQuorumError && passedMs < Math.max(request.session.reachMs, request.waitMs)) {
        await pause(NO_QUORUM_RETRY_INTERVAL_MS)
      } else if (error instanceof SessionExpiredError) {
        // An outage outlasted the session, and with it the place in the queue; nothing was held yet.
        log.info(`${error.message}; opening another session`)
        session = await openSession({ ...request, session: again(request.session) }, log)
        opened(session)
      } else {
        // Who goes says so (rules.md rule 5): the end of the connection alone may mean something else.
        await session.close()
        throw error
      }
    }
  }
}

/** A circle of waiters opens when one of the others gives up. */
function mayBeRetried(error: unknown): error is NotGrantedError | DeadlockError {
  return error instanceof NotGrantedError || error instanceof DeadlockError
}

function tokensOf(grants: readonly Grant[]): string {
  const tokens = grants.flatMap(({ token }) => token ?? [])
  return tokens.length === 0 ? '' : `, token ${tokens.join(' ')}`
}

/** One try, which may be asked anew after an outage. */
class Attempt {
  #isTold = false

  constructor(
    private readonly request: AcquireRequest,
    private readonly log: ProgramLog,
  ) {}

  async ask(session: LockSession, passedMs: number): Promise<readonly Grant[]> {
    const { asks, terms, tellsHolder, heldAround = [] } = this.request
    const waitMs = Math.max(0, this.request.waitMs - passedMs)
    const around = heldAround.filter((mark) => asks.some(({ name }) => name === mark.name))
    const kept = keptAround(heldAround, session.clusterId)
    const common = { ...terms, ...(kept.length === 0 ? {} : { holding: kept }) }
    const onQueued = (name: string, position: number | null): void => {
      this.#tellLocked(name)
      this.log.debug(`in the queue of '${name}'${position === null ? '' : ` at place ${position}`}`)
    }
    const first = asks[0]?.name ?? ''
    try {
      if (around.length > 0 || (tellsHolder && waitMs > 0)) {
        const grants = await this.#askWhoHolds(session, waitMs, around, common)
        if (grants !== null) return grants
      }
      return await within(waitMs, first, askPatiently(session, asks, { ...common, waitMs, onQueued }))
    } catch (error) {
      const [mark] = around
      if (error instanceof DeadlockError && mark !== undefined) throw new HeldAroundError(mark.name, mark.holder)
      if (error instanceof NotGrantedError && error.reason !== 'timeout') this.#tellLocked(error.lockName)
      throw error
    }
  }

  /** Only a refusal names the holder, so the first request does not wait. Null: somebody is in the way. */
  async #askWhoHolds(
    session: LockSession,
    waitMs: number,
    around: readonly HeldMark[],
    terms: Omit<LockTerms, 'waitMs'>,
  ): Promise<readonly Grant[] | null> {
    const { asks, tellsHolder } = this.request
    try {
      return await within(waitMs, asks[0]?.name ?? '', session.ask(asks, { ...terms, waitMs: 0 }))
    } catch (error) {
      if (!(error instanceof NotGrantedError)) throw error
      const outer = holderAround(around, error.lockName, session.clusterId, error.holder)
      if (outer !== null) throw new HeldAroundError(error.lockName, outer.holder)
      // In an outage the whole wait may have passed by now.
      if (waitMs === 0 || error.reason === 'timeout') throw error
      this.#tellLocked(error.lockName)
      if (tellsHolder) this.log.error(`waiting for the lock '${error.lockName}'${reasonOf(error)}`)
      return null
    }
  }

  #tellLocked(name: string): void {
    if (this.#isTold) return
    this.#isTold = true
    this.request.alreadyLocked?.(name)
  }
}

function reasonOf({ reason, holder, details }: NotGrantedError): string {
  if (reason === 'frozen') return `, which is frozen${details.words ? ` (${details.words})` : ''}`
  if (reason === 'delayed') return ', which is kept back after its last holder'
  if (holder === null) return ''
  const others = details.holders !== undefined && details.holders > 1 ? ` and ${details.holders - 1} more` : ''
  return reason === 'queued' ? `, behind ${holder}, who waits for it` : `, held by ${holder}${others}`
}

/** In an outage nobody answers when the wait is over. A grant that comes all the same ends with the session. */
function within(waitMs: number, lockName: string, asked: Promise<readonly Grant[]>): Promise<readonly Grant[]> {
  if (waitMs === 0) return asked
  return new Promise((resolve, reject) => {
    const stop = after(waitMs + WAIT_MARGIN_MS + CANCEL_PATIENCE_MS, () => reject(new UnansweredError(lockName)))
    asked.then(resolve, reject).finally(stop)
  })
}

/** Who has waited for a lock already waits for a node as long as for the lock. */
function again(options: SessionOptions): SessionOptions {
  return { ...options, reachMs: Math.max(options.reachMs, options.resumeMs ?? 0) }
}

async function openSession(request: AcquireRequest, log: ProgramLog): Promise<LockSession> {
  const { beforeOpening, open } = request
  if (open !== undefined) return open()
  const hooks: SessionHooks = {
    notice: (text: string) => log.info(text),
    tryingOn: (text: string) => (request.tellsHolder ? log.error(`${text}; trying on`) : log.info(text)),
    ...(beforeOpening === undefined ? {} : { beforeOpening }),
  }
  try {
    return await ClientSession.open(request.session, hooks)
  } catch (error) {
    if (!(error instanceof ClassicServerError)) throw error
    log.error('an original TcpNetLock server: one node, no fencing tokens, the lock ends with the connection')
    return new ClassicSession(request.session, hooks)
  }
}
