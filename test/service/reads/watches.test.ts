import { describe, expect, it } from 'vitest'
import type { EventType, LockEvent } from '../../../src/locks/effects.js'
import type { ListedHold } from '../../../src/locks/views/listing.js'
import {
  WATCH_UNSENT_MAX_BYTES,
  WATCHES_MAX_COUNT,
  WATCHES_PER_CONNECTION_MAX_COUNT,
} from '../../../src/service/limits.js'
import { ListedNames } from '../../../src/service/reads/listed-names.js'
import { Listings } from '../../../src/service/reads/listings.js'
import { type Position, parsePosition } from '../../../src/service/reads/positions.js'
import { Watches } from '../../../src/service/reads/watches.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { WatchReplay } from '../../kit/watch-replay.js'

/** What one entry does: holds that come and go. */
interface Entry {
  readonly index: number
  readonly events: readonly LockEvent[]
}

/** A node as its watches know it: entries are applied to it, or a snapshot of another one is installed. */
class Node {
  readonly time = new VirtualClock(() => Promise.resolve())
  holds = new Map<string, number[]>()
  applied = 0
  readonly names: ListedNames
  readonly listings: Listings
  readonly watches: Watches

  constructor() {
    const { clock } = this.time.forProcess()
    const node = this
    const state = {
      get nameCount() {
        return node.holds.size
      },
      names: () => node.holds.keys(),
      hasName: (name: string) => node.holds.has(name),
      listed: (name: string, after: number) =>
        (node.holds.get(name) ?? []).filter((token) => token > after).map((token) => heldAs(name, token)),
    }
    this.names = new ListedNames(clock, state)
    this.listings = new Listings(clock, this.names, state)
    this.watches = new Watches({ clock, listings: this.listings, appliedIndex: () => this.applied })
    this.watches.start()
  }

  apply({ index, events }: Entry): void {
    this.applied = index
    for (const { type, name, token } of events) {
      const tokens = this.holds.get(name) ?? []
      const left = type === 'granted' ? [...tokens, token] : tokens.filter((other) => other !== token)
      if (left.length === 0) this.holds.delete(name)
      else this.holds.set(name, left)
    }
    for (const event of events) {
      this.names.changed(event.name)
      this.watches.event(event)
    }
    this.watches.applied()
  }

  install(other: Node): void {
    this.holds = new Map([...other.holds].reverse())
    this.applied = other.applied
    this.names.drop()
    this.watches.restored()
  }

  get all(): string[] {
    return [...this.holds].flatMap(([name, tokens]) => tokens.map((token) => `${name}@${token}`)).toSorted()
  }
}

const heldAs = (name: string, token: number): ListedHold => ({
  name,
  mode: 'exclusive',
  permits: 0,
  limit: 0,
  state: 'held',
  token,
  holder: 'h',
  session: 1,
  sinceWallMs: 0,
  waiters: 0,
  meta: '',
})

class Watcher {
  unsentBytes = 0
  text = ''
  readonly replay = new WatchReplay('1')

  say(reply: string): void {
    this.text += reply
    this.replay.take(reply)
  }
}

function open(node: Node, watcher: Watcher, text: string, isPrefix: boolean, since: Position | null = null): void {
  const watch = node.watches.add(watcher, 1, 1, { text, isPrefix })
  if (watch === null) throw new Error('too many')
  node.watches.begin(watch, since)
}

/** One millisecond after the other, so that no slice more is written than is needed. */
async function until(node: Node, isSo: () => boolean): Promise<void> {
  for (let ms = 0; !isSo(); ms += 1) {
    if (ms > 60_000) throw new Error('it never comes')
    await node.time.run(1)
  }
}

let lastIndex = 0
const event = (type: EventType, name: string, token = 0): Entry => {
  lastIndex += 1
  return {
    index: lastIndex,
    events: [{ kind: 'event', index: lastIndex, place: 0, type, name, token, holder: 'h', sinceWallMs: 0, how: null }],
  }
}

