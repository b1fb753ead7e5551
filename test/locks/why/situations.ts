/**
 * Random situations of a cluster: a world goes on for some commands, and then everything that `why` and `who` say of it is
 * judged. What they say is judged by the reference model's plain lists (`judge.ts`, `words.ts`), and then tried in copies of the
 * machine: with what is named taken away the request has its turn, with one of them left it has not, and if nobody does
 * anything it has it when `why` said so, and no later (`rehearsal.ts`).
 */
import { SHARED } from '../../../src/locks/commands/commands.js'
import type { WaitReport } from '../../../src/locks/views/why.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { labelOf, type ModelRequest } from '../service/model/entities.js'
import { Workload } from '../service/workload.js'
import { World } from '../service/world.js'
import {
  demand,
  demandSame,
  isSame,
  judgeBlockers,
  judgeChain,
  judgeOpenEnd,
  type Thing,
  thingOf,
  Wrong,
} from './judge.js'
import { Moment, Rehearsal } from './rehearsal.js'
import { judgeWho, judgeWords } from './words.js'

const MOST = { requests: 1_000, blockers: 1_000, chain: 3 }
const STRIDE = 1_000
/** Commands between two situations. */
const APART_MAX = 8
/** Commands of a world; then another one, with other likes, teaches more. */
const WORLD_COMMANDS = 200

/** What has to have been met by whoever judged ten thousand situations, and by the short form too. */
export const WANTED: readonly string[] = [
  ...['exclusive', 'shared', 'permits'].map((mode) => `waits for ${mode}`),
  ...['hold', 'tail', 'forced', 'ttl', 'place', 'frozen'].map((what) => `in the way: ${what}`),
  ...['classic', 'detached', 'loose', 'with a ttl', 'shared', 'of permits', 'its own'].map((what) => `a hold ${what}`),
  ...['several names', 'a done-mark', 'a detached client', 'a classic client'].map((what) => `waits: ${what}`),
  ...['1', '2', '3 or more', 'circle', 'cut', 'frozen', 'through a place'].map((what) => `chain ${what}`),
  ...['free by itself', 'up to others', 'had its turn by itself', 'more than ten in the way'],
]

export class Situations {
  readonly counts = new Map<string, number>()
  /** Moments at which somebody waited. */
  situations = 0
  requests = 0

  missing(): string[] {
    return WANTED.filter((what) => !this.counts.has(what))
  }

  /** Plays the world of this seed, until it is over or so many situations were judged. Throws what is wrong, with its seed. */
  play(seed: number, most: number): void {
    const world = new World(seed, seed % 3 === 0 ? seed % 40 : 0)
    const workload = new Workload(() => world.model, new SeededRandom(seed))
    const random = new SeededRandom(seed + 3)
    let left = most
    for (let at = 1; at <= WORLD_COMMANDS && left > 0; ) {
      for (let apart = 1 + random.int(APART_MAX); apart > 0; apart -= 1, at += 1)
        world.apply(at * STRIDE, workload.next())
      try {
        if (!this.#judge(world, at * STRIDE, random)) continue
      } catch (error) {
        const words = error instanceof Error ? error.stack : String(error)
        throw new Error(`seed ${seed}, after ${at - 1} commands: ${words}`, { cause: error })
      }
      this.situations += 1
      left -= 1
    }
  }

  /** False: nobody waits. */
  #judge(world: World, index: number, random: SeededRandom): boolean {
    const { model, machine } = world
    const { requests, holds } = model.table
    const nowMs = model.table.wallMs + random.int(20_000) - 1_000
    const names = new Set([
      ...holds.map(({ name }) => name),
      ...requests.flatMap(({ asks }) => asks.map(({ name }) => name)),
    ])
    for (const name of names) {
      judgeWho(model, machine.reports, name, nowMs)
      judgeWords(model, machine.reports, name, nowMs)
    }
    for (const request of requests) this.#judgeRequest(world, request)
    if (requests.length === 0) return false
    this.#rehearse(world, new Moment(machine, index), random.pick(requests), nowMs, random)
    return true
  }

