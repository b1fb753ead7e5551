/**
 * Who gets a lock, written plainly: lists that are searched from the start, everything judged again after each command.
 * `model.ts` has the sessions and says what each command does.
 */
import type { Ask, Token } from '../../../../src/locks/commands/commands.js'
import type { Answer, Grant, Refusal } from '../../../../src/locks/effects.js'
import { HISTORY_MAX, HISTORY_PER_NAME_MAX } from '../../../../src/locks/limits.js'
import type { HoldEnd } from '../../../../src/locks/state/standing.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import {
  type Counted,
  goesBeside,
  labelOf,
  type ModelFreeze,
  type ModelHold,
  type ModelMark,
  type ModelRequest,
  type ModelSession,
  type Told,
} from './entities.js'
import { standsInItsOwnWay, stuckIn, type World } from './judge.js'

/** What a request asks for. */
export type Asked = Pick<ModelRequest, 'asks' | 'terms' | 'keeps' | 'waitMs'>

/** A hold that has ended. */
export interface Past {
  readonly number: number
  readonly name: string
  readonly token: Token
  readonly holder: string
  readonly how: HoldEnd
  readonly by: string
}

/** Ends of a session that leave a delay: all but its `bye`. */
const UNCLEAN: readonly HoldEnd[] = ['fin', 'expired', 'node-lost']

export class Table {
  counter: number
  /** The limit of every name that has holds or places; 0 of a plain lock. */
  readonly limits = new Map<string, number>()
  readonly pins = new Map<string, number>()
  readonly freezes = new Map<string, ModelFreeze>()
  readonly marks = new Map<string, ModelMark>()
  /** In the order of tokens. */
  holds: ModelHold[] = []
  /** Those that wait, in the order of numbers. */
  requests: ModelRequest[] = []
  told: Told[] = []
  counted: Counted[] = []
  /** The oldest first. */
  history: Past[] = []
  #pastCount = 0
  /** Of the last command that said it. */
  wallMs = 0

  constructor(
    counterStart: number,
    readonly nodeLeaseMs: number,
    readonly random: SeededRandom,
    /** Of those that waited, so many an entry. */
    readonly grantsMax: number,
  ) {
    this.counter = counterStart
  }

  draw(index: number): number {
    this.counter = Math.max(this.counter + 1, index)
    return this.counter
  }

  // ---- looking

  holdsOf(name: string): ModelHold[] {
    return this.holds.filter((hold) => hold.name === name)
  }

  /** Places at this name before the request; all of them for one that does not wait (yet). */
  placesBefore(name: string, request: ModelRequest | null): { request: ModelRequest; amount: number }[] {
    const end = request === null ? -1 : this.requests.indexOf(request)
    const before = end < 0 ? this.requests : this.requests.slice(0, end)
    return before.flatMap((one) =>
      one.asks.filter((ask) => ask.name === name).map(({ amount }) => ({ request: one, amount })),
    )
  }

  fits({ name, amount, limit }: Ask, request: ModelRequest | null): boolean {
    const others = [...this.holdsOf(name), ...this.placesBefore(name, request)].map((one) => one.amount)
    return goesBeside(amount, others, this.limitFor(name, limit))
  }

  /** The limit in force; of a name that nobody has or waits for what it would become. */
  limitFor(name: string, asked: number): number {
    const known = this.limits.get(name)
    if (known !== undefined) return known
    return asked === 0 ? 0 : (this.pins.get(name) ?? asked)
  }

  freezeOf(name: string): ModelFreeze | null {
    const found = [...this.freezes.values()].filter(({ prefix }) => name.startsWith(prefix))
    return found.sort((a, b) => a.generation - b.generation)[0] ?? null
  }

  /** Some of the names are frozen and some are not: such a request never waits. */
  isMixed(asks: readonly Ask[]): boolean {
    const frozen = asks.filter(({ name }) => this.freezeOf(name) !== null).length
    return frozen > 0 && frozen < asks.length
  }

  /** The refusal that a freeze of one of these names is; null if none is frozen. */
  frozenRefusal(asks: readonly Ask[]): Refusal | null {
    for (const { name } of asks) {
      const freeze = this.freezeOf(name)
      if (freeze !== null) return { ...REFUSAL, name, reason: 'frozen', message: freeze.reason }
    }
    return null
  }

  mayHave(asks: readonly Ask[], request: ModelRequest | null): boolean {
    return this.frozenRefusal(asks) === null && asks.every((ask) => this.fits(ask, request))
  }

