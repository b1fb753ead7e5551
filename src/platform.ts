/** What every ring needs of the machine: time and randomness. Injected, so that the simulator can replay a run. */

export interface Timer {
  cancel(): void
}

/** Monotonic milliseconds and timers. Both readings have an arbitrary origin; only differences mean anything. */
export interface Clock {
  /** For whoever speaks or holds: the larger of hrtime and boot time, which includes suspend (rules.md rule 7). */
  speakerNow(): number
  /** For whoever takes away: the smaller of the two. */
  takerNow(): number
  /**
   * Milliseconds since 1970, as this machine's clock has it, which anybody may set: for display, and where the leader ends
   * what was to last until a time of day (rules.md, tails).
   */
  wallNow(): number
  after(delayMs: number, run: () => void): Timer
  /** Runs `run` once the current turn of the event loop has handled what arrived. Several calls keep their order. */
  soon(run: () => void): void
}

/** Randomness is injected too: a seed replays a run exactly. */
export interface Random {
  /** A uniform integer in [0, bound). */
  int(bound: number): number
  bytes(count: number): Uint8Array
}
