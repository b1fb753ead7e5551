import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, type Lock, LockLostError, NotGrantedError } from '../../../src/client/index.js'
import type { ClientContext } from './client.js'
import { SessionHold } from './hold.js'

const RETRY_MS = 200

/** A lock of the library, with the record of what its holder believes. */
export interface LibraryLock {
  readonly lock: Lock
  readonly hold: SessionHold
}

/** A user of the library, as its documentation tells him to be. */
export class LibraryClient {
  private constructor(
    private readonly context: ClientContext,
    private readonly client: Client,
  ) {}

  /** Null when the client shall finish before any node takes it. */
  static async connect(context: ClientContext): Promise<LibraryClient | null> {
    const { endpoints, leaseMs, lingerMs } = context
    while (!context.stopping.aborted) {
      try {
        const linger = lingerMs > 0 ? { linger: lingerMs } : {}
        const client = await connect({ endpoints, lease: leaseMs, ...linger })
        return new LibraryClient(context, client)
      } catch {
        await sleep(RETRY_MS)
      }
    }
    return null
  }

  /** Null when it was not granted, or nobody knows. */
  async acquire(
    name: string,
    waitMs: number,
    about: Readonly<Record<string, boolean>> = {},
  ): Promise<LibraryLock | null> {
    const { journal } = this.context
    journal.invoke('acquire', { name, client: 'session', wait: waitMs, ...about })
    try {
      const lock = await this.client.acquire(name, { wait: waitMs })
      const { token } = lock
      journal.ok({ token })
      const hold = new SessionHold(journal, { name, token }, () => lock.remaining())
      const lost = (): void => hold.end(whyLost(lock.signal.reason))
      if (lock.signal.aborted) lost()
      else lock.signal.addEventListener('abort', lost)
      return { lock, hold }
    } catch (error) {
      // Without a holder it is this side's clock that has spoken, and not the cluster: a grant may still come, and is given back.
      const isWord = error instanceof NotGrantedError && (error.reason !== 'timeout' || error.holder !== null)
      if (isWord) journal.fail({ reason: error.reason })
      else journal.unknown({ reason: String(error) })
      return null
    }
  }

  async release({ lock, hold }: LibraryLock): Promise<void> {
    const { journal } = this.context
    const { name, token } = lock
    hold.end(lock.state === 'lost' ? 'deadline' : 'released')
    journal.invoke('release', { name, token })
    try {
      await lock.release()
      journal.ok()
    } catch (error) {
      journal.unknown({ reason: String(error) })
    }
  }

  /** The connection ends with a reset, as when a node dies; the session goes on at another node. */
  async breakLink(): Promise<void> {
    const session = await this.client.open().catch(() => null)
    if (session === null || session.link === null) return
    this.context.journal.note('link-reset', { session: session.id, node: session.link.address })
    session.link.tcp.resetAndDestroy()
  }

  close(): Promise<void> {
    return this.client.close()
  }
}

function whyLost(reason: unknown): 'lost' | 'deadline' | 'disconnected' {
  if (!(reason instanceof LockLostError)) return 'disconnected'
  return reason.reason === 'deadline' || reason.reason === 'disconnected' ? reason.reason : 'lost'
}
