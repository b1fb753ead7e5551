/** What happened at this node since its start. */
export interface CountersReport {
  /** Lines of clients, of any kind. */
  readonly requests: number
  /** Locks that were granted, and requests for one that were refused, to clients of this node. */
  readonly acquired: number
  readonly notAcquired: number
  /** Requests, of clients of any node, that wait although the search for a deadlock was given up at its bound. */
  readonly unexamined: number
}

export class Counters {
  #requests = 0
  #acquired = 0
  #notAcquired = 0
  #unexamined = 0

  requested(): void {
    this.#requests++
  }

  granted(): void {
    this.#acquired++
  }

  refused(): void {
    this.#notAcquired++
  }

  unexamined(): void {
    this.#unexamined++
  }

  report(): CountersReport {
    return {
      requests: this.#requests,
      acquired: this.#acquired,
      notAcquired: this.#notAcquired,
      unexamined: this.#unexamined,
    }
  }
}
