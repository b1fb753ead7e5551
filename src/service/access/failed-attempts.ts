/**
 * Whoever shows a wrong token is answered after a while. Nobody is locked out by address: behind a relay all clients have the
 * same one. A flood of attempts only makes the answers come sooner: the oldest is given when a new one needs its place, so that
 * strangers fill no memory and everybody who waits is told in the end. Guessing gains nothing by it: a token has 256 random bits.
 */
import type { Clock, Timer } from '../../platform.js'
import { FAILED_ATTEMPT_MS, FAILED_ATTEMPTS_MAX_COUNT } from '../limits.js'

export class FailedAttempts {
  /** The oldest first. */
  readonly #waiting = new Map<() => void, Timer>()
  #count = 0

  constructor(private readonly clock: Pick<Clock, 'after'>) {}

  /** Since the start of this node. */
  get count(): number {
    return this.#count
  }

  /** `answer` runs once, later. It has to cope with a client that has gone meanwhile. */
  answerLater(answer: () => void): void {
    this.#count += 1
    const [oldest] = this.#waiting.keys()
    if (oldest !== undefined && this.#waiting.size >= FAILED_ATTEMPTS_MAX_COUNT) this.#answer(oldest)
    const once = (): void => answer()
    this.#waiting.set(
      once,
      this.clock.after(FAILED_ATTEMPT_MS, () => this.#answer(once)),
    )
  }

  #answer(answer: () => void): void {
    const timer = this.#waiting.get(answer)
    if (timer === undefined) return
    this.#waiting.delete(answer)
    timer.cancel()
    answer()
  }
}
