import type { Index } from '../../core/types.js'
import type { ReadContexts } from './read-contexts.js'

type Done = (index: Index | null) => void

/** A leader asks a quorum whether it still leads (thesis 6.4). Those who ask in one turn share one round. */
export class LeadershipRounds {
  #asked: Done[] = []
  readonly #inFlight = new Map<number, readonly Done[]>()

  constructor(private readonly contexts: ReadContexts) {}

  ask(done: Done): void {
    this.#asked.push(done)
  }

  /** Begins the round of this turn. `readIndex` hands its context to the core. */
  begin(isLeader: boolean, readIndex: (context: number) => void): void {
    if (this.#asked.length === 0) return
    const asked = this.#asked
    this.#asked = []
    if (!isLeader) {
      for (const done of asked) done(null)
      return
    }
    const context = this.contexts.next()
    this.#inFlight.set(context, asked)
    readIndex(context)
  }

  /** A context that is not of these rounds changes nothing. */
  confirmed(context: number, index: Index): void {
    const waiting = this.#inFlight.get(context)
    this.#inFlight.delete(context)
    for (const done of waiting ?? []) done(index)
  }

  /** This node leads no longer: nobody knows what becomes of what is under way. */
  fail(): void {
    const inFlight = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const waiting of inFlight) for (const done of waiting) done(null)
  }
}
