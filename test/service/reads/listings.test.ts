import { expect, it } from 'vitest'
import type { ListedHold } from '../../../src/locks/views/listing.js'
import { NAME_INDEX_KEPT_MS } from '../../../src/service/limits.js'
import { ListedNames } from '../../../src/service/reads/listed-names.js'
import { type ListingOrder, Listings } from '../../../src/service/reads/listings.js'
import type { ListingPlace } from '../../../src/service/reads/positions.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'

/** Names and the tokens of their holds. */
class FakeState {
  readonly holds = new Map<string, number[]>()

  get nameCount(): number {
    return this.holds.size
  }
  names(): Iterator<string> {
    return this.holds.keys()
  }
  hasName(name: string): boolean {
    return this.holds.has(name)
  }
  *listed(name: string, afterToken: number): Iterable<ListedHold> {
    for (const token of this.holds.get(name) ?? []) {
      if (token > afterToken) yield { ...HELD, name, token }
    }
  }
}

const HELD: Omit<ListedHold, 'name' | 'token'> = {
  mode: 'exclusive',
  permits: 0,
  limit: 0,
  state: 'held',
  holder: 'h',
  session: 1,
  sinceWallMs: 0,
  waiters: 0,
  meta: '',
}

function made() {
  const time = new VirtualClock(() => Promise.resolve())
  const state = new FakeState()
  const { clock } = time.forProcess()
  const names = new ListedNames(clock, state)
  const listings = new Listings(clock, names, state)
  const add = (name: string, ...tokens: number[]): void => {
    state.holds.set(name, tokens)
    names.changed(name)
  }
  const remove = (name: string): void => {
    state.holds.delete(name)
    names.changed(name)
  }
  return { time, state, names, listings, add, remove }
}

interface Told {
  readonly lines: string[]
  after: ListingPlace | null
  ended: boolean
}

function order(told: Told, more: Partial<ListingOrder> = {}): ListingOrder {
  return {
    prefix: '',
    only: null,
    pattern: null,
    after: null,
    most: 1_000,
    line: ({ name, token }) => void told.lines.push(`${name}@${token}`),
    end: (_count, after) => {
      told.after = after
      told.ended = true
    },
    ...more,
  }
}

const nothing = (): Told => ({ lines: [], after: null, ended: false })

it('tells holds by name, then token; prefix, one name, pattern, what comes after', async () => {
  const { time, listings, add } = made()
  add('b', 5, 9)
  add('a/2', 7)
  add('a/1', 3)
  add('a', 4)
  const list = async (more: Partial<ListingOrder>): Promise<string> => {
    const told = nothing()
    listings.begin({ unsentBytes: 0 }, order(told, more))
    expect(await time.until(() => told.ended, 1_000)).toBe(true)
    return `${told.lines.join(' ')}${told.after === null ? '' : ` …${told.after.name}@${told.after.token}`}`
  }
  expect(await list({})).toBe('a@4 a/1@3 a/2@7 b@5 b@9')
  expect(await list({ prefix: 'a/' })).toBe('a/1@3 a/2@7')
  expect(await list({ prefix: 'a', only: 'a' })).toBe('a@4')
  expect(await list({ prefix: 'c', only: 'c' })).toBe('')
  expect(await list({ pattern: { matches: (name) => name.endsWith('2') } })).toBe('a/2@7')
  expect(await list({ most: 4 })).toBe('a@4 a/1@3 a/2@7 b@5 …b@5')
  expect(await list({ after: { name: 'b', token: 5 } })).toBe('b@9')
  expect(await list({ after: { name: 'b', token: 9 } })).toBe('')
  expect(await list({ after: { name: 'a/1', token: 3 }, prefix: 'a/' })).toBe('a/2@7')
  expect(await list({ after: { name: 'a', token: 3 }, prefix: 'b' })).toBe('b@5 b@9')
})

