/**
 * What happens to locks, as it happens: `for await (const event of client.watch('x'))`. It outlives connections, nodes and
 * sessions, and goes on where it was.
 */
import type { Fields, Line } from '../../protocol/line.js'
import { NoQuorumError, SessionExpiredError, type TcpNetLockError } from '../errors.js'
import { OUTAGE_RETRY_INTERVAL_MS, UNREAD_EVENTS_MAX_COUNT } from '../limits.js'
import { pause } from '../long-timer.js'
import { readRefusal } from '../session/session-replies.js'
import { type ListedLock, readListedLock } from './lock-info.js'
import type { ReadingSessions } from './reading-sessions.js'

/**
 * `granted`: a hold begins. `released`, `lost`: it ends, given back or not. `ended`: so does what counted on after it. `queued`,
 * `left`: a request takes a place, or leaves without a grant (`token` is null, `holder` is who waits). `limit`: that of a semaphore
 * has changed. `frozen`, `thawed`: `name` is a prefix.
 */
export const EVENT_TYPES = [
  'granted',
  'released',
  'lost',
  'ended',
  'queued',
  'left',
  'limit',
  'frozen',
  'thawed',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** `at` is where to go on: `watch(…, { since: event.at })`, at any node, tells what follows. */
export type WatchEvent =
  | {
      readonly type: EventType
      readonly at: string
      readonly name: string
      readonly token: number | null
      readonly holder: string | null
    }
  /** Events were missed. What was known is void: the locks that are there now follow as `listed`, then `caught-up`. */
  | { readonly type: 'gap'; readonly at: string }
  | { readonly type: 'listed'; readonly at: string; readonly lock: ListedLock }
  | { readonly type: 'caught-up'; readonly at: string }

export interface WatchTarget {
  readonly name?: string
  /** Names that begin with it; empty: all. */
  readonly prefix?: string
}

export interface WatchOptions {
  /** The position of an event that was told before: what follows it is told. Without it, what happens from now on. */
  readonly since?: string
  /** Ends the watch: the iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface WatchTerms {
  readonly target: Fields
  /** What comes behind this position; null: what happens from now on. */
  readonly since: string | null
  readonly signal: AbortSignal | undefined
  /** For how long no node may serve it before it gives up. */
  readonly reachMs: number
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal
}

/** Behind it there is everything, as events or by another gap. */
const BEFORE_ALL = '0.0'

export class LockWatch implements AsyncIterableIterator<WatchEvent, undefined> {
  readonly #events: WatchEvent[] = []
  /** Called when there may be something to look at. */
  #wake: (() => void) | null = null
  #error: { readonly reason: unknown } | null = null
  /** Behind the last event that is in `#events`, or was. */
  #since: string | null
  /** While a gap is being listed: where it has led to when it is over. */
  #gapAt = BEFORE_ALL
  #stop: (() => void) | null = null
  /** There was no room for more. */
  #isPaused = false
  #isFinished = false
  readonly #ready: Promise<void>
  #isReady: () => void = () => {}
  #servedAt = performance.now()

  /** @internal */
  constructor(
    private readonly sessions: ReadingSessions,
    private readonly terms: WatchTerms,
  ) {
    this.#since = terms.since
    this.#ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    terms.signal?.addEventListener('abort', this.#aborted)
    terms.closed.addEventListener('abort', this.#aborted)
    if (terms.signal?.aborted || terms.closed.aborted) this.#aborted()
    else void this.#begin()
  }

  /** Resolves when a node has begun: what happens from then on is told. Rejects if the watch ends before. */
  async ready(): Promise<void> {
    await this.#ready
    if (this.#error !== null) throw this.#error.reason
  }

  async next(): Promise<IteratorResult<WatchEvent, undefined>> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) return { done: false, value: event }
      if (this.#error !== null) {
        const { reason } = this.#error
        this.#finish()
        throw reason
      }
      if (this.#isFinished) return { done: true, value: undefined }
      if (this.#isPaused) void this.#begin()
      await new Promise<void>((resolve) => {
        const before = this.#wake
        this.#wake = () => {
          before?.()
          resolve()
        }
      })
    }
  }

  /** Ends the watch; `break` in a `for await` does so. */
  async return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.#finish()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Nothing more will be told. @internal */
  get isOver(): boolean {
    return this.#isFinished || this.#error !== null
  }

  /** Forgets what nobody has taken yet: for those who only want to know that something has happened. @internal */
  skip(): void {
    this.#events.length = 0
  }

  readonly #aborted = (): void => {
    const { signal, closed } = this.terms
    this.#fail(signal?.aborted === true ? signal.reason : closed.reason)
  }

  async #begin(): Promise<void> {
    this.#isPaused = false
    for (;;) {
      try {
        const stop = await this.sessions.watch({
          action: 'watch',
          fields: () => ({ ...this.terms.target, since: this.#since ?? undefined }),
          answered: (line) => this.#answered(line),
          failed: (error) => void this.#interrupted(error),
        })
        if (this.isOver || this.#isPaused) stop()
        else this.#stop = stop
        return
      } catch (error) {
        if (this.isOver) return
        // No session could be opened within `reach`, which is what the client was told to wait.
        if (!(error instanceof NoQuorumError) || this.#isTooLate) return this.#fail(error)
        await pause(OUTAGE_RETRY_INTERVAL_MS, this.terms.closed)
      }
    }
  }

  /** Its session has ended, or its node has no quorum: another one may go on. */
  async #interrupted(error: TcpNetLockError): Promise<void> {
    this.#stop = null
    if (this.isOver) return
    const isPassing = error instanceof NoQuorumError || error instanceof SessionExpiredError
    if (!isPassing || this.#isTooLate) return this.#fail(error)
    if (error instanceof NoQuorumError) await pause(OUTAGE_RETRY_INTERVAL_MS, this.terms.closed)
    if (!this.isOver) await this.#begin()
  }

  get #isTooLate(): boolean {
    return performance.now() - this.#servedAt > this.terms.reachMs
  }

  /** True: no further line is wanted. */
  #answered(line: Line): boolean {
    if (line.action === 'err') {
      void this.#interrupted(readRefusal(line, ''))
      return true
    }
    this.#servedAt = performance.now()
    const at = line.get('at') ?? ''
    if (line.action === 'watching') {
      this.#since = at
      this.#isReady()
    } else if (line.action === 'gap') {
      this.#since = BEFORE_ALL
      this.#gapAt = at
      this.#tell({ type: 'gap', at: BEFORE_ALL })
    } else if (line.action === 'lock') this.#tell({ type: 'listed', at: BEFORE_ALL, lock: readListedLock(line) })
    else if (line.action === 'end') {
      this.#since = this.#gapAt
      this.#tell({ type: 'caught-up', at: this.#gapAt })
    } else if (line.action === 'event') this.#event(line, at)
    return this.#isPaused
  }

  #event(line: Line, at: string): void {
    const type = EVENT_TYPES.find((known) => known === line.get('type'))
    // One that a later version knows must not stand in the way of the others.
    if (this.#since !== BEFORE_ALL) this.#since = at
    if (type === undefined) return
    const [name, token, holder] = [line.get('name') ?? '', line.number('token') || null, line.get('holder') || null]
    this.#tell({ type, at: this.#since ?? at, name, token, holder })
    // A listing is bounded by what there is; it is taken whole, or it would begin again and again.
    if (this.#events.length < UNREAD_EVENTS_MAX_COUNT || this.#since === BEFORE_ALL) return
    this.#isPaused = true
    this.#stop?.()
    this.#stop = null
  }

  #tell(event: WatchEvent): void {
    this.#events.push(event)
    this.#wakeUp()
  }

  #fail(reason: unknown): void {
    if (this.isOver) return
    this.#error = { reason }
    this.#end()
  }

  #finish(): void {
    this.#isFinished = true
    this.#error = null
    this.#events.length = 0
    this.#end()
  }

  #end(): void {
    this.terms.signal?.removeEventListener('abort', this.#aborted)
    this.terms.closed.removeEventListener('abort', this.#aborted)
    this.#stop?.()
    this.#stop = null
    this.#isReady()
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