describe('a watch', () => {
  it('hears of its name, or of all names with its prefix, from now on', () => {
    const node = new Node()
    const [one, many, all] = [new Watcher(), new Watcher(), new Watcher()]
    lastIndex = 0
    node.apply(event('granted', 'a/b', 1))
    open(node, one, 'a/b', false)
    open(node, many, 'a/', true)
    open(node, all, '', true)
    for (const name of ['a/b', 'a/bc', 'a', 'b']) node.apply(event('granted', name, lastIndex + 10))
    node.apply(event('frozen', 'a/'))
    node.apply(event('thawed', 'c'))
    expect(one.text).toBe(
      'watching,id:1,at:1.0\n' +
        'event,id:1,at:2.0,type:granted,name:a/b,token:11,holder:h\n' +
        'event,id:1,at:6.0,type:frozen,name:a/,token:0,holder:h\n',
    )
    expect(many.text.match(/name:[^,]*/g)).toEqual(['name:a/b', 'name:a/bc', 'name:a/'])
    expect(all.text.match(/name:[^,]*/g)).toEqual(['name:a/b', 'name:a/bc', 'name:a', 'name:b', 'name:a/', 'name:c'])
  })

  it('goes on behind `since`, waits for one that is ahead of the node, and ends by `cancel` behind its own answer', () => {
    const node = new Node()
    lastIndex = 0
    for (const token of [1, 2, 3]) node.apply(event('granted', 'x', token))
    const [behind, ahead, never] = [new Watcher(), new Watcher(), new Watcher()]
    open(node, behind, 'x', false, parsePosition('1.0'))
    expect(behind.text.match(/at:[^,\n]*/g)).toEqual(['at:1.0', 'at:2.0', 'at:3.0'])
    open(node, ahead, 'x', false, parsePosition('5.0'))
    expect(ahead.text).toBe('')
    for (const token of [4, 5, 6]) node.apply(event('granted', 'x', token))
    expect(ahead.text.match(/at:[^,\n]*/g)).toEqual(['at:5.0', 'at:6.0'])
    open(node, never, 'x', false, parsePosition('900.0'))
    expect(node.watches.cancel(never, 1)).toBe(true)
    expect(never.text).toBe('watching,id:1,at:900.0\n')
    expect(node.watches.cancel(never, 1)).toBe(false)
    node.watches.forget(ahead)
    node.apply(event('granted', 'x', 7))
    expect(ahead.text).not.toContain('at:7.0')
    expect(behind.text).toContain('at:7.0')
    expect(node.watches.count).toBe(1)
  })

  it('that reads too slowly hears of a gap, and of what there is, once it has read', async () => {
    const node = new Node()
    const watcher = new Watcher()
    lastIndex = 0
    open(node, watcher, 'x', false)
    node.apply(event('granted', 'x', 1))
    watcher.unsentBytes = WATCH_UNSENT_MAX_BYTES + 1
    node.apply(event('released', 'x', 1))
    node.apply(event('granted', 'x', 2))
    await node.time.run(1_000)
    expect(watcher.replay).toMatchObject({ events: 1, gaps: 0 })
    watcher.unsentBytes = 0
    await node.time.run(1_000)
    expect(watcher.text).toMatch(/gap,id:1,at:3\.0\nlock,id:1,name:x,.*\nend,id:1,count:1\n$/)
    node.apply(event('released', 'x', 2))
    expect(watcher.replay).toMatchObject({ events: 2, gaps: 1 })
    expect(watcher.replay.holds.size).toBe(0)
  })

  it('whose gap is listed at once has all that came before the gap, and nothing that came after', async () => {
    const [node, other] = [new Node(), new Node()]
    const watcher = new Watcher()
    lastIndex = 0
    const log = [event('granted', 'x', 1), event('released', 'x', 1), event('granted', 'x', 2), event('frozen', 'x')]
    const later = event('granted', 'x', 3)
    for (const entry of log.slice(0, 1)) node.apply(entry)
    node.watches.restored()
    open(node, watcher, 'x', false, parsePosition('0.5'))
    expect(watcher.text, 'if it ends here, it is asked for once more').toBe('watching,id:1,at:0.5\n')
    for (const entry of log.slice(1)) node.apply(entry)
    await node.time.run(100)
    expect(watcher.text).toMatch(/^watching.*\ngap,id:1,at:4\.0\nlock,id:1,name:x,.*token:2,.*\nend,id:1,count:1\n$/)
    for (const entry of [...log, later]) other.apply(entry)
    watcher.replay.reconnected()
    open(other, watcher, 'x', false, parsePosition(watcher.replay.at))
    expect([...watcher.replay.holds]).toEqual(['x@2', 'x@3'])
    expect(watcher.replay.repeats).toBe(0)
  })

  it('whose gap takes longer to list says from where on it is exact, on other nodes too', async () => {
    const [node, other] = [new Node(), new Node()]
    const watcher = new Watcher()
    lastIndex = 0
    const names = Array.from({ length: 1_200 }, (_, at) => `a/${String(at).padStart(4, '0')}`)
    const [first = '', last = ''] = [names[0], names.at(-1)]
    const log = names.map((name, at) => event('granted', name, at + 1))
    const during = [
      event('granted', first, 4_001),
      event('released', last, 1_200),
      event('granted', last, 4_002),
      event('granted', 'a/x', 4_003),
      event('lost', 'a/x', 4_003),
    ]
    const behind = [event('released', first, 1), event('released', last, 4_002)]
    for (const entry of log) node.apply(entry)
    node.watches.restored()
    open(node, watcher, '', true, parsePosition('0.0'))
    await until(node, () => watcher.replay.isListing && watcher.replay.holds.size > 0)
    for (const entry of during) node.apply(entry)
    await until(node, () => !watcher.replay.isListing)
    expect(watcher.text).toMatch(/gap,id:1,at:1200\.0\n(lock,.*\n){1200}end,id:1,count:1200,exact-from:1205\.0\n/)
    // Cut off at once: of what came during the listing it knows some, and hears all.
    for (const entry of [...log, ...during, ...behind]) other.apply(entry)
    watcher.replay.reconnected()
    open(other, watcher, '', true, parsePosition('1200.0'))
    await other.time.run(1_000)
    expect([...watcher.replay.holds].toSorted()).toEqual(other.all)
    expect(watcher.replay.repeats).toBeGreaterThan(1)
    expect(watcher.replay.at).toBe('1207.0')
  })

  it('is one too many, on a connection and on a node; one under the same id is replaced', () => {
    const node = new Node()
    const target = { text: 'x', isPrefix: false }
    const watcher = new Watcher()
    for (let id = 1; id <= WATCHES_PER_CONNECTION_MAX_COUNT; id += 1) {
      expect(node.watches.add(watcher, id, id, target)).not.toBeNull()
    }
    expect(node.watches.add(watcher, 1_000, 1_000, target)).toBeNull()
    expect(node.watches.add(watcher, 1, 1, target)).not.toBeNull()
    expect(node.watches.count).toBe(WATCHES_PER_CONNECTION_MAX_COUNT)
    for (let at = 1; at < WATCHES_MAX_COUNT / WATCHES_PER_CONNECTION_MAX_COUNT; at += 1) {
      const other = new Watcher()
      for (let id = 1; id <= WATCHES_PER_CONNECTION_MAX_COUNT; id += 1) node.watches.add(other, id, id, target)
    }
    expect(node.watches.count).toBe(WATCHES_MAX_COUNT)
    expect(node.watches.add(new Watcher(), 1, 1, target)).toBeNull()
    node.watches.forget(watcher)
    expect(node.watches.add(new Watcher(), 1, 1, target)).not.toBeNull()
  })
})

