/** Leader election: the leader is who holds the lock of that name. */
import { NoEndpointError, NoQuorumError, NotGrantedError, SessionExpiredError, TlsError } from '../errors.js'
import { OUTAGE_RETRY_INTERVAL_MS } from '../limits.js'
import type { Lock } from '../lock.js'
import { pause } from '../long-timer.js'
import type { LockInfo } from '../reads/lock-info.js'
import type { LockWatch, WatchOptions } from '../reads/watch.js'
import type { AcquireOptions } from '../terms.js'

export interface ElectOptions extends Pick<AcquireOptions, 'wait' | 'signal' | 'delay' | 'onLost'> {
  /** Shown by `observe` to whoever wants to know the leader: an address, for example. */
  readonly value?: string
}

export interface Leader {
  /** Its client id. */
  readonly holder: string | null
  /** Greater than that of every leader before. */
  readonly token: number
  /** What it stood for election with. */
  readonly value: string | null
  readonly since: Date
}

interface Electorate {
  acquire(name: string, options: AcquireOptions): Promise<Lock>
  find(name: string): Promise<LockInfo | null>
  watch(name: string, options: WatchOptions): LockWatch
}

/** An outage ends a candidature no more than it ends a wait. */
export async function campaign(
  client: Electorate,
  name: string,
  { value, wait = Number.POSITIVE_INFINITY, ...options }: ElectOptions,
  closed: AbortSignal,
): Promise<Lock> {
  const startedAt = performance.now()
  for (;;) {
    const leftMs = wait === 0 ? 0 : Math.max(1, wait - (performance.now() - startedAt))
    try {
      return await client.acquire(name, { ...options, ...(value !== undefined && { metadata: value }), wait: leftMs })
    } catch (error) {
      const isPassing = isOutage(error) || (error instanceof NotGrantedError && error.reason === 'frozen')
      const isLate = performance.now() - startedAt >= wait
      if (!isPassing || isLate || options.signal?.aborted || closed.aborted) throw error
      await pause(OUTAGE_RETRY_INTERVAL_MS, options.signal ?? closed)
      options.signal?.throwIfAborted()
    }
  }
}

export async function leadTerms(
  client: Electorate,
  name: string,
  options: ElectOptions,
  work: (lock: Lock) => unknown,
  closed: AbortSignal,
): Promise<void> {
  while (options.signal?.aborted !== true) {
    const lock = await campaign(client, name, options, closed).catch((error: unknown) => {
      if (options.signal?.aborted === true && error === options.signal.reason) return null
      throw error
    })
    if (lock === null) return
    try {
      await work(lock)
    } catch (error) {
      // Whoever is told that the term is over may well throw for that reason.
      if (!lock.signal.aborted) throw error
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }
}

export async function* observeLeader(
  client: Electorate,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Leader | null, void> {
  const watch = client.watch(name, signal === undefined ? {} : { signal })
  try {
    await watch.ready()
    for (let told: Leader | null | undefined; ; ) {
      const leader = leaderOf(await findPatiently(client, watch, name))
      if (told === undefined || leader?.token !== told?.token) {
        told = leader
        yield leader
      }
      // Whatever has happened by now, the next look shows.
      const { done } = await watch.next()
      if (done === true) return
      watch.skip()
    }
  } finally {
    await watch.return()
  }
}

/** An outage that the watch bears ends no observation either. */
async function findPatiently(client: Electorate, watch: LockWatch, name: string): Promise<LockInfo | null> {
  for (;;) {
    try {
      return await client.find(name)
    } catch (error) {
      if (!isOutage(error) || watch.isOver) throw error
      await pause(OUTAGE_RETRY_INTERVAL_MS)
    }
  }
}

function leaderOf(info: LockInfo | null): Leader | null {
  const hold = info?.holds.find(({ state, mode }) => state === 'held' && mode === 'exclusive')
  if (hold === undefined) return null
  return { holder: hold.holder, token: hold.token, value: hold.metadata, since: hold.since }
}

/** Certificates that have expired are mended, like nodes. */
const OUTAGES = [NoEndpointError, NoQuorumError, SessionExpiredError, TlsError] as const

function isOutage(error: unknown): boolean {
  return OUTAGES.some((outage) => error instanceof outage)
}
