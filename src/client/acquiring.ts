/** How the locks of one client are taken and lost: over its sessions, each request with a place of its own in every queue. */
import type { AsyncLocalStorage } from 'node:async_hooks'
import { abandonable } from './abandonable.js'
import type { Ask } from './asks.js'
import { DeadlockError, type LostReason, NotGrantedError, RefusedError, SessionExpiredError } from './errors.js'
import { HOLDING_LEVEL } from './limits.js'
import { LocalTurns } from './local-turns.js'
import { Lock } from './lock.js'
import type { Grant, LockTerms } from './session/lock-session.js'
import { askPatiently } from './session/patient-asking.js'
import type { ClientSession, SessionOptions } from './session/session.js'
import { SessionPool } from './session/session-pool.js'

export class Acquiring {
  readonly pool: SessionPool
  readonly #granted = new Map<Grant, Lock>()
  /** Lost, and not released by their users: for up to a lease the server may still list them. Oldest first. */
  readonly #unreleased = new Map<Grant, { readonly lock: Lock; readonly lostAtMs: number }>()
  readonly #turns = new LocalTurns()
  /** Locks that have a turn. */
  readonly #inTurn = new Set<Lock>()

  constructor(
    private readonly options: SessionOptions,
    /** What the running task holds through `withLock`, innermost last. */
    private readonly taskHolds: AsyncLocalStorage<readonly Lock[]>,
    /** Aborted when the client is closed. */
    private readonly closed: AbortSignal,
  ) {
    this.pool = new SessionPool(options, { lost: (grant, reason) => this.#lost(grant, reason) }, closed)
  }

  /** What is held, or is believed to be. */
  get locks(): ReadonlySet<Lock> {
    return new Set(this.#granted.values())
  }

  async acquire(asks: readonly Ask[], terms: LockTerms): Promise<Lock> {
    const { waitMs, signal } = terms
    signal?.throwIfAborted()
    this.closed.throwIfAborted()
    const askedAt = performance.now()
    const [{ name } = { name: '' }] = asks
    const takesTurns = this.pool.level < HOLDING_LEVEL
    if (takesTurns && !(await this.#turns.take(name, waitMs, signal))) {
      throw new NotGrantedError(name, waitMs === 0 ? 'held' : 'timeout', this.options.clientId ?? null)
    }
    const leftMs = Math.max(0, waitMs - (performance.now() - askedAt))
    const asked = this.#acquireFromCluster(asks, { ...terms, waitMs: leftMs }, takesTurns)
    // The turn is kept until the cluster has settled the request, even if the caller has given up by then.
    if (takesTurns) asked.catch(() => this.#turns.done(name))
    return abandonable(asked, signal, leftMs, () => new NotGrantedError(name, 'timeout', null))
  }

  async close(reason: unknown): Promise<void> {
    this.#turns.fail(reason)
    await this.pool.close()
  }

  /** An outage that outlasts a session takes the place in the queue with it, not the wish: as long as it may wait, it is asked again. */
  async #acquireFromCluster(asks: readonly Ask[], terms: LockTerms, inTurn: boolean): Promise<Lock> {
    const askedAt = performance.now()
    for (;;) {
      const leftMs = Math.max(0, terms.waitMs - (performance.now() - askedAt))
      try {
        return await this.#askOnce(asks, { ...terms, waitMs: leftMs }, inTurn)
      } catch (error) {
        const mayWait = performance.now() - askedAt < terms.waitMs
        if (!(error instanceof SessionExpiredError) || !mayWait || terms.signal?.aborted || this.closed.aborted)
          throw error
      }
    }
  }

  async #askOnce(asks: readonly Ask[], terms: LockTerms, inTurn: boolean): Promise<Lock> {
    await Promise.all(this.#inTheWayOf(asks).map((lock) => lock[Symbol.asyncDispose]()))
    // A cluster of level 1 finds tasks that wait for each other in a circle by what their sessions hold.
    const outer = this.taskHolds.getStore()?.at(-1)?.session ?? null
    return this.pool.use(
      async (session) => {
        const grants = await askAtItsLevel(session, asks, terms)
        const lock = new Lock(session, grants, () => this.#released(session, lock, grants))
        if (inTurn) this.#inTurn.add(lock)
        for (const grant of grants) this.#granted.set(grant, lock)
        // It may have been lost between the answer and this line.
        for (const grant of grants) if (!session.holds(grant)) this.#lost(grant, 'lease-expired')
        return lock
      },
      outer,
      terms.signal,
    )
  }

  /** Earlier locks of this client that it has lost and the server may not have heard of. */
  #inTheWayOf(asks: readonly Ask[]): readonly Lock[] {
    if (this.#unreleased.size === 0) return []
    const names = new Set(asks.map(({ name }) => name))
    return [...this.#unreleased].flatMap(([grant, { lock }]) => (names.has(grant.name) ? [lock] : []))
  }

  #lost(grant: Grant, reason: LostReason): void {
    const lock = this.#granted.get(grant)
    if (lock === undefined) return
    this.#granted.delete(grant)
    const lostAtMs = performance.now()
    for (const [earlier, of] of this.#unreleased) {
      if (lostAtMs - of.lostAtMs < this.options.leaseMs) break
      this.#unreleased.delete(earlier)
    }
    this.#unreleased.set(grant, { lock, lostAtMs })
    lock.markLost(grant, reason)
    // By this side's deadline: at the server it may stand for much longer, and others wait for it.
    if (reason === 'deadline') lock.giveBack()
    this.#endTurn(lock)
  }

  #released(session: ClientSession, lock: Lock, grants: readonly Grant[]): void {
    for (const grant of grants) {
      this.#granted.delete(grant)
      this.#unreleased.delete(grant)
    }
    this.#endTurn(lock)
    this.pool.settled(session)
  }

  #endTurn(lock: Lock): void {
    if (this.#inTurn.delete(lock)) this.#turns.done(lock.name)
  }
}

/**
 * A session that was opened at level 1 is not told when the level rises. So a task that such a cluster takes for a part of a
 * circle is asked about once more, with the words that only a cluster of a higher level understands.
 */
async function askAtItsLevel(
  session: ClientSession,
  asks: readonly Ask[],
  terms: LockTerms,
): Promise<readonly Grant[]> {
  const { level } = session
  try {
    return await askPatiently(session, asks, terms)
  } catch (error) {
    if (!(error instanceof DeadlockError) || level >= HOLDING_LEVEL) throw error
    try {
      session.level = HOLDING_LEVEL
      return await askPatiently(session, asks, terms)
    } catch (again) {
      if (!(again instanceof RefusedError) || again.serverCode !== 'unsupported') throw again
      session.level = level
      throw error
    }
  }
}
