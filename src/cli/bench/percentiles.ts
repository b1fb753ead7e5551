export interface Latency {
  readonly count: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Durations in milliseconds, kept whole: a bench of minutes has some millions. */
export class LatencyRecorder {
  readonly #samplesMs: number[] = []

  add(durationMs: number): void {
    this.#samplesMs.push(durationMs)
  }

  summary(): Latency {
    const sorted = Float64Array.from(this.#samplesMs).sort()
    // Nearest rank: the smallest sample that at least this share of all samples does not exceed.
    const at = (share: number): number => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0)
    return { count: sorted.length, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), maxMs: at(1) }
  }
}

function round(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