  /** The first name asked at which it does not fit, and why; of a request that only waits for a thaw, its first name. */
  obstacle(asks: readonly [Ask, ...Ask[]], request: ModelRequest | null): Refusal {
    const ask = asks.find((one) => !this.fits(one, request)) ?? asks[0]
    const { name, amount, limit } = ask
    const holds = this.holdsOf(name)
    const current = holds.filter(({ phase }) => phase === 'held')
    const goes = (beside: readonly { amount: number }[]) =>
      goesBeside(
        amount,
        beside.map((one) => one.amount),
        this.limitFor(name, limit),
      )
    if (!goes(current)) {
      return { ...REFUSAL, name, reason: 'held', holder: current[0]?.holder ?? '', holders: current.length }
    }
    if (!goes(holds)) {
      const forMs = Math.max(...holds.filter(({ phase }) => phase !== 'held').map((hold) => this.#atMostMs(hold)))
      return { ...REFUSAL, name, reason: 'delayed', forMs }
    }
    const [first] = this.placesBefore(name, request)
    return { ...REFUSAL, name, reason: 'queued', holder: first === undefined ? '' : labelOf(first.request.session) }
  }

  /** How long a hold that has ended can still be in the way: its client may believe for a lease after its node is gone. */
  #atMostMs({ phase, session, delayMs, minHoldMs }: ModelHold): number {
    if (phase === 'tail') return Math.max(delayMs, minHoldMs)
    return Math.max(this.letGoMs(session), minHoldMs)
  }

  /** A number of the log at most. */
  letGoMs(session: ModelSession | null): number {
    return Math.min(Number.MAX_SAFE_INTEGER, (session?.leaseMs ?? 0) + this.nodeLeaseMs)
  }

  // ---- telling

  answer(session: ModelSession, request: number, given: Answer): void {
    if (!session.classic && request > session.acknowledged) session.answers.set(request, given)
    this.tell(session, ['answered', session.id, request, given])
  }

  tell(session: ModelSession, told: Told): void {
    if (session.place !== null) this.told.push(told)
  }

  // ---- changing

  grant(index: number, session: ModelSession, request: number, asked: Asked, sinceWallMs: number): void {
    const { terms } = asked
    const grants = asked.asks.map(({ name, amount, limit }): Grant => {
      const inForce = this.limitFor(name, limit)
      this.limits.set(name, inForce)
      const token = this.draw(index)
      this.holds.push({
        name,
        token,
        amount,
        request,
        holder: labelOf(session),
        meta: terms.meta,
        sinceWallMs,
        loose: terms.loose,
        once: terms.once,
        onceTtlMs: terms.onceTtlMs,
        owner: session.id,
        secretHash: session.secretHash,
        identity: session.identity,
        session: terms.loose ? null : session,
        phase: 'held',
        delayMs: terms.delayMs,
        minHoldMs: terms.minHoldMs,
        ttlMs: terms.ttlMs,
      })
      if (terms.minHoldMs > 0) this.counted.push(['timed', name, token, 'minHold', terms.minHoldMs])
      if (terms.ttlMs > 0) this.counted.push(['timed', name, token, 'ttl', terms.ttlMs])
      return { name, token, limit: inForce, ended: null }
    })
    this.answer(session, request, { kind: 'granted', grants })
  }

  /** Whose turn has come, one after the other. What is granted changes nothing for others; a mark that is found there does. */
  grantDue(index: number): void {
    const expected = this.#dueInAnyOrder()
    const before = this.requests
    for (let left = this.grantsMax; left > 0; left--) {
      const next = this.requests.find((request) => this.mayHave(request.asks, request))
      if (next === undefined) break
      const mark = this.marks.get(next.terms.once)
      this.#leave(next)
      if (mark === undefined) {
        this.grant(index, next.session, next.request, next, Math.max(this.wallMs, next.terms.wallMs))
      } else this.answer(next.session, next.request, doneAnswer(mark))
    }
    this.forgetIdle()
    const left = before.filter((request) => !this.requests.includes(request))
    const isSame = left.length === expected.size && left.every((request) => expected.has(request))
    if (!isSame && left.length < this.grantsMax) throw new Error('another order of turns would grant to others')
  }

  /** Who leaves the queues if turns are taken in a drawn order, without any of it being done. */
  #dueInAnyOrder(): ReadonlySet<ModelRequest> {
    const gone = new Set<ModelRequest>()
    let waiting = this.requests
    const counting = this.holds.map(({ name, amount }) => ({ name, amount }))
    const mayHave = ({ asks }: ModelRequest, earlier: readonly ModelRequest[]) =>
      this.frozenRefusal(asks) === null &&
      asks.every(({ name, amount, limit }) => {
        const all = [...counting, ...earlier.flatMap((one) => one.asks)].filter((one) => one.name === name)
        const amounts = all.map((one) => one.amount)
        return goesBeside(amount, amounts, this.limitFor(name, limit))
      })
    for (;;) {
      const due = waiting.filter((request, at) => mayHave(request, waiting.slice(0, at)))
      if (due.length === 0) return gone
      const next = this.random.pick(due)
      waiting = waiting.filter((request) => request !== next)
      gone.add(next)
      if (!this.marks.has(next.terms.once)) counting.push(...next.asks)
    }
  }

