/** What happened at this node since its start. */
import type { Answer } from '../locks/effects.js'
import type { LockObserver, RefusedFor } from './lock-observer.js'

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

  constructor(private readonly observer: LockObserver) {}

  requested(): void {
    this.#requests++
  }

  granted(): void {
    this.#acquired++
  }

  /** A request for `name` was decided, and got nothing. */
  refused(name: string, answer: Answer): void {
    this.#notAcquired++
    this.failed(name, answer)
  }

  /** The same, of what `.stats` does not count: an error, or one that was never proposed. */
  failed(name: string, why: Answer | RefusedFor): void {
    const reason = typeof why === 'string' ? why : reasonOf(why)
    if (reason !== null) this.observer.refused(name, reason)
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

function reasonOf(answer: Answer): RefusedFor | null {
  if (answer.kind === 'not-granted') return answer.reason
  if (answer.kind === 'deadlock') return 'deadlock'
  if (answer.kind !== 'error') return null
  switch (answer.code) {
    case 'deadlock':
    case 'limit':
    case 'limit-mismatch':
      return answer.code
    case 'permits':
      return 'limit'
    default:
      return null
  }
}
