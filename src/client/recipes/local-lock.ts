/** Locks that only this host knows, without any server (ADR 30). */
import { hostname } from 'node:os'
import { InvalidOptionError, RefusedError } from '../errors.js'
import { assertClientId, assertLockName } from '../names.js'
import { LocalSession, mayLockLocally } from '../session/local-session.js'
import type { Grant } from '../session/lock-session.js'

/** All times in milliseconds. */
export interface LocalLockOptions {
  /** Without it, as long as it takes. 0 does not wait. Those who wait get it in no particular order. */
  readonly wait?: number
  /** Gives up waiting: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Shown to others as the holder; unless given, this process. */
  readonly clientId?: string
}

/** An exclusive lock of this host. It is free the moment this process ends, however it ends. */
export class LocalLock {
  /** @internal */
  constructor(
    readonly name: string,
    private readonly session: LocalSession,
    private readonly grant: Grant,
  ) {}

  get held(): boolean {
    return this.session.holds(this.grant)
  }

  async release(): Promise<void> {
    await this.session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }
}

/**
 * The lock of this name on this host (in this network namespace), which `tnl-do --local` takes too. Rejects with NotGrantedError
 * when `wait` has passed, and with RefusedError (`unsupported`) where the system is not Linux.
 */
export async function localLock(name: string, options: LocalLockOptions = {}): Promise<LocalLock> {
  const {
    wait = Number.POSITIVE_INFINITY,
    signal,
    clientId = `${hostname().replace(/[^\w.-]/g, '_')}@${process.pid}`,
  } = options
  assertLockName(name)
  assertClientId(clientId)
  if (!(wait >= 0)) throw new InvalidOptionError(`wait: ${wait} is not a number of milliseconds`)
  if (!mayLockLocally) throw new RefusedError('unsupported', 'locks of one host need Linux')
  signal?.throwIfAborted()
  const session = new LocalSession(clientId)
  const [grant] = await session.ask([{ name, amount: 'exclusive' }], { waitMs: wait, signal })
  if (grant === undefined || signal?.aborted === true) {
    // It came at the very moment at which the caller gave up.
    await session.close()
    throw signal?.reason
  }
  return new LocalLock(name, session, grant)
}
