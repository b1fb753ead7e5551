/** What a session client was told that it has. What it believes is asked of its lease as well. */
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { Told } from './session-request.js'

/** Less than the share by which one clock can run behind another (rules.md rule 6). */
const LOOSE_SHARE = 0.9

export class ToldHolds {
  readonly #bound = new Map<number, Told>()
  /** Bound to no session: until when it believes in them, on its own clock, and who may unlock them. */
  readonly #loose = new Map<number, { readonly told: Told; readonly untilMs: number; readonly owner: string }>()
  /** It had them, and they have ended. */
  #past: Told[] = []

  get size(): number {
    return this.#bound.size
  }

  get hasDelay(): boolean {
    return this.all().some(({ asking }) => (asking?.delayMs ?? 0) > 0)
  }

  all(): readonly Told[] {
    return [...this.#bound.values()]
  }

  add(told: Told): void {
    this.#bound.set(told.token, told)
  }

  addLoose(told: Told, askedAtMs: number, owner: string): void {
    const untilMs = askedAtMs + LOOSE_SHARE * (told.asking?.ttlMs ?? 0)
    this.#loose.set(told.token, { told, untilMs, owner })
  }

  get(token: number): Told | undefined {
    return this.#bound.get(token)
  }

  remove(token: number): void {
    const told = this.#bound.get(token) ?? this.#loose.get(token)?.told
    if (told !== undefined) this.#past = [...this.#past.slice(-4), told]
    this.#bound.delete(token)
    this.#loose.delete(token)
  }

  /** The session is gone, or nobody knows: those that are loose stay. */
  clear(): void {
    for (const token of [...this.#bound.keys()]) this.remove(token)
  }

  /** A resume begins: what follows in its list is held, and nothing else. */
  forgetBound(): ReadonlyMap<number, Told> {
    const before = new Map(this.#bound)
    this.#bound.clear()
    return before
  }

  tokensOf(lock: string): number[] {
    return this.all().flatMap(({ name, token }) => (name === lock ? [token] : []))
  }

  looseOf(lock: string, nowMs: number): number[] {
    return [...this.#loose.values()].flatMap(({ told, untilMs }) =>
      told.name === lock && untilMs > nowMs ? [told.token] : [],
    )
  }

  pickLoose(random: SeededRandom): { readonly told: Told; readonly owner: string } | null {
    const all = [...this.#loose.values()]
    return all.length === 0 ? null : random.pick(all)
  }

  /** Any that it has or had. */
  pickAny(random: SeededRandom): Told | null {
    const all = [...this.#bound.values(), ...this.#past]
    return all.length === 0 ? null : random.pick(all)
  }

  pickPast(random: SeededRandom): Told | null {
    return this.#past.length === 0 ? null : random.pick(this.#past)
  }
}
