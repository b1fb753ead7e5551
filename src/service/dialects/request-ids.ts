/** The ids by which a client names its requests, and what it may acknowledge (docs/protocol.md, rules.md rule 10). */
import type { RequestId } from '../../locks/commands/commands.js'
import type { SessionView } from '../../locks/effects.js'
import { UNACKNOWLEDGED_PER_SESSION_MAX } from '../../locks/limits.js'

export class RequestIds {
  /** The highest id that this connection has brought. */
  #seen: RequestId = 0
  #mayAcknowledge: RequestId = 0
  /** The highest id that the state knew when the session was resumed: up to it requests may be repeats. */
  #known: RequestId = 0
  /** What the state had answered, or had in a queue, when the session was resumed. */
  #answered: ReadonlySet<RequestId> = new Set()
  #lastUnnamed: RequestId = 0
  /** The highest id that was proposed on this connection. One that was refused before is none. */
  #proposed: RequestId = 0

  /**
   * Answers that earlier connections gave without asking the state (`bad-name`, for example) may be acknowledged on this
   * one, though nobody here knows of them. They too count among those that a client may leave unacknowledged, so they
   * cannot lie further above what the state knows.
   */
  resumed({ highestRequest, lowestUnacknowledged, queued, answers }: SessionView): void {
    this.#answered = new Set([...answers.map(([id]) => id), ...queued.map(({ request }) => request)])
    this.#known = Math.max(highestRequest, lowestUnacknowledged - 1)
    this.#mayAcknowledge = this.#known + UNACKNOWLEDGED_PER_SESSION_MAX
    this.#lastUnnamed = Math.min(0, ...queued.map(({ request }) => request))
  }

  /** Takes note of a line. False if it acknowledges what cannot have been answered: its own request, or a later one. */
  take(id: RequestId | null, ack: RequestId): boolean {
    const allowed = ack <= Math.max(this.#seen, this.#mayAcknowledge)
    this.#seen = Math.max(this.#seen, id ?? 0)
    return allowed
  }

  /** Ids increase: one above all that the state knew and all that were proposed here since is of a new request. */
  mayBeRepeat(id: RequestId | null): boolean {
    return id !== null && id <= Math.max(this.#known, this.#proposed)
  }

  /** The state answers it as it did, or goes on with it: whatever the line asks now is not carried out. */
  isKnown(id: RequestId | null): boolean {
    return id !== null && this.#answered.has(id)
  }

  /** Under which a request is proposed. */
  name(id: RequestId | null): RequestId {
    this.#proposed = Math.max(this.#proposed, id ?? 0)
    return id ?? this.nextUnnamed()
  }

  /**
   * For a request without an id: below all that may still wait under an earlier connection of the session. Counting down
   * from those, and not by the attach count, it stays far above the least number that can be written.
   */
  nextUnnamed(): RequestId {
    this.#lastUnnamed -= 1
    return this.#lastUnnamed
  }
}
