/** What a session client asks for, as a part of its `lock` line: drawn, with what it means for the one who asks. */
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import { EXCLUSIVE, SHARED } from '../../../src/locks/commands/commands.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { ClientWorld } from './client.js'
import { meta, note } from './lock-lines.js'
import type { Asked, Asking, Session } from './session-request.js'

/** What all ask with; an operator sets others. */
const SEMAPHORE_LIMIT = 3
const NAMES_AT_ONCE_MAX = 3
const SEVERAL_CHANCE = 0.25
const SHARED_CHANCE = 0.35
const WRONG_KIND_CHANCE = 0.03
const KEY_PERIOD_MS = 8_000
const NO_TERMS = { delayMs: 0, minHoldMs: 0, ttlMs: 0, loose: false, once: '' } as const

/** Of what the client has, as NAME@TOKEN. */
export type Kept = readonly string[]

/**
 * It uses only what `welcome` has said that the cluster can do: a node that does not know a field would leave it out, unasked.
 * `busy`: names that the client has or asks for already.
 */
export function drawAsking(deps: ClientWorld, session: Session, busy: ReadonlySet<string>, kept: Kept): Asking | null {
  const { random } = deps.world
  const level = session.level
  const wait = random.pick(['', 'wait:1.5,', 'wait:forever,'])
  if (level < SERVICE_LEVEL) {
    const name = random.pick(deps.names)
    if (busy.has(name)) return null
    const delayMs = random.chance(0.2) ? 1_000 : 0
    const fields = `${wait}name:${name}${delayMs > 0 ? ',delay:1' : ''}${meta(deps)}`
    return { ...NO_TERMS, delayMs, fields, asked: [{ name, amount: EXCLUSIVE, limit: 0 }] }
  }
  const asked = drawNames(deps, busy)
  if (asked.length === 0) return null
  const terms = drawTerms(deps)
  const words = [namesOf(asked, random), ...wordsOf(terms, random), ...drawHolding(random, kept)].join(',')
  return { ...terms, fields: `${wait}${words}${meta(deps)}${level > SERVICE_LEVEL ? note(deps) : ''}`, asked }
}

/** Mostly others than it has: what it has itself it would wait for in vain, and must be told so. */
function drawNames({ world: { random }, names, semaphores }: ClientWorld, busy: ReadonlySet<string>): Asked[] {
  const free = random.shuffled([...names, ...semaphores]).filter((name) => !busy.has(name) || random.chance(0.1))
  const count = random.chance(SEVERAL_CHANCE) ? 2 + random.int(NAMES_AT_ONCE_MAX - 1) : 1
  return free.slice(0, count).map((name) => {
    if (semaphores.includes(name) !== random.chance(WRONG_KIND_CHANCE)) {
      const limit = random.chance(WRONG_KIND_CHANCE) ? SEMAPHORE_LIMIT + 1 : SEMAPHORE_LIMIT
      return { name, amount: random.pick([1, 1, 2, SEMAPHORE_LIMIT]), limit }
    }
    return { name, amount: random.chance(SHARED_CHANCE) ? SHARED : EXCLUSIVE, limit: 0 }
  })
}

/** One name has keys for what it asks, or says it behind an `@` as several do. */
function namesOf(asked: readonly Asked[], random: SeededRandom): string {
  const [first] = asked
  if (asked.length > 1 || first === undefined || random.chance(0.3)) return asked.map(withAmount).join(',')
  const { name, amount, limit } = first
  if (limit > 0) return `name:${name},limit:${limit}${amount > 1 ? `,permits:${amount}` : ''}`
  return amount === SHARED ? `name:${name},mode:shared` : `name:${name}`
}

function withAmount({ name, amount, limit }: Asked): string {
  if (limit > 0) return `name:${name}@${amount}/${limit}`
  return amount === SHARED ? `name:${name}@shared` : `name:${name}`
}

type Terms = Omit<Asking, 'fields' | 'asked'>

function drawTerms({ world }: ClientWorld): Terms {
  const { random } = world
  const time = (chance: number, low: number, high: number): number =>
    random.chance(chance) ? Math.round(random.logBetween(low, high)) : 0
  const ttlMs = time(0.15, 300, 6_000)
  const period = Math.floor(world.nowMs / KEY_PERIOD_MS)
  return {
    delayMs: time(0.3, 200, 3_000),
    minHoldMs: time(0.12, 200, 3_000),
    ttlMs,
    loose: ttlMs > 0 && random.chance(0.5),
    once: random.chance(0.2) ? random.pick([`key-${period}`, `key-${period}`, `short-${period}`]) : '',
  }
}

/** Marks of these keys end by themselves. */
export const isShortKey = (key: string): boolean => key.startsWith('short-')

function wordsOf({ delayMs, minHoldMs, ttlMs, loose, once }: Terms, random: SeededRandom): string[] {
  const seconds = (key: string, ms: number): string[] => (ms === 0 ? [] : [`${key}:${ms / 1_000}`])
  return [
    ...seconds('delay', delayMs),
    ...seconds('min-hold', minHoldMs),
    ...seconds('ttl', ttlMs),
    ...(loose ? ['loose:yes'] : []),
    ...(once === '' ? [] : [`once:${once}`]),
    ...(isShortKey(once) ? [`once-ttl:${1 + random.int(4)}`] : []),
  ]
}

function drawHolding(random: SeededRandom, kept: Kept): string[] {
  const dice = random.float()
  if (dice < 0.6) return []
  if (dice < 0.7) return ['holding:all']
  if (dice < 0.8) return ['holding:none']
  return kept.filter(() => random.chance(0.5)).map((one) => `holding:${one}`)
}
