/** Which client is read from next: input is handed on in small slices, in turn, and for a short time only. */
import type { Clock, Timer } from '../../platform.js'
import type { Look } from '../../raft/ports/looks-first.js'
import { INPUT_PAUSE_MS, INPUT_TURN_MS } from '../limits.js'

export interface InputSource {
  /** Hands on one slice of what has arrived, if it may. True while there is more that may be handed on. */
  readSlice(): boolean
}

/**
 * Without it, a client that sends faster than it is served has the event loop to itself: its socket delivers lines by
 * 64 KiB, and the words of peers, the disk and everybody else's lines wait behind them.
 *
 * A source whose input came just now is served before those that have more than one slice waiting, and all that wait share
 * a budget of time. Peers, timers and the disk have their turn between two budgets, and so do other processes: a
 * flood may take a part of one processor, never all of it.
 *
 * Example: A and B flood, C sends one line. A slice of A, a slice of B, and both stand in the queue of the floods; C's line
 * is handed on when it arrives; then A and B take turns until `INPUT_TURN_MS` is used up, and again `INPUT_PAUSE_MS` later.
 */
export class FairInput {
  /** Something came, and no slice of it was handed on yet. */
  readonly #fresh = new Set<InputSource>()
  /** One slice was not enough: they rotate. */
  readonly #flooding = new Set<InputSource>()
  readonly #budgets = { freshMs: 0, floodingMs: 0 }
  #serving = false
  #stopped = false
  #nextTurnIsDue = false
  #nextRound: Timer | null = null

  /** `look` comes before each slice: turns of others, and pauses of the process, may lie between its arrival and that. */
  constructor(
    private readonly clock: Clock,
    private readonly look: Look,
  ) {}

  /** The source has something that it may hand on; it is served at once if there is time for it. */
  arrived(source: InputSource): void {
    if (this.#stopped) return
    if (!this.#flooding.has(source)) this.#fresh.add(source)
    if (!this.#serving) this.#serve()
  }

  forget(source: InputSource): void {
    this.#fresh.delete(source)
    this.#flooding.delete(source)
  }

  stop(): void {
    this.#stopped = true
    this.#fresh.clear()
    this.#flooding.clear()
    this.#nextRound?.cancel()
  }

  #serve(): void {
    this.#serving = true
    try {
      this.#spend(this.#fresh, 'freshMs')
      if (this.#fresh.size === 0) this.#spend(this.#flooding, 'floodingMs')
    } finally {
      this.#serving = false
    }
    this.#schedule()
  }

  #spend(queue: Set<InputSource>, budget: 'freshMs' | 'floodingMs'): void {
    while (this.#budgets[budget] < INPUT_TURN_MS) {
      const [source] = queue
      if (source === undefined) return
      queue.delete(source)
      const beganMs = this.clock.takerNow()
      this.look()
      if (source.readSlice()) this.#flooding.add(source)
      this.#budgets[budget] += this.clock.takerNow() - beganMs
    }
  }

  #schedule(): void {
    if (this.#stopped) return
    if (!this.#nextTurnIsDue && this.#budgets.freshMs > 0) {
      this.#nextTurnIsDue = true
      this.clock.soon(this.#beginTurn)
    }
    if (this.#nextRound === null && this.#flooding.size > 0) {
      this.#nextRound = this.clock.after(INPUT_PAUSE_MS, this.#beginRound)
    }
  }

  /** The sockets of peers have been looked at. */
  readonly #beginTurn = (): void => {
    this.#nextTurnIsDue = false
    this.#budgets.freshMs = 0
    if (this.#fresh.size > 0) this.#serve()
  }

  readonly #beginRound = (): void => {
    this.#nextRound = null
    this.#budgets.floodingMs = 0
    this.#serve()
  }
}
