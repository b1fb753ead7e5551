import type { Random } from '../platform.js'

/** The only source of chance in a run: one seed, one sequence (mulberry32). */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring sequences.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  }

  /** Uniform in [0, 1). */
  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  int(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(256))
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  between(low: number, high: number): number {
    return low + this.float() * (high - low)
  }

  /**
   * Small values are as likely as large ones: right for faults that may last a moment or forever. Written without `**`, whose
   * last digit is not the same in every version of Node, so that a seed replays in all of them.
   */
  logBetween(low: number, high: number): number {
    return low * Math.exp(Math.log(high / low) * this.float())
  }

  /** Exponentially distributed. */
  around(mean: number): number {
    return -Math.log(1 - this.float()) * mean
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.int(list.length)]
    if (item === undefined) throw new Error('pick: an empty list')
    return item
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list]
    const out: T[] = []
    while (left.length > 0) out.push(...left.splice(this.int(left.length), 1))
    return out
  }
}