  #reportOf({ machine }: World, { session, request }: ModelRequest, name: string): WaitReport {
    const { requests, isUnexamined } = machine.reports.why(name, session.id, MOST)
    demandSame('whether not all was looked at', isUnexamined, false)
    const found = requests.filter(({ place }) => place.request === request)
    demandSame(`reports of request ${request} of ${session.id} for ${name}`, found.length, 1)
    const [report] = found
    if (report === undefined) throw new Wrong('no report')
    return report
  }

  #judgeRequest(world: World, request: ModelRequest): void {
    const { model } = world
    this.requests += 1
    for (const { name, amount } of request.asks) {
      const report = this.#reportOf(world, request, name)
      judgeBlockers(model, request, report.blockers)
      demandSame('blockers', report.blockerCount, report.blockers.length)
      judgeOpenEnd(model, request, report)
      const length = judgeChain(model, request, report.chain, MOST.chain)
      // The model refuses whoever closes one.
      demandSame('a circle', report.circle, null)
      const position = 1 + model.table.placesBefore(name, request).length
      demandSame('position', report.place.position, position)
      demandSame('who waits', report.place.holder, labelOf(request.session))
      this.#count(`waits for ${amount > 0 ? 'permits' : amount === SHARED ? 'shared' : 'exclusive'}`)
      this.#countReport(world, request, report, length)
    }
  }

  #countReport({ model }: World, request: ModelRequest, report: WaitReport, length: number): void {
    const { blockers, chain, free } = report
    for (const blocker of blockers) this.#countThing(thingOf(model, blocker), request)
    if (blockers.length > 10) this.#count('more than ten in the way')
    if (request.asks.length > 1) this.#count('waits: several names')
    if (request.terms.once !== '') this.#count('waits: a done-mark')
    if (request.session.place === null) this.#count('waits: a detached client')
    if (request.session.classic) this.#count('waits: a classic client')
    if (length > 0) this.#count(`chain ${length > 2 ? '3 or more' : length}`)
    if (chain.end !== 'open') this.#count(`chain ${chain.end}`)
    if (chain.links.some(({ token }, at) => token === 0 && at > 0)) this.#count('chain through a place')
    this.#count(free === null ? 'up to others' : 'free by itself')
  }

  #countThing(thing: Thing, request: ModelRequest): void {
    if (thing.kind !== 'hold') {
      this.#count(`in the way: ${thing.kind}`)
      return
    }
    const { phase, session, loose, ttlMs, amount } = thing.hold
    this.#count(`in the way: ${phase === 'held' ? 'hold' : phase}`)
    if (phase !== 'held') return
    if (session?.classic === true) this.#count('a hold classic')
    if (session?.place === null) this.#count('a hold detached')
    if (session === request.session) this.#count('a hold its own')
    if (loose) this.#count('a hold loose')
    else if (ttlMs > 0) this.#count('a hold with a ttl')
    if (amount === SHARED) this.#count('a hold shared')
    if (amount > 0) this.#count('a hold of permits')
  }

  /** What the report says is tried. */
  #rehearse(world: World, moment: Moment, request: ModelRequest, nowMs: number, random: SeededRandom): void {
    const { model } = world
    const report = this.#reportOf(world, request, random.pick(request.asks).name)
    const things = report.blockers.map((blocker) => thingOf(model, blocker))

    const all = new Rehearsal(moment, request)
    all.takeAway(things)
    // Of several names that are frozen by several prefixes some are thawed before others: such a request does not wait on.
    const isMixed = new Set(things.flatMap((thing) => (thing.kind === 'frozen' ? [thing.prefix] : []))).size > 1
    // A client that has said already that it needs no answer: what became of its request leaves no trace.
    const isUnseen = request.request <= request.session.acknowledged
    if (!((isMixed || isUnseen) && all.isOver))
      demand(all.hadItsTurn, 'all that is named was taken away, and it had no turn', [all.waits, report])

    const kept = things.length === 0 ? undefined : random.pick(things)
    if (kept !== undefined && isEnoughAlone(world, kept)) {
      const rest = new Rehearsal(moment, request)
      rest.takeAway(things.filter((thing) => !isSame(thing, kept)))
      demand(!rest.hadItsTurn, 'all but one that is named was taken away, and it had its turn', kept.kind)
    }

    const left = new Rehearsal(moment, request)
    const turnMs = left.turnAfterMs(nowMs)
    if (report.free === null || (turnMs === null && left.isOver)) return
    const { withinMs, untilWallMs } = report.free
    const expectedMs = Math.max(withinMs, untilWallMs - nowMs, 0)
    // Of several permits somebody before it may give up meanwhile, with its session.
    const mayBeSooner = request.asks.some(({ name }) => model.table.placesBefore(name, request).length > 0)
    demand(turnMs !== null && turnMs <= expectedMs, 'it has its turn later than was said', [turnMs, expectedMs])
    if (!mayBeSooner) demandSame('after how long it has its turn', turnMs, expectedMs)
    if (expectedMs > 0) this.#count('had its turn by itself')
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
}

/**
 * Of a plain lock one thing is. But a place is left by whoever finds there that what it asked for was done, and by a request for
 * several names of which some are thawed before others.
 */
function isEnoughAlone({ model: { table } }: World, thing: Thing): boolean {
  if (thing.kind === 'frozen') return true
  const name = thing.kind === 'hold' ? thing.hold.name : thing.name
  if ((table.limits.get(name) ?? 0) > 0) return false
  if (thing.kind === 'hold') return true
  const { terms, asks } = thing.request
  const mayBeMixed = asks.length > 1 && table.freezes.size > 0
  return !table.marks.has(terms.once) && !mayBeMixed
}
