/**
 * Done-marks as their clients see them: nobody is given work that was marked before it was asked for, and none is said to be done
 * that nobody marked under a current hold.
 */
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { World } from '../world.js'

export class MarkCheck {
  /** When the mark was known to be set: what had been applied by then. */
  readonly #set = new Map<string, number>()
  /** Requests that may have set it: they were not refused. */
  readonly #tried = new Map<string, Set<object>>()
  /** An operator takes it away, or it ends by itself: nothing is known of it any more. */
  readonly #loose = new Set<string>()

  constructor(private readonly world: World) {}

  disregard(key: string): void {
    this.#loose.add(key)
  }

  tries(key: string, request: object): void {
    const requests = this.#tried.get(key) ?? new Set()
    this.#tried.set(key, requests.add(request))
  }

  refused(key: string, request: object): void {
    this.#tried.get(key)?.delete(request)
    this.world.count('seen mark refused')
  }

  isSet(key: string, index: number): void {
    this.world.count('seen mark set')
    if (!this.#set.has(key)) this.#set.set(key, index)
  }

  granted(client: string, key: string, askedAfter: number): void {
    const index = this.#set.get(key)
    if (index === undefined || index > askedAfter || this.#loose.has(key)) return
    this.world.fail(`${client} is given the work of ${key}, asked for after ${askedAfter}; it was marked by ${index}`)
  }

  done(client: string, key: string): void {
    if ((this.#tried.get(key)?.size ?? 0) === 0)
      this.world.fail(`${client} is told that ${key} is done, and nobody marked it`)
  }

  pick(random: SeededRandom): string | null {
    const keys = [...this.#set.keys()]
    return keys.length === 0 ? null : random.pick(keys)
  }
}
