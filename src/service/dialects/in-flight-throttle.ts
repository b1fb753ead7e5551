/** Stops reading from a client that has too many requests under way, until half of them are decided. */
import { SESSION_IN_FLIGHT_MAX_COMMANDS } from '../limits.js'

export class InFlightThrottle {
  #paused = false

  constructor(private readonly onChange: (paused: boolean) => void) {}

  /** `undecided`: requests of which nothing is known yet. */
  look(undecided: number): void {
    const paused = undecided >= SESSION_IN_FLIGHT_MAX_COMMANDS / (this.#paused ? 2 : 1)
    if (paused === this.#paused) return
    this.#paused = paused
    this.onChange(paused)
  }
}
