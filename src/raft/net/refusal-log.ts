import type { Clock } from '../../platform.js'
import { REFUSAL_REMINDER_MS, REMEMBERED_REFUSALS } from '../limits.js'

/** What the transport tells the operator; a pino logger is one. */
export interface TransportLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

interface Told {
  readonly peer: string
  readonly atMs: number
  /** Since it was told. */
  readonly times: number
}

/**
 * Logs each refusal once and not at every retry; after that once a minute, with the number of repeats. Otherwise anybody who
 * can reach the peer port could write as many lines as he likes.
 */
export class RefusalLog {
  readonly #known = new Map<string, Told>()

  constructor(
    private readonly logger: TransportLogger,
    private readonly clock: Clock,
  ) {}

  /** `remoteAddress` without the port, which is different at each attempt. */
  refused(peer: string, remoteAddress: string, reason: string): void {
    this.#tell(peer, { peer, remote: remoteAddress, reason }, 'refused a peer')
  }

  refusedBy(peer: string, reason: string): void {
    this.#tell(peer, { peer, reason }, 'refused by a peer')
  }

  broken(peer: string, remoteAddress: string, reason: string): void {
    this.#tell(peer, { peer, remote: remoteAddress, reason }, 'closed a connection that broke the peer protocol')
  }

  /** After a success the next refusal is news again. */
  forget(peer: string): void {
    for (const [key, told] of this.#known) if (told.peer === peer) this.#known.delete(key)
  }

  #tell(peer: string, fields: object, message: string): void {
    const key = JSON.stringify([message, fields])
    const nowMs = this.clock.takerNow()
    const told = this.#known.get(key)
    if (told !== undefined && nowMs - told.atMs < REFUSAL_REMINDER_MS) {
      this.#known.set(key, { ...told, times: told.times + 1 })
      return
    }
    if (this.#known.size >= REMEMBERED_REFUSALS) this.#known.clear()
    this.#known.set(key, { peer, atMs: nowMs, times: 0 })
    const repeated = told?.times ?? 0
    this.logger.warn(repeated === 0 ? fields : { ...fields, repeated }, message)
  }
}