  endRequest(request: ModelRequest, given: Answer): void {
    this.#leave(request)
    this.answer(request.session, request.request, given)
  }

  /** Silently. */
  dropRequest(request: ModelRequest): void {
    this.#leave(request)
  }

  #leave(request: ModelRequest): void {
    this.requests = this.requests.filter((one) => one !== request)
  }

  forgetIdle(): void {
    for (const name of [...this.limits.keys()]) {
      if (this.holdsOf(name).length === 0 && this.placesBefore(name, null).length === 0) this.limits.delete(name)
    }
  }

  /** The hold is nobody's any more; while one of its times runs, it stays as a tail. */
  end(hold: ModelHold, how: HoldEnd, by = ''): void {
    if (!UNCLEAN.includes(how) || hold.phase !== 'held') hold.delayMs = 0
    this.noteEnd(hold, how, by)
    const { name, token, delayMs, minHoldMs, ttlMs } = hold
    hold.session = null
    if (delayMs + minHoldMs === 0) {
      this.drop(hold, ttlMs > 0)
      return
    }
    hold.ttlMs = 0
    hold.phase = 'tail'
    if (delayMs > 0) this.counted.push(['timed', name, token, 'delay', delayMs])
  }

  /** It is current, and ends: its name remembers it, and a repeated answer tells what became of it. */
  noteEnd(hold: ModelHold, how: HoldEnd, by = ''): void {
    if (hold.phase !== 'held') return
    const { name, token, holder } = hold
    this.#pastCount++
    this.history.push({ number: this.#pastCount, name, token, holder, how, by })
    const ofName = this.history.filter((past) => past.name === name)
    if (ofName.length > HISTORY_PER_NAME_MAX) this.history = this.history.filter((past) => past !== ofName[0])
    if (this.history.length > HISTORY_MAX) this.history.shift()
    const ended: Grant['ended'] = how === 'forced' || how === 'ttl' ? how : 'released'
    const answers = this.answersOf(hold.owner)
    const stored = answers?.get(hold.request)
    if (stored?.kind !== 'granted') return
    const grants = stored.grants.map((one) => (one.token === token ? { ...one, ended } : one))
    answers?.set(hold.request, { kind: 'granted', grants })
  }

  /** `model.ts` knows the sessions. */
  answersOf: (session: number) => Map<number, Answer> | null = () => null

  dropIfOver(tail: ModelHold): void {
    if (tail.phase === 'tail' && tail.delayMs === 0 && tail.minHoldMs === 0) this.drop(tail)
  }

  /** `isCounted`: the leader counts one of its times. */
  drop(hold: ModelHold, isCounted = true): void {
    this.holds = this.holds.filter((one) => one !== hold)
    if (isCounted) this.counted.push(['untimed', hold.name, hold.token])
  }

  // ---- deadlock

  /** Those who wait for ever. */
  stuck(): readonly ModelRequest[] {
    return stuckIn(this.#world(), this.random)
  }

  standsInItsOwnWay(request: ModelRequest): boolean {
    return standsInItsOwnWay(this.#world(), request)
  }

  #world(): World {
    return { holds: this.holds, requests: this.requests, limitOf: (name) => this.limits.get(name) ?? 0 }
  }
}

const REFUSAL: Refusal = {
  kind: 'not-granted',
  name: '',
  reason: 'held',
  holder: '',
  holders: 0,
  forMs: 0,
  message: '',
}

export function doneAnswer({ key, sinceWallMs, holder }: ModelMark): Answer {
  return { kind: 'done', key, sinceWallMs, holder }
}
