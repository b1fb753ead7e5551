/**
 * What is promised of one hold, against the reference state: that its times are counted in full, and that `valid` and `stale`
 * are not older than their question.
 */
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import type { LockMachine } from '../../../src/locks/machine.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { World } from '../world.js'

interface Known {
  readonly name: string
  readonly grantedAtMs: number
  readonly grantedIndex: number
  /** The entry after which it was current no longer; it may count on. */
  endedIndex: number
  /** It counts: as a hold, as one that was broken, or as a tail. */
  counts: boolean
}

interface Promised {
  readonly token: number
  readonly untilMs: number
  readonly why: string
}

export interface PickedHold {
  readonly name: string
  readonly token: number
}

export class HoldCheck {
  readonly #known = new Map<number, Known>()
  readonly #current = new Set<number>()
  readonly #promised = new Map<string, Promised>()

  constructor(
    private readonly world: World,
    private readonly names: readonly string[],
    private readonly reference: () => LockMachine | null,
    private readonly lastIndex: () => number,
    /** The ratio of any two clocks; what one counts as 1.1 s may be 1 s. */
    private readonly maxClockRate: number,
  ) {}

  afterEntry(): void {
    const locks = this.reference()?.inspect().locks
    if (locks === undefined) return
    const [counting, current] = [new Set<number>(), new Set<number>()]
    for (const name of this.names) {
      const holds = [...(locks.get(name)?.holds() ?? [])]
      const kind = (holds[0]?.amount ?? 0) > 0 ? 'permits' : 'shared'
      if (holds.length > 1) this.world.count(`seen ${kind} beside ${kind}`)
      for (const { token, phase } of holds) {
        counting.add(token)
        if (phase === 'held') current.add(token)
        if (phase === 'tail') this.world.count('seen tail')
        if (!this.#known.has(token)) this.#granted(name, token)
      }
    }
    for (const token of this.#current) if (!current.has(token)) this.#endedOf(token)
    this.#current.clear()
    for (const token of current) this.#current.add(token)
    for (const [token, known] of this.#known) known.counts = counting.has(token)
    this.#keepPromises()
  }

  #granted(name: string, token: number): void {
    const grantedIndex = this.lastIndex()
    const known = {
      name,
      grantedAtMs: this.world.nowMs,
      grantedIndex,
      endedIndex: Number.POSITIVE_INFINITY,
      counts: true,
    }
    this.#known.set(token, known)
  }

  #endedOf(token: number): void {
    const known = this.#known.get(token)
    if (known !== undefined) known.endedIndex = this.lastIndex()
  }

  #keepPromises(): void {
    for (const [key, { token, untilMs, why }] of this.#promised) {
      if (this.world.nowMs >= untilMs) this.#promised.delete(key)
      else if (this.#known.get(token)?.counts !== true) {
        const early = (untilMs - this.world.nowMs).toFixed(0)
        this.world.fail(
          `${this.#known.get(token)?.name} has nothing left of ${token} ${early} ms before its ${why} is over`,
        )
      }
    }
  }

  /** The client was told that it has the lock: until so long after the grant nobody else gets it. */
  minHold(token: number, ms: number): void {
    const known = this.#known.get(token)
    if (known === undefined || ms === 0 || !known.counts) return
    const untilMs = known.grantedAtMs + ms / this.maxClockRate
    this.#promised.set(`${token} min-hold`, { token, untilMs, why: 'min-hold' })
    this.world.count('seen min-hold')
  }

  /** A client that rightly believed in this hold is gone without `bye`. Under level 1 a FIN leaves no delay. */
  leftUnclean(token: number, delayMs: number): void {
    const level = this.reference()?.level ?? SERVICE_LEVEL
    if (delayMs === 0 || level < SERVICE_LEVEL || !this.#current.has(token)) return
    const untilMs = this.world.nowMs + delayMs / this.maxClockRate
    this.#promised.set(`${token} delay`, { token, untilMs, why: 'delay' })
    this.world.count('seen delay of one who left')
  }

  /** The client is back. */
  foundAgain(token: number): void {
    this.#promised.delete(`${token} delay`)
  }

  /** An operator broke it: nothing is promised any more. */
  broken(token: number): void {
    this.foundAgain(token)
    this.#promised.delete(`${token} min-hold`)
  }

  /** Told `lost,…,reason:ttl`. */
  ttlEnded(client: string, token: number, ttlMs: number): void {
    const known = this.#known.get(token)
    const earlyMs = (known?.grantedAtMs ?? 0) + ttlMs / this.maxClockRate - this.world.nowMs
    if (known !== undefined && earlyMs > 0)
      this.world.fail(`${client} lost ${token} ${earlyMs} ms before the end of its ttl`)
  }

  /** `askedAfter`: what was applied somewhere when the client asked. */
  checked(client: string, { name, token }: PickedHold, askedAfter: number, isValid: boolean): void {
    const known = this.#known.get(token)
    if (isValid && (known === undefined || known.endedIndex <= askedAfter)) {
      this.world.fail(
        `${client} is told that ${token} of ${name} is valid; it ended at ${known?.endedIndex}, asked after ${askedAfter}`,
      )
    }
    if (!isValid && known !== undefined && this.#current.has(token) && known.grantedIndex <= askedAfter) {
      this.world.fail(`${client} is told that ${token} of ${name} is stale, and it is current`)
    }
  }

  /** Some hold, tail or other, for an operator. */
  pick(random: SeededRandom): PickedHold | null {
    const some = [...this.#known].filter(([, { counts }]) => counts)
    if (some.length === 0) return null
    const [token, { name }] = random.pick(some)
    return { name, token }
  }
}
