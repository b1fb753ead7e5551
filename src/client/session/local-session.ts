/**
 * Locks of one host, without a server (`localLock`, `tnl-do --local`, ADR 30). Each is a listening socket in Linux's abstract namespace, of which
 * there can be one of a name at a time. It is nowhere in the file system, and is gone when the last process that has its
 * descriptor is: tnl-do, its guardian and the watcher have one each, the command has none. So no lease is needed: whoever dies, the
 * lock stays exactly as long as somebody is left who ends what descends from the command.
 *
 * Who finds the name taken connects to it and waits for the end of the connection. All who wait are woken, and one gets it.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { formatLine, parseLine } from '../../protocol/line.js'
import type { Ask } from '../asks.js'
import { LockLostError, NotGrantedError } from '../errors.js'
import {
  LOCAL_HOLDER_PATIENCE_MS,
  LOCAL_HOLDER_WORD_MAX_CHARS,
  LOCAL_LEASE_MS,
  LOCAL_RETRY_INTERVAL_MS,
  MAX_TIMER_MS,
} from '../limits.js'
import { pause } from '../long-timer.js'
import { instantNow, LocalLease } from './local-lease.js'
import type { Grant, LockSession, LockTerms, SessionHooks } from './lock-session.js'

/** False where there is no such namespace. */
export const mayLockLocally = process.platform === 'linux'

/** What `TNL_HELD` has for the cluster. A lock of another host is held by another's name. */
const CLUSTER = 'local'

interface Held {
  readonly grant: Grant
  readonly server: Server
  /** Those who wait for it. */
  readonly waiters: Set<Socket>
}

export class LocalSession implements LockSession {
  readonly id = null
  readonly secret = null
  readonly clusterId = CLUSTER
  readonly level = 1
  readonly link = null
  readonly isLocal = true
  /** It never ends; the guardian wants to be told of some length. */
  readonly localLease = new LocalLease(LOCAL_LEASE_MS, instantNow())
  hooks: SessionHooks = {}
  readonly #held = new Map<Grant, Held>()
  readonly #closed = new AbortController()

  constructor(private readonly clientId: string) {}

  /** What holds the locks: other processes may get copies of their descriptors. */
  get servers(): readonly Server[] {
    return [...this.#held.values()].map(({ server }) => server)
  }

  /** Whoever wants to give up closes the session, or aborts `terms.signal`. */
  async ask(asks: readonly Ask[], terms: LockTerms): Promise<readonly Grant[]> {
    const names = asks.map(({ name }) => name)
    const askedAt = performance.now()
    for (let tries = 1; ; tries += 1) {
      const taken = await this.#takeAll(names)
      if (typeof taken !== 'string') return taken
      const leftMs = terms.waitMs - (performance.now() - askedAt)
      if (!(leftMs > 0)) {
        throw new NotGrantedError(taken, terms.waitMs === 0 ? 'held' : 'timeout', await holderOf(taken))
      }
      if (tries === 1) terms.onQueued?.(taken, null)
      const { signal } = terms
      await untilFree(taken, AbortSignal.any([this.#closed.signal, signalAfter(leftMs), ...(signal ? [signal] : [])]))
      this.#closed.signal.throwIfAborted()
      signal?.throwIfAborted()
    }
  }

  holds(grant: Grant): boolean {
    return this.#held.has(grant)
  }

  async release(grant: Grant): Promise<void> {
    const held = this.#held.get(grant)
    if (held === undefined) return
    this.#held.delete(grant)
    const closed = once(held.server, 'close')
    held.server.close()
    for (const waiter of held.waiters) waiter.destroy()
    await closed
  }

  releaseDone(grant: Grant): Promise<void> {
    return Promise.reject(new LockLostError(grant.name, null, 'disconnected'))
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#held.keys()].map((grant) => this.release(grant)))
  }

  /** All or none: holding nothing while it waits, it can be in no circle with others. The name that is in the way. */
  async #takeAll(names: readonly string[]): Promise<readonly Grant[] | string> {
    const taken: Held[] = []
    for (const name of names) {
      const held = await this.#take(name)
      if (held === null) {
        for (const { grant } of taken) await this.release(grant)
        return name
      }
      this.#held.set(held.grant, held)
      taken.push(held)
    }
    return taken.map(({ grant }) => grant)
  }

  async #take(name: string): Promise<Held | null> {
    const waiters = new Set<Socket>()
    const server = createServer((socket) => {
      waiters.add(socket)
      socket.on('close', () => waiters.delete(socket))
      socket.on('error', () => {})
      socket.resume()
      socket.write(formatLine('held', { holder: this.clientId }))
    })
    server.listen(addressOf(name))
    try {
      await once(server, 'listening')
    } catch (error) {
      if (!isTaken(error)) throw error
      return null
    }
    // Who holds a lock is not kept running by it.
    server.unref()
    return { grant: { name, token: null }, server, waiters }
  }
}

/** An abstract name has room for 107 bytes. */
function addressOf(name: string): string {
  return `\0tcpnetlock/${createHash('sha256').update(name).digest('hex')}`
}

/** Null if it does not say so at once: it may be stopped. */
async function holderOf(name: string): Promise<string | null> {
  const socket = connect(addressOf(name))
  socket.on('error', () => {})
  socket.setEncoding('utf8')
  let text = ''
  socket.on('data', (chunk) => {
    text = (text + String(chunk)).slice(0, LOCAL_HOLDER_WORD_MAX_CHARS)
    if (text.includes('\n')) socket.destroy()
  })
  socket.setTimeout(LOCAL_HOLDER_PATIENCE_MS, () => socket.destroy())
  await new Promise((resolve) => socket.once('close', resolve))
  return parseLine(text.split('\n')[0] ?? '')?.get('holder') ?? null
}

/** Resolves when it may be free, and when `signal` aborts. */
async function untilFree(name: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const socket = connect(addressOf(name))
  socket.on('error', () => {})
  socket.resume()
  const aborted = (): void => {
    socket.destroy()
  }
  signal.addEventListener('abort', aborted)
  const connected = await new Promise<boolean>((resolve) => {
    let isConnected = false
    socket.once('connect', () => {
      isConnected = true
    })
    socket.once('close', () => resolve(isConnected))
  })
  signal.removeEventListener('abort', aborted)
  // It went this very moment, or more wait than its kernel has room for.
  if (!connected) await pause(LOCAL_RETRY_INTERVAL_MS, signal)
}

function signalAfter(ms: number): AbortSignal {
  // A signal of no timer for Infinity, and none of more than its 31 bits: whoever waits looks again.
  return ms <= MAX_TIMER_MS ? AbortSignal.timeout(Math.ceil(ms)) : new AbortController().signal
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}