it('what is there all the time appears once, while others come and go and pages are turned', async () => {
  const { time, listings, add, remove, names } = made()
  const random = new SeededRandom(11)
  const steady = Array.from({ length: 5_000 }, (_, at) => `s${at.toString(36)}`)
  for (const [at, name] of steady.entries()) add(name, at + 1)
  const found: string[] = []
  let after: ListingPlace | null = null
  let pages = 0
  do {
    const told: Told = nothing()
    listings.begin({ unsentBytes: 0 }, order(told, { after }))
    while (!told.ended) {
      // Something happens between any two slices, near the place where the listing is too.
      for (let at = 0; at < 20; at += 1) {
        const near = told.lines.at(-1)?.split('@')[0] ?? 's'
        const name = `${random.int(2) === 0 ? near : 's'}${random.int(40).toString(36)}_`
        if (random.int(2) === 0) add(name, 10_000 + random.int(1_000))
        else remove(name)
      }
      if (random.int(50) === 0) names.drop()
      await time.run(1)
    }
    expect(told.lines.length).toBeLessThanOrEqual(1_000)
    found.push(...told.lines)
    after = told.after
    pages += 1
  } while (after !== null && pages < 50)
  const seen = found.filter((line) => !line.includes('_@'))
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.toSorted()).toEqual(steady.map((name, at) => `${name}@${at + 1}`).toSorted())
})

it('goes in slices, takes turns between connections, and waits for a reader that does not take its lines', async () => {
  const { time, listings, add } = made()
  for (let at = 0; at < 3_000; at += 1) add(`n${10_000 + at}`, at + 1)
  const [one, other, slow] = [nothing(), nothing(), nothing()]
  const reader = { unsentBytes: 0 }
  const stuck = { unsentBytes: 10_000_000 }
  for (let at = 0; at < 3; at += 1) listings.begin(reader, order(one, { most: Number.POSITIVE_INFINITY }))
  listings.begin({ unsentBytes: 0 }, order(other, { most: Number.POSITIVE_INFINITY }))
  listings.begin(stuck, order(slow))
  await time.until(() => other.lines.length > 0, 1_000)
  const slice = other.lines.length
  expect(slice).toBeLessThan(500)
  expect(slice).toBeGreaterThan(100)
  await time.until(() => other.ended, 10_000)
  // It was not behind all three of the other's.
  expect(one.lines.length).toBeLessThan(3_500)
  await time.run(1_000)
  expect(one.lines).toHaveLength(9_000)
  expect(slow.lines).toHaveLength(0)
  stuck.unsentBytes = 0
  await time.run(1_000)
  expect(slow.lines).toHaveLength(1_000)
})

it('the index has what came while it was made, and nothing that went', () => {
  const { names, state, add, remove } = made()
  for (let at = 0; at < 5_000; at += 1) state.holds.set(`n${10_000 + at}`, [at + 1])
  for (let slice = 0; names.ready() === null; slice += 1) {
    names.make()
    add(`a${slice}`, 1)
    add(`z${slice}`, 1)
    remove(`n${10_000 + slice}`)
    remove(`n${14_999 - slice}`)
  }
  const index = names.ready()
  const found: string[] = []
  for (let name = index?.from('') ?? null; name !== null; name = index?.after(name) ?? null) found.push(name)
  expect(found).toEqual([...state.holds.keys()].toSorted())
})

it('one that nobody wants any more is dropped; the index too, when nobody has listed anything for a while', async () => {
  const { time, listings, add, names, state } = made()
  for (let at = 0; at < 3_000; at += 1) add(`n${10_000 + at}`, at + 1)
  const told = nothing()
  const reader = { unsentBytes: 0 }
  const listing = listings.begin(reader, order(told, { most: Number.POSITIVE_INFINITY }))
  await time.until(() => told.lines.length > 0, 1_000)
  const { length } = told.lines
  listings.drop(reader, listing)
  await time.run(1_000)
  expect([told.lines.length, told.ended, listings.count]).toEqual([length, false, 0])
  expect(names.ready()?.size).toBe(3_000)
  await time.run(2 * NAME_INDEX_KEPT_MS)
  state.holds.set('unheard-of', [1])
  expect(names.ready()).toBeNull()
  names.drop()
  names.make()
  for (let slices = 0; names.ready() === null && slices < 10; slices += 1) names.make()
  expect(names.ready()?.size).toBe(3_001)
})
