/**
 * Connections that were left without `bye` (rules.md rule 5). They stay open and silent until a resume elsewhere was
 * answered, or until this client no longer believes in its locks. Reset at once they could become a FIN at a proxy, which a node may
 * take for the word of a client that has let go: it would free locks that are believed in here.
 */
import { DEADLINE_CHECK_INTERVAL_MS, MAX_LEFT_CONNECTIONS } from '../limits.js'
import { after } from '../long-timer.js'
import type { LocalLease } from '../session/local-lease.js'
import type { Link } from './link.js'

export class LeftLinks {
  #links: Link[] = []
  #stopTimer: (() => void) | null = null

  constructor(private readonly localLease: LocalLease) {}

  keep(link: Link): void {
    link.silence()
    this.#links.push(link)
    // The first is the one on which the session was served. On the others `resume` was not answered: before `ready` no end
    // of a connection says anything, so they may go.
    if (this.#links.length > MAX_LEFT_CONNECTIONS) this.#links.splice(1, 1)[0]?.reset()
    this.#arm()
  }

  reset(): void {
    this.#stopTimer?.()
    this.#stopTimer = null
    for (const link of this.#links) link.reset()
    this.#links = []
  }

  #arm(): void {
    if (this.#stopTimer !== null) return
    const leftMs = this.localLease.remainingMs()
    if (leftMs <= 0) {
      this.reset()
      return
    }
    this.#stopTimer = after(Math.min(leftMs, DEADLINE_CHECK_INTERVAL_MS), () => {
      this.#stopTimer = null
      this.#arm()
    })
  }
}
