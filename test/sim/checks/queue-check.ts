/**
 * Locks are granted in the order of the queue: nobody passes an earlier waiter beside whom he does not fit (G7). Judged by what
 * the queues were before each entry and who of them still waits after it.
 */
import type { LockMachine } from '../../../src/locks/machine.js'
import type { World } from '../world.js'
import { areCompatible } from './amounts.js'

interface Waiter {
  readonly session: number
  readonly request: number
  readonly amount: number
}

/** A lock as it is now. */
export interface LockNow {
  readonly limit: number
  readonly holds: readonly (Waiter & { readonly token: number })[]
  readonly queue: readonly Waiter[]
}

export class QueueCheck {
  readonly #queues = new Map<string, readonly Waiter[]>()
  /** The last token of each lock: tokens grow with every grant. */
  readonly #granted = new Map<string, number>()

  constructor(
    private readonly world: World,
    private readonly names: readonly string[],
  ) {}

  afterEntry(reference: LockMachine): void {
    for (const name of this.names) this.look(name, lockOf(reference, name))
  }

  /** What became of one lock by an entry. */
  look(name: string, { limit, holds, queue }: LockNow): void {
    const before = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    const highest = this.#granted.get(name) ?? 0
    this.#granted.set(name, Math.max(highest, ...holds.map(({ token }) => token)))
    const amounts = holds.map(({ amount }) => amount)
    for (const hold of holds) {
      if (hold.token <= highest) continue
      const waits = (waiter: Waiter): boolean => queue.some((other) => isSame(other, waiter))
      const place = before.findIndex((waiter) => isOf(hold, waiter) && !waits(waiter))
      if (place >= 0) this.world.count('seen grant to a waiter')
      const waiting = (place < 0 ? before : before.slice(0, place)).filter(waits)
      // After a shrink there may be more than the limit: who was granted before it says nothing.
      if (!areCompatible(amounts, limit)) continue
      const passed = waiting.find((waiter) => !areCompatible([...amounts, waiter.amount], limit))
      if (passed === undefined) continue
      const who = `${passed.session}/${passed.request}, who waits longer`
      this.world.fail(`${name} is granted to session ${hold.session} past ${who}`)
    }
  }
}

function lockOf(reference: LockMachine, name: string): LockNow {
  const lock = reference.inspect().locks.get(name)
  const queue: Waiter[] = []
  for (let place = lock?.queue?.head ?? null; place !== null; place = place.next) {
    const { session, request } = place.request
    queue.push({ session: session.id, request, amount: place.amount })
  }
  const holds = [...(lock?.holds() ?? [])].map(({ session, owner, request, amount, token }) => ({
    session: session?.id ?? owner?.session ?? 0,
    request,
    amount,
    token,
  }))
  return { limit: lock?.limit ?? 0, holds, queue }
}

const isSame = (one: Waiter, other: Waiter): boolean => one.session === other.session && one.request === other.request

/** A hold that was granted under level 1 does not know its request; its session waited with one at most. */
const isOf = (hold: Waiter, waiter: Waiter): boolean =>
  hold.session === waiter.session && (hold.request === waiter.request || hold.request < 0)
