/** Getting a session and its lock, for tnl-do and tnl-client: retries, an outage while waiting, the original server. */
import { ClassicSession } from '../client/classic-session.js'
import { ClassicServerError, NoQuorumError, NotGrantedError, SessionExpiredError } from '../client/errors.js'
import { CANCEL_PATIENCE_MS, WAIT_MARGIN_MS } from '../client/limits.js'
import type { Link } from '../client/link.js'
import type { Grant, LockSession } from '../client/lock-session.js'
import { after, pause } from '../client/long-timer.js'
import { Session, type SessionOptions } from '../client/session.js'
import { HELD_VARIABLE, type HeldMark, holderAround } from './do-held.js'
import type { DoLog } from './do-log.js'

export interface Wish {
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
  wish: Wish,
  log: DoLog,
  opened: (session: LockSession) => void,
): Promise<{ session: LockSession; grant: Grant }> {
  let session = await openSession(wish, log)
  opened(session)
  let retriesLeft = wish.retries
  let askedAt = performance.now()
  for (;;) {
    const passedMs = performance.now() - askedAt
    try {
      const grant = await ask(session, wish, passedMs, log)
      log.info(`lock '${wish.lockName}' granted${grant.token === null ? '' : `, token ${grant.token}`}`)
      return { session, grant }
    } catch (error) {
      if (error instanceof NotGrantedError && retriesLeft > 0) {
        log.info(`${error.message}; ${retriesLeft} tries left, the next in ${wish.retryWaitMs / 1000} s`)
        retriesLeft -= 1
        await pause(wish.retryWaitMs)
        askedAt = performance.now()
      } else if (error instanceof NoQuorumError && passedMs < Math.max(wish.session.reachMs, wish.waitMs)) {
        await pause(NO_QUORUM_RETRY_INTERVAL_MS)
      } else if (error instanceof SessionExpiredError) {
        // An outage outlasted the session, and with it the place in the queue; nothing was held yet.
        log.info(`${error.message}; opening another session`)
        session = await openSession({ ...wish, session: again(wish.session) }, log)
        opened(session)
      } else {
        // Who goes says so (engine.md §4 rule 5): the end of the connection alone may mean something else.
        await session.close()
        throw error
      }
    }
  }
}

async function ask(session: LockSession, wish: Wish, passedMs: number, log: DoLog): Promise<Grant> {
  const waitMs = Math.max(0, wish.waitMs - passedMs)
  const around = wish.heldAround?.filter(({ name }) => name === wish.lockName) ?? []
  if (around.length > 0 || (wish.tellsHolder && waitMs > 0)) {
    // Only a refusal names the holder, so the first request does not wait.
    try {
      return await within(waitMs, wish.lockName, session.lock(wish.lockName, { waitMs: 0, meta: wish.meta }))
    } catch (error) {
      if (!(error instanceof NotGrantedError)) throw error
      const outer = holderAround(around, wish.lockName, session.clusterId, error.holder)
      if (outer !== null) throw new HeldAroundError(wish.lockName, outer.holder)
      // In an outage the whole wait may have passed by now.
      if (waitMs === 0 || error.reason === 'timeout') throw error
      log.error(`waiting for the lock '${wish.lockName}'${error.holder === null ? '' : `, held by ${error.holder}`}`)
    }
  }
  const onQueued = (position: number | null): void =>
    log.debug(`in the queue${position === null ? '' : ` at place ${position}`}`)
  return within(waitMs, wish.lockName, session.lock(wish.lockName, { waitMs, meta: wish.meta, onQueued }))
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

async function openSession(wish: Wish, log: DoLog): Promise<LockSession> {
  const { beforeOpening } = wish
  const hooks = {
    notice: (text: string) => log.info(text),
    tryingOn: (text: string) => (wish.tellsHolder ? log.error(`${text}; trying on`) : log.info(text)),
    ...(beforeOpening === undefined ? {} : { beforeOpening }),
  }
  try {
    return await Session.open(wish.session, hooks)
  } catch (error) {
    if (!(error instanceof ClassicServerError)) throw error
    log.error('an original TcpNetLock server: one node, no fencing tokens, the lock ends with the connection')
    return new ClassicSession(wish.session, hooks)
  }
}
