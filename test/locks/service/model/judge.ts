/**
 * The deadlock rule as a story: *give everybody time*. Tails end, freezes thaw, and who keeps nothing for a request that waits
 * gives back what it has. A request whose turn comes is granted; its client uses what it got, and gives it back, unless it
 * said that it keeps it for another request that still waits. Who waits at the end of all that waits for ever.
 *
 * This is played, not searched: no sets, no edges, no order. What can happen in this story only grows by what has happened,
 * so the order in which turns are taken changes nothing; they are taken in a drawn one, to see that.
 */
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import { goesBeside, type ModelHold, type ModelRequest, type ModelSession } from './entities.js'

/** Something that counts at a name: a hold, or what a request was given in the story. */
interface Taken {
  readonly name: string
  readonly amount: number
  readonly token: number | null
  readonly session: ModelSession | null
}

export interface World {
  readonly holds: readonly ModelHold[]
  /** Those that wait, in their order. */
  readonly requests: readonly ModelRequest[]
  limitOf(name: string): number
}

/** The requests that wait for ever, however much time everybody is given. */
export function stuckIn(world: World, random: SeededRandom): readonly ModelRequest[] {
  let taken: Taken[] = world.holds.filter(isLasting)
  let waiting = [...world.requests]
  for (;;) {
    taken = taken.filter((one) => waiting.some((request) => keeps(request, one)))
    const next = random
      .shuffled(waiting)
      .find((request) => request.asks.every(({ name, amount }) => fits(world, taken, waiting, request, name, amount)))
    if (next === undefined) return waiting
    waiting = waiting.filter((request) => request !== next)
    if (next.terms.ttlMs > 0) continue
    for (const { name, amount } of next.asks) taken.push({ name, amount, token: null, session: next.session })
  }
}

/** What is lost passes on, and what has a ttl ends by itself, loose or not. */
const isLasting = ({ phase, ttlMs }: ModelHold): boolean => phase === 'held' && ttlMs === 0

/** Whether a request closes a cycle with nobody but itself: it asks for what its client keeps. */
export function standsInItsOwnWay(world: World, request: ModelRequest): boolean {
  const kept: Taken[] = world.holds.filter((hold) => isLasting(hold) && keeps(request, hold))
  const lasting = world.requests.filter(({ terms }) => terms.ttlMs === 0)
  for (const { session, asks } of lasting) {
    if (request.keeps !== 'all' || session !== request.session) continue
    for (const { name, amount } of asks) kept.push({ name, amount, token: null, session })
  }
  return request.asks.some(({ name, amount }) => {
    const others = kept.filter((one) => one.name === name).map((one) => one.amount)
    return others.length > 0 && !goesBeside(amount, others, world.limitOf(name))
  })
}

function keeps({ keeps: kept, session }: ModelRequest, one: Taken): boolean {
  if (kept === 'all') return one.session === session
  return kept.some(({ name, token }) => name === one.name && token === one.token)
}

function fits(
  world: World,
  taken: readonly Taken[],
  waiting: readonly ModelRequest[],
  request: ModelRequest,
  name: string,
  amount: number,
): boolean {
  const earlier = waiting
    .slice(0, waiting.indexOf(request))
    .flatMap(({ asks }) => asks.filter((ask) => ask.name === name))
  const others = [...taken.filter((one) => one.name === name), ...earlier]
  return goesBeside(
    amount,
    others.map((one) => one.amount),
    world.limitOf(name),
  )
}
