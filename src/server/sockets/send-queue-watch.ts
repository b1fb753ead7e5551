import type { Clock, Timer } from '../../platform.js'
import { SEND_QUEUE_LOOK_MS, SEND_QUEUE_STUCK_MS, TCP_TABLE_INTERVAL_MS } from '../limits.js'
import type { SendQueues } from './tcp-table.js'

export interface WatchedConnection {
  readonly tableKey: string | null
  /** Bytes that the kernel has taken from us so far. */
  readonly handedToKernelBytes: number
  giveUp(): void
}

/** Looks from one reading of the table to the next. */
const LOOKS_PER_READING = TCP_TABLE_INTERVAL_MS / SEND_QUEUE_LOOK_MS

interface Watched {
  /** It was here at a look before: most answers are acknowledged, and their clients gone, long before that. */
  hasStayed: boolean
  /** Written to since the last look: what is read of the table may not show that yet. */
  fresh: boolean
  acknowledgedBytes: number
  /** When `acknowledgedBytes` last grew; null before the first look. */
  sinceMs: number | null
}

/**
 * TCP keepalive is silent while written data is unacknowledged, so a client that vanished just before a word was
 * written to it would be found only after a quarter of an hour of retransmissions. This watch looks at the kernel's send
 * queues of connections that were written to since their last line, and gives up those that do not shrink (rules.md
 * rule 5).
 */
export class SendQueueWatch {
  readonly #clock: Clock
  readonly #readQueues: (() => Promise<SendQueues | null>) | null
  readonly #watched = new Map<WatchedConnection, Watched>()
  #timer: Timer | null = null
  #looksSinceReading = 0
  #stopped = false

  /** `readQueues`: null where the system has no such queues; it gives null when they cannot be read just now. */
  constructor(clock: Clock, readQueues: (() => Promise<SendQueues | null>) | null) {
    this.#clock = clock
    this.#readQueues = readQueues
  }

  wrote(connection: WatchedConnection): void {
    if (this.#readQueues === null) return
    const known = this.#watched.get(connection)
    if (known === undefined)
      this.#watched.set(connection, { hasStayed: false, fresh: true, acknowledgedBytes: 0, sinceMs: null })
    else known.fresh = true
    this.#scheduleCheck()
  }

  /** A line came, or the connection is gone: nothing more to watch for. */
  forget(connection: WatchedConnection): void {
    this.#watched.delete(connection)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#watched.clear()
  }

  #scheduleCheck(): void {
    if (this.#timer !== null || this.#stopped || this.#watched.size === 0) return
    this.#timer = this.#clock.after(SEND_QUEUE_LOOK_MS, () => {
      if (this.#isWorthReading()) void this.#readQueues?.().then((queues) => this.#checked(queues))
      else this.#checked(null)
    })
  }

  /**
   * The table has a row for each connection of the machine, thousands of them long closed. While clients come and go by the
   * thousand none stays from one look to the next, and it need not be read. Who stays is found in it as soon as if it were read
   * all the time: a look, and the reading at the next one, take one interval.
   */
  #isWorthReading(): boolean {
    this.#looksSinceReading += 1
    let isWorthIt = false
    for (const entry of this.#watched.values()) {
      isWorthIt ||= entry.hasStayed
      entry.hasStayed = true
      entry.fresh = false
    }
    if (!isWorthIt || this.#looksSinceReading < LOOKS_PER_READING) return false
    this.#looksSinceReading = 0
    return true
  }

  #checked(queues: SendQueues | null): void {
    this.#timer = null
    if (queues !== null && !this.#stopped) this.#check(queues)
    this.#scheduleCheck()
  }

  #check(queues: SendQueues): void {
    const nowMs = this.#clock.takerNow()
    for (const [connection, entry] of this.#watched) {
      const queuedBytes = connection.tableKey === null ? undefined : queues.get(connection.tableKey)
      if (queuedBytes === undefined) {
        if (!entry.fresh) this.#watched.delete(connection)
        continue
      }
      // Counted in acknowledged bytes: what is written meanwhile may let a queue grow that does shrink at its other end.
      const acknowledgedBytes = connection.handedToKernelBytes - queuedBytes
      if (entry.sinceMs === null || acknowledgedBytes > entry.acknowledgedBytes) {
        entry.acknowledgedBytes = acknowledgedBytes
        entry.sinceMs = nowMs
      } else if (nowMs - entry.sinceMs >= SEND_QUEUE_STUCK_MS) {
        this.#watched.delete(connection)
        connection.giveUp()
      }
    }
  }
}
