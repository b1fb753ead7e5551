/**
 * What clients are told and may believe, against the reference state: one holder per lock, tokens that
 * grow, nobody who still believes to hold what another got, and no positive word of an epoch that has ended.
 */
import type { LockMachine } from '../../../src/locks/machine.js'
import type { World } from '../world.js'
import type { QueueCheck } from './queue-check.js'

/** A client, as far as belief goes. */
export interface Believer {
  readonly name: string
  /** The token under which it believes now, on its own clock, to hold the lock; null if it does not. */
  believes(lock: string): number | null
}

/** A classic connection at its node. */
export interface ClassicHold {
  readonly name: string
  readonly token: number
  /** The node lives and runs, and has not begun to close the connection. */
  isServed(): boolean
  /** The client gave the lock up: it believes nothing any more. */
  isGivenUp(): boolean
}

const POSITIVE = new Set(['ok', 'alive', 'held', 'ready', 'welcome', 'queued', 'valid', 'safe'])

export const isPositive = (line: string): boolean => POSITIVE.has(line.split(',', 1)[0] ?? '')

export class LockCheck {
  readonly believers = new Set<Believer>()
  readonly holds = new Set<ClassicHold>()
  readonly #tokens = new Map<string, number>()
  #highest = 0

  constructor(
    private readonly world: World,
    private readonly names: readonly string[],
    private readonly reference: () => LockMachine | null,
    private readonly queues: QueueCheck,
  ) {}

  /** The reference state went on: who got what? */
  afterEntry(): void {
    const reference = this.reference()
    if (reference === null) return
    let highest = this.#highest
    for (const name of this.names) {
      const holder = reference.holder(name)
      const token = holder?.token ?? 0
      if (token === this.#tokens.get(name)) continue
      this.#tokens.set(name, token)
      if (holder === null) continue
      if (token <= this.#highest) this.world.fail(`${name} was granted with token ${token} after ${this.#highest}`)
      highest = Math.max(highest, token)
      this.world.count('grant')
      this.world.note(`${name} granted: ${token}`)
      this.queues.holds(name, holder.session, token)
      this.#granted(name, token)
    }
    this.#highest = highest
  }

  #granted(name: string, token: number): void {
    for (const believer of this.believers) {
      const believed = believer.believes(name)
      if (believed !== null && believed !== token) {
        this.world.fail(
          `${name} is granted under ${token} while ${believer.name} believes to hold it under ${believed}`,
        )
      }
    }
    for (const hold of this.holds) {
      if (hold.name !== name || hold.token === token || hold.isGivenUp() || !hold.isServed()) continue
      this.world.fail(`${name} is granted under ${token} while a classic connection is open for ${hold.token}`)
    }
  }

  /** A client begins, or goes on, to believe that it holds `name`. */
  believed(client: string, name: string, token: number): void {
    const holder = this.reference()?.holder(name)
    if (holder && holder.token !== token) {
      this.world.fail(`${client} believes to hold ${name} under ${token}; another has it under ${holder.token}`)
    }
  }

  /** A node hands a positive line to its kernel. */
  spoken(node: string, epoch: number, line: string): void {
    const reference = this.reference()
    if (epoch === 0) this.world.fail(`${node} says "${line}" without an epoch`)
    else if (reference !== null && !reference.isLive(node, epoch)) {
      this.world.fail(`${node} says "${line}" under epoch ${epoch}, which has ended`)
    }
  }

  /** A positive word on a classic connection that holds. */
  affirmed(node: string, { name, token }: ClassicHold, line: string): void {
    const holder = this.reference()?.holder(name)
    if (holder && holder.token !== token) {
      this.world.fail(`${node} says "${line}" to the classic holder of ${name} (${token}) after ${holder.token} got it`)
    }
  }
}
