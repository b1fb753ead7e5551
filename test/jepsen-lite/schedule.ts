import { setTimeout as sleep } from 'node:timers/promises'
import { NotNow } from './ground.js'
import type { History } from './history.js'
import type { Fault, Finding, Random } from './types.js'

/** A nemesis, and where it strikes. */
export interface Attack {
  readonly name: string
  /** Two of one group never strike at once. */
  readonly group: string
  aim(): Promise<Fault>
}

export interface ScheduleOptions {
  readonly attacks: readonly Attack[]
  readonly random: Random
  readonly history: History
  readonly leaseMs: number
  /** What keeps the cluster from serving, or null. */
  readonly whyNotServing: () => Promise<string | null>
  readonly log: (line: string) => void
}

/** After all faults have ended, everything has to work again within this. */
export const RECOVERY_MS = 30_000

const QUIET_MIN_MS = 300
const QUIET_MAX_MS = 2_000
const HOLD_MIN_MS = 500
/** Long enough for the longest lease, counted from its last renewal, and the election after it. */
const HOLD_MAX_LEASES = 2.3
const COMBINED_SHARE = 0.4
const STAGGER_MIN_MS = 5
const STAGGER_MAX_MS = 1_500
/** The next fault may meet a cluster that has not recovered from the last one. */
const NO_REST_SHARE = 0.3
const POLL_MS = 100

interface Aimed {
  readonly attack: Attack
  readonly fault: Fault
}

/** Lets faults come and go, alone and together, each about as often as every other. */
export class Schedule {
  readonly findings: Finding[] = []
  readonly counts = new Map<string, number>()
  #deck: Attack[] = []

  constructor(private readonly options: ScheduleOptions) {}

  /** Resolves when all faults are healed and the cluster serves, or it is clear that it does not. */
  async run(untilMs: number, signal: AbortSignal): Promise<void> {
    const { random, attacks } = this.options
    while (performance.now() < untilMs && !signal.aborted) {
      await this.#wait(random.between(QUIET_MIN_MS, QUIET_MAX_MS), signal)
      const aimed = attacks.length === 0 ? [] : await this.#aim(random.chance(COMBINED_SHARE) ? 2 : 1)
      await this.#strike(aimed, signal)
      if (!random.chance(NO_REST_SHARE)) await this.untilServing()
      if (this.findings.length > 0) return
    }
    await this.untilServing()
  }

  /** Adds a finding if the cluster does not serve in time. */
  async untilServing(): Promise<void> {
    const startMs = performance.now()
    for (;;) {
      const why = await this.options.whyNotServing()
      if (why === null) break
      if (performance.now() - startMs > RECOVERY_MS) {
        this.#complain(`${RECOVERY_MS / 1000} s after the last fault ended: ${why}`)
        return
      }
      await sleep(POLL_MS)
    }
    this.options.history.observe('recovered', { afterMs: Math.round(performance.now() - startMs) })
  }

  /** From a deck that is shuffled anew when it is used up. */
  async #aim(count: number): Promise<readonly Aimed[]> {
    const aimed: Aimed[] = []
    const putBack: Attack[] = []
    for (let tries = 0; aimed.length < count && tries < this.options.attacks.length; tries += 1) {
      if (this.#deck.length === 0) this.#deck = this.options.random.shuffled(this.options.attacks)
      const attack = this.#deck.pop()
      if (attack === undefined) break
      const fault = aimed.some((other) => other.attack.group === attack.group) ? null : await aimOrNot(attack)
      if (fault === null) putBack.push(attack)
      else aimed.push({ attack, fault })
    }
    // Next time they are the first.
    this.#deck.push(...putBack)
    return aimed
  }

  async #strike(aimed: readonly Aimed[], signal: AbortSignal): Promise<void> {
    const { random, leaseMs } = this.options
    const over = this.#wait(random.logBetween(HOLD_MIN_MS, HOLD_MAX_LEASES * leaseMs), signal)
    const lives = aimed.map(async (one, index) => {
      // The second meets what the first one has set going.
      if (index > 0) await this.#wait(random.logBetween(STAGGER_MIN_MS, STAGGER_MAX_MS), signal)
      // Each ends by itself: one may have to wait for the end of the other before it can even begin.
      await Promise.all([this.#begin(one), over])
      await this.#end(one)
    })
    await Promise.all(lives)
  }

  async #begin({ attack: { name }, fault }: Aimed): Promise<void> {
    const { history, log } = this.options
    const { target } = fault
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    history.observe(name, { phase: 'start', target })
    log(`${name} ${target}`.trimEnd())
    try {
      await fault.begin()
    } catch (error) {
      // Beside another fault an operator's work may fail; that it can be put right is what counts.
      history.observe(name, { phase: 'failed', target, error: String(error) })
      log(`${name} ${target}: ${String(error)}`)
    }
  }

  async #end({ attack: { name }, fault }: Aimed): Promise<void> {
    const { history } = this.options
    const { target } = fault
    try {
      await fault.end()
    } catch (error) {
      this.#complain(`after ${name} ${target}: ${String(error)}`)
    }
    history.observe(name, { phase: 'end', target })
  }

  #complain(what: string): void {
    this.options.log(what)
    this.findings.push({ check: 'recovery', what, events: [] })
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {})
  }
}

async function aimOrNot(attack: Attack): Promise<Fault | null> {
  try {
    return await attack.aim()
  } catch (error) {
    if (error instanceof NotNow) return null
    throw error
  }
}
