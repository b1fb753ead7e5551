/** Getting a session and its lock, for tnl-do and tnl-client: retries, an outage while waiting, the original server. */

import { ClassicServerError, NoQuorumError, NotGrantedError, SessionExpiredError } from '../../client/errors.js'
import { CANCEL_PATIENCE_MS, WAIT_MARGIN_MS } from '../../client/limits.js'
import { after, pause } from '../../client/long-timer.js'
import { ClassicSession } from '../../client/session/classic-session.js'
import type { Grant, LockSession } from '../../client/session/lock-session.js'
import { ClientSession, type SessionOptions } from '../../client/session/session.js'
import type { Link } from '../../client/transport/link.js'
import { HELD_VARIABLE, type HeldMark, holderAround } from './held.js'
import type { ProgramLog } from './log.js'

export interface AcquireRequest {
  readonly session: SessionOptions
  readonly lockName: string
  readonly waitMs: number
  readonly retries: number
  readonly retryWaitMs: number
  readonly meta?: string | undefined
  /** Says on stderr whom it waits for. */
  readonly tellsHolder: boolean
  /** Locks held around this program: it must not wait for one of them. */
  readonly heldAround?: readonly HeldMark[]
  /** Awaited when a new connection stands and nothing has been sent on it. */
  readonly beforeOpening?: (link: Link) => Promise<void>
}

/** The lock is held by a tnl-do under which this program runs: it would wait for itself. */
export class HeldAroundError extends Error {
  override readonly name = 'HeldAroundError'
  readonly code = 'TNL_HELD_AROUND'
  constructor(lockName: string, holder: string) {
    super(`this command runs under the lock '${lockName}' already, held by ${holder} (${HELD_VARIABLE})`)
  }
}

const NO_QUORUM_RETRY_INTERVAL_MS = 250

/** `opened` is told of each session at once, so that an interrupted wait can be ended in good order. */
export async function acquireLock(
  request: AcquireRequest,
  log: ProgramLog,
  opened: (session: LockSession) => void,
): Promise<{ session: LockSession; grant: Grant }> {
  let session = await openSession(request, log)
  opened(session)
  let retriesLeft = request.retries
  let askedAt = performance.now()
  for (;;) {
    const passedMs = performance.now() - askedAt
    try {
      const grant = await ask(session, request, passedMs, log)
      log.info(`lock '${request.lockName}' granted${grant.token === null ? '' : `, token ${grant.token}`}`)
      return { session, grant }
    } catch (error) {
      if (error instanceof NotGrantedError && retriesLeft > 0) {
        log.info(`${error.message}; ${retriesLeft} tries left, the next in ${request.retryWaitMs / 1000} s`)
        retriesLeft -= 1
        await pause(request.retryWaitMs)
        askedAt = performance.now()
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

async function ask(session: LockSession, request: AcquireRequest, passedMs: number, log: ProgramLog): Promise<Grant> {
  const waitMs = Math.max(0, request.waitMs - passedMs)
  const around = request.heldAround?.filter(({ name }) => name === request.lockName) ?? []
  if (around.length > 0 || (request.tellsHolder && waitMs > 0)) {
    // Only a refusal names the holder, so the first request does not wait.
    try {
      return await within(waitMs, request.lockName, session.lock(request.lockName, { waitMs: 0, meta: request.meta }))
    } catch (error) {
      if (!(error instanceof NotGrantedError)) throw error
      const outer = holderAround(around, request.lockName, session.clusterId, error.holder)
      if (outer !== null) throw new HeldAroundError(request.lockName, outer.holder)
      // In an outage the whole wait may have passed by now.
      if (waitMs === 0 || error.reason === 'timeout') throw error
      log.error(`waiting for the lock '${request.lockName}'${error.holder === null ? '' : `, held by ${error.holder}`}`)
    }
  }
  const onQueued = (position: number | null): void =>
    log.debug(`in the queue${position === null ? '' : ` at place ${position}`}`)
  return within(waitMs, request.lockName, session.lock(request.lockName, { waitMs, meta: request.meta, onQueued }))
}

/** In an outage nobody answers when the wait is over. A grant that comes all the same ends with the session. */
function within(waitMs: number, lockName: string, asked: Promise<Grant>): Promise<Grant> {
  if (waitMs === 0) return asked
  return new Promise((resolve, reject) => {
    const stop = after(waitMs + WAIT_MARGIN_MS + CANCEL_PATIENCE_MS, () =>
      reject(new NotGrantedError(lockName, 'timeout', null)),
    )
    asked.then(resolve, reject).finally(stop)
  })
}

/** Who has waited for a lock already waits for a node as long as for the lock. */
function again(options: SessionOptions): SessionOptions {
  return { ...options, reachMs: Math.max(options.reachMs, options.resumeMs ?? 0) }
}

async function openSession(request: AcquireRequest, log: ProgramLog): Promise<LockSession> {
  const { beforeOpening } = request
  const hooks = {
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
