/**
 * The deadlock rule in small worlds: at most five locks and five sessions, in which everybody keeps, waits and asks, and nobody
 * gives anything back for long. Each refusal, and each request that waits, is judged by the story of `model/judge.ts`.
 */
import { expect, test } from 'vitest'
import { type Ask, CommandType, EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import type { Deadlock } from '../../../src/locks/effects.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Client, Stage } from './stage.js'

const WORLDS = Number(process.env.TNL_MODEL_WORLDS ?? 40)
const STEPS = 60

test('refused is exactly who would wait for ever', { timeout: 120_000 }, () => {
  const counts = { deadlocks: 0, queued: 0, named: 0 }
  for (let seed = 1; seed <= WORLDS; seed++) playTight(seed, counts)
  expect(counts.deadlocks).toBeGreaterThan(WORLDS)
  expect(counts.queued).toBeGreaterThan(WORLDS)
  expect(counts.named, 'cycles that the message names').toBe(counts.deadlocks)
})

function playTight(seed: number, counts: { deadlocks: number; queued: number; named: number }): void {
  const random = new SeededRandom(seed)
  const stage = new Stage(seed)
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 2 + random.int(4))
  const limits = new Map(names.map((name) => [name, random.pick([0, 0, 1, 2, 3])]))
  const clients = Array.from({ length: 2 + random.int(4) }, (_, i) => stage.client(`C${i}`))
  const askFor = (name: string): Ask => {
    const limit = limits.get(name) ?? 0
    if (limit > 0) return { name, amount: 1 + random.int(limit), limit }
    return { name, amount: random.pick([EXCLUSIVE, SHARED]), limit }
  }
  for (let step = 0; step < STEPS; step++) {
    const client = random.pick(clients)
    const held = stage.world.model.holds.filter(({ session }) => session?.id === client.session)
    const some = held[random.int(held.length)]
    if (some !== undefined && random.chance(0.2)) {
      client.release(some.name, some.token)
      continue
    }
    if (random.chance(0.05)) {
      client.cancel(1 + random.int(client.id + 1))
      continue
    }
    const asks = random
      .shuffled(names)
      .slice(0, random.pick([1, 1, 2, 3]))
      .map(askFor)
    const command = ask(client, asks, random, held)
    for (const effect of stage.apply(command)) {
      if (effect.kind === 'queued') counts.queued++
      if (effect.kind !== 'answered' || effect.answer.kind !== 'deadlock') continue
      counts.deadlocks++
      expect(command.keepsAll || command.keeps.length > 0, 'who keeps nothing closes no cycle').toBe(true)
      if (isCycle(effect.answer, clients)) counts.named++
    }
  }
}

function ask(
  client: Client,
  asks: readonly Ask[],
  random: SeededRandom,
  held: readonly { name: string; token: number }[],
) {
  client.id += 1
  const keepsAll = random.chance(0.5)
  const keeps = keepsAll ? [] : held.filter(() => random.chance(0.7)).map(({ name, token }) => ({ name, token }))
  const times = { waitMs: -1, delayMs: 0, minHoldMs: 0, ttlMs: random.chance(0.1) ? 900 : 0, onceTtlMs: 0, wallMs: 1 }
  const terms = { ...times, meta: '', loose: false, once: '', keepsAll, keeps, keepsAnyones: false }
  return { type: CommandType.ask, ...client.header(), request: client.id, asks, ...terms }
}

/** C0 waits for x of C3, who waits for y of C0. */
function isCycle({ steps, isCut }: Deadlock, clients: readonly Client[]): boolean {
  const known = new Set(clients.map(({ name }) => name))
  return steps.length > 0 && !isCut && steps.every(({ who }) => known.has(who))
}
