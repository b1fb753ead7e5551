/**
 * What clients are told and may believe, against the reference state: holds that can stand beside each other, tokens that grow,
 * nobody who still believes in what is at odds with what others got, and no positive word of an epoch that has ended.
 */
import type { LockMachine } from '../../../src/locks/machine.js'
import type { World } from '../world.js'
import { areCompatible } from './amounts.js'

/** A client, as far as belief goes. */
export interface Believer {
  readonly name: string
  /** The tokens under which it believes now, on its own clock, to hold the lock. */
  believes(lock: string): readonly number[]
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

/** A hold as it was granted. */
interface Granted {
  readonly name: string
  readonly amount: number
}

const POSITIVE = new Set(['ok', 'alive', 'held', 'ready', 'welcome', 'queued', 'valid', 'safe'])

export const isPositive = (line: string): boolean => POSITIVE.has(line.split(',', 1)[0] ?? '')

export class LockCheck {
  readonly believers = new Set<Believer>()
  readonly holds = new Set<ClassicHold>()
  readonly #granted = new Map<number, Granted>()
  /** Broken by an operator who did not want to wait: two may believe. */
  readonly #given = new Set<number>()
  #highest = 0

  constructor(
    private readonly world: World,
    private readonly names: readonly string[],
    private readonly reference: () => LockMachine | null,
  ) {}

  /** From now on nobody is protected by this hold, whoever believes in it. */
  disregard(token: number): void {
    this.#given.add(token)
  }

  /** The reference state went on: who got what? */
  afterEntry(): void {
    const reference = this.reference()
    if (reference === null) return
    const { locks } = reference.inspect()
    const before = this.#highest
    for (const name of this.names) {
      for (const { token, amount } of locks.get(name)?.holds() ?? []) {
        if (this.#granted.has(token)) continue
        this.#granted.set(token, { name, amount })
        if (token <= before) this.world.fail(`${name} was granted with token ${token} after ${before}`)
        this.#highest = Math.max(this.#highest, token)
        this.world.count('grant')
        this.world.note(`${name} granted: ${token} ${amount}`)
        this.#newHold(name, token)
      }
    }
  }

  #newHold(name: string, token: number): void {
    for (const believer of this.believers) {
      for (const believed of believer.believes(name)) {
        if (this.#areAtOdds(name, believed)) {
          const who = `${believer.name} believes to hold it under ${believed}`
          this.world.fail(`${name} is granted under ${token} while ${who}`)
        }
      }
    }
    for (const hold of this.holds) {
      if (hold.name !== name || hold.isGivenUp() || !hold.isServed() || !this.#areAtOdds(name, hold.token)) continue
      this.world.fail(`${name} is granted under ${token} while a classic connection is open for ${hold.token}`)
    }
  }

  /** Whether the hold with this token has gone, and those that are there now could not be beside it. */
  #areAtOdds(name: string, token: number): boolean {
    const lock = this.reference()?.inspect().locks.get(name)
    const believed = this.#granted.get(token)
    if (lock === undefined || believed === undefined || this.#given.has(token)) return false
    const amounts = [believed.amount]
    for (const hold of lock.holds()) {
      if (hold.token === token) return false
      amounts.push(hold.amount)
    }
    return !areCompatible(amounts, lock.limit)
  }

  /** A client begins, or goes on, to believe that it holds `name`. */
  believed(client: string, name: string, token: number): void {
    if (!this.#areAtOdds(name, token)) return
    this.world.fail(`${client} believes to hold ${name} under ${token}; another has it under ${this.#others(name)}`)
  }

  #others(name: string): string {
    const lock = this.reference()?.inspect().locks.get(name)
    return [...(lock?.holds() ?? [])].map(({ token }) => token).join(', ')
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
    if (!this.#areAtOdds(name, token)) return
    const others = this.#others(name)
    this.world.fail(`${node} says "${line}" to the classic holder of ${name} (${token}) after ${others} got it`)
  }
}