/** What changes in one entry, of a world of few names; tokens only rise. */
function* entries(random: SeededRandom, count: number): IterableIterator<Entry> {
  const holds: [string, number][] = []
  let token = 0
  for (let index = 1; index <= count; index += 1) {
    const events: LockEvent[] = []
    for (let place = 0; place < random.int(4); place += 1) {
      const goes = holds.length > 1_500 || (holds.length > 0 && random.int(5) < 2)
      const [hold] = goes ? holds.splice(random.int(holds.length), 1) : []
      token += 1
      const [name, its] = hold ?? [`${'ab'[random.int(2)]}/${random.int(2_000)}`, token]
      if (!goes) holds.push([name, its])
      const type = goes ? (random.int(3) === 0 ? 'lost' : 'released') : 'granted'
      events.push({
        kind: 'event',
        index,
        place: events.length,
        type,
        name,
        token: its,
        holder: 'h',
        sinceWallMs: 0,
        how: null,
      })
    }
    yield { index, events }
  }
}

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'replayed, it is the state: gaps, slow readers, snapshots, other nodes (seed %s)',
  async (seed) => {
    const random = new SeededRandom(seed)
    const nodes = [new Node(), new Node()] as const
    const log = [...entries(random, 12_000)]
    const catchUp = (node: Node, to: number): void => {
      for (const entry of log.slice(node.applied, to)) node.apply(entry)
    }
    // Everything that it reads comes by one replay, on whatever connection and node.
    const replay = new WatchReplay('1')
    const prefix = ['', 'a/', 'b/'][seed % 3] ?? ''
    let node: Node = nodes[0]
    let watcher = new Watcher()
    const connect = (to: Node): void => {
      node.watches.forget(watcher)
      node = to
      watcher = new Watcher()
      watcher.say = (text) => replay.take(text)
      replay.reconnected()
      open(node, watcher, prefix, true, parsePosition(replay.at))
    }
    let wasListing = false
    catchUp(nodes[0], 100)
    connect(nodes[0])
    // What was there before it watched it does not know: it asks for a position that is long gone.
    node.watches.restored()
    while (Math.min(nodes[0].applied, nodes[1].applied) < log.length) {
      // Some are cut off right behind a listing that has shown more than its gap.
      const isJustListed = wasListing && !replay.isListing
      wasListing = replay.isListing
      const lucky = isJustListed && random.int(2) === 0 ? 0 : random.int(24)
      for (const each of nodes) catchUp(each, each.applied + random.int(random.int(10) === 0 ? 1_000 : 60))
      if (lucky === 0) connect(nodes[random.int(2)] ?? node)
      if (lucky === 1) watcher.unsentBytes = 2 * WATCH_UNSENT_MAX_BYTES
      if (lucky === 2) {
        const [from, to] = random.int(2) === 0 ? nodes : nodes.toReversed()
        if (from !== undefined && to !== undefined && to.applied < from.applied) to.install(from)
      }
      if (random.int(3) === 0) watcher.unsentBytes = 0
      await node.time.run(random.int(30))
    }
    watcher.unsentBytes = 0
    await node.time.run(5_000)
    expect([...replay.holds].toSorted()).toEqual(node.all.filter((hold) => hold.startsWith(prefix)))
    expect(replay.events).toBeGreaterThan(100)
    expect(replay.gaps).toBeGreaterThan(1)
  },
)
