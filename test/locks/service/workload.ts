/**
 * Random commands of a cluster of level 2 that mostly make sense, and now and then come late, twice, or with a header that is
 * out of date. Each world is small and has its own likes: in some nobody ever freezes anything, in some everybody keeps everything.
 */
import {
  type Ask,
  type Command,
  CommandType,
  EXCLUSIVE,
  type Kept,
  SHARED,
} from '../../../src/locks/commands/commands.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { drawLikes, type Likes, someIdentity } from './likes.js'
import type { Seen, SeenHold, SeenSession } from './seen.js'

const NODES = ['n1', 'n2', 'n3']
const PREFIXES = ['', 'd/', 'd/x', 'a']
const KEYS = ['k1', 'k2']
const SESSIONS_MAX = 7

type Place = NonNullable<SeenSession['place']>
type Maker = (session: SeenSession, place: Place) => Command
type NumberedKind = 'ask' | 'release' | 'cancel' | 'waitTimeout' | 'unlock' | 'force' | 'resize' | 'freeze' | 'thaw'

export class Workload {
  readonly #seen: () => Seen
  readonly #random: SeededRandom
  readonly #likes: Likes
  readonly #names: readonly string[]
  /** What most clients take each name for; 0: a plain lock. */
  readonly #limits = new Map<string, number>()
  readonly #past: Command[] = []
  #epochs = 0
  #conns = 0
  #requests = 0
  #wallMs = 1_000

  constructor(seen: () => Seen, random: SeededRandom) {
    this.#seen = seen
    this.#random = random
    this.#likes = drawLikes(random)
    this.#names = ['a', 'b', 'c', 'd/x', 'd/y'].slice(random.int(4))
    for (const name of this.#names) this.#limits.set(name, random.pick([0, 0, 1, 2, 3]))
  }

  next(): Command {
    const command = this.#choose()
    this.#past.push(command)
    return command
  }

  #choose(): Command {
    const { past, nodeUp, epochEnd, open, classic, resume, time, gone } = this.#likes
    const kind = this.#weighed({ past, nodeUp, epochEnd, open, classic, resume, time, gone, session: 60 })
    const random = this.#random
    switch (kind) {
      case 'past':
        return this.#past.length > 0 ? random.pick(this.#past) : this.#nodeUp()
      case 'nodeUp':
        return this.#nodeUp()
      case 'epochEnd':
        return this.#epochEnd()
      case 'open':
      case 'classic':
      case 'resume':
        return this.#opening(kind)
      case 'time':
        return this.#time()
      case 'gone':
        return this.#gone()
      default:
        return this.#ofSession()
    }
  }

  #weighed<K extends string>(weights: Record<K, number>): K {
    const kinds = Object.entries(weights) as [K, number][]
    let at = this.#random.float() * kinds.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [kind, weight] of kinds) {
      at -= weight
      if (at < 0) return kind
    }
    return this.#random.pick(kinds)[0]
  }

  // ---- nodes and connections

  #nodeUp(): Command {
    const random = this.#random
    const node = random.pick(NODES)
    const expected = random.chance(0.03) ? 99 : (this.#seen().current.get(node) ?? 0)
    this.#epochs += 1
    const dead = random.chance(0.5) ? expected : 0
    const address = `${node}:7654`
    const epoch = 9_000 - this.#epochs
    return { type: CommandType.nodeUp, node, epoch, expected, dead, address, peer: '', programLevel: 2 }
  }

  #epochEnd(): Command {
    const live = [...this.#seen().live]
    if (live.length < 2) return this.#nodeUp()
    const [epoch, { node }] = this.#random.pick(live)
    return { type: this.#random.pick([CommandType.nodeDown, CommandType.expireNode]), node, epoch }
  }

  #opening(kind: 'open' | 'classic' | 'resume'): Command {
    const random = this.#random
    const live = [...this.#seen().live]
    if (live.length === 0) return this.#nodeUp()
    const [epoch, { node }] = random.pick(live)
    this.#conns += 1
    const header = { node, epoch, conn: this.#conns, floor: Math.max(1, this.#conns - 3) }
    const resumable = this.#seen().sessions.filter(({ classic }) => !classic)
    if (kind === 'resume' && resumable.length > 0) {
      const { id, attempt: last, leaseMs, identity: own } = random.pick(resumable)
      const secretHash = random.chance(0.03) ? 'guess' : `secret-${leaseMs}`
      const attempt = random.pick([0, last, last + 1, last + 1, last + 7])
      const by = {
        identity: this.#conns % 7 === 0 ? someIdentity(this.#conns) : (own ?? ''),
        asAnyone: this.#conns % 11 === 0,
      }
      return { type: CommandType.resume, ...header, session: id, secretHash, attempt, ...by }
    }
    if (this.#seen().sessions.length >= SESSIONS_MAX) return this.#gone()
    const clientId = random.chance(0.5) ? `client-${random.int(100)}` : ''
    if (kind === 'classic') {
      const { name, amount, limit } = this.#ask(random.pick(this.#names))
      const terms = { waitMs: this.#waitMs(), meta: '', delayMs: random.pick([0, 0, 0, 2_000]), wallMs: this.#clock() }
      return { type: CommandType.openClassic, ...header, clientId, name, amount, limit, ...terms }
    }
    const leaseMs = 3_000 + random.int(1_000)
    const lingerMs = random.pick([0, 1_000, 60_000])
    const secretHash = `secret-${leaseMs}`
    return {
      type: CommandType.open,
      ...header,
      clientId,
      identity: someIdentity(this.#conns),
      leaseMs,
      lingerMs,
      secretHash,
    }
  }

  // ---- what the leader and the nodes count

  #time(): Command {
    const random = this.#random
    const { holds, freezes, marks } = this.#seen()
    const freeze = [...freezes.values()].at(random.int(Math.max(1, freezes.size)))
    const mark = [...marks.values()].at(random.int(Math.max(1, marks.size)))
    if (random.chance(0.1) && freeze !== undefined) {
      return { type: CommandType.freezeOver, prefix: freeze.prefix, generation: freeze.generation - this.#rarely() }
    }
    if (random.chance(0.1) && mark !== undefined) {
      return { type: CommandType.markOver, key: mark.key, generation: mark.generation - this.#rarely() }
    }
    const timed = holds.filter((hold) => hold.phase !== 'held' || hold.minHoldMs + hold.ttlMs + hold.delayMs > 0)
    if (timed.length === 0) return { type: CommandType.sweep }
    const hold = random.pick(timed)
    const token = hold.token - this.#rarely()
    const { name } = hold
    if (hold.session !== null && hold.phase !== 'held' && random.chance(0.7)) {
      const { id, attach } = hold.session
      return { type: CommandType.letGo, name, token, session: id, attach: attach - this.#rarely() }
    }
    const clock = random.int(3)
    const leftMs = random.pick([1, 500, 900, 100_000])
    if (random.chance(0.3)) return { type: CommandType.timeLeft, name, token, clock, leftMs }
    return { type: CommandType.timeOver, name, token, clock, wallMs: this.#clock() }
  }

  /** What is counted for a detached session; also for one that has come back. */
  #gone(): Command {
    const random = this.#random
    const { sessions, requests } = this.#seen()
    const away = sessions.filter(({ place }) => place === null)
    if (sessions.length === 0) return this.#nodeUp()
    const { id: session, attach: last } = random.pick(away.length > 0 && random.chance(0.8) ? away : sessions)
    const attach = last - this.#rarely()
    const waiting = requests.filter((one) => one.session.id === session)
    switch (random.int(5)) {
      case 0:
        return { type: CommandType.left, session, attach, leftMs: random.int(20_000) }
      case 1: {
        const waits = waiting.map(({ request, waitMs }) => ({ request, leftMs: Math.abs(waitMs) >> 1 }))
        return { type: CommandType.waitsLeft, session, attach, waits }
      }
      case 2:
      case 3:
        if (waiting.length === 0) break
        return { type: CommandType.detachedWaitTimeout, session, attach, target: random.pick(waiting).request }
    }
    return { type: CommandType.expireSession, session, attach, wallMs: this.#clock() }
  }

  // ---- what sessions ask

  #ofSession(): Command {
    const attached = this.#seen().sessions.filter(({ place }) => place !== null)
    if (attached.length === 0) return this.#opening('open')
    const random = this.#random
    const session = random.pick(attached)
    const { leave, ack, forget, ask, release, cancel, waitTimeout, unlock, force, resize, freeze, thaw } = this.#likes
    const weights = { leave, ack, forget, ask, release, cancel, waitTimeout, unlock, force, resize, freeze, thaw }
    const kind = this.#weighed(weights)
    const place = session.place ?? { node: '', epoch: 0 }
    // A classic client has one lock: its node says no more for it than this.
    const isOdd = session.classic && !['leave', 'ack', 'release', 'cancel', 'waitTimeout'].includes(kind)
    if (isOdd && random.chance(0.95)) return this.#makers.release(session, place)
    if (kind === 'leave') return this.#leave(session, place)
    if (kind === 'ack') return { type: CommandType.ack, ...this.#header(session, place) }
    if (kind === 'forget') {
      return { type: CommandType.forget, ...this.#asking(session, place), key: random.pick(KEYS) }
    }
    return this.#makers[kind](session, place)
  }

  readonly #makers: Record<NumberedKind, Maker> = {
    ask: (session, place) => {
      const random = this.#random
      const count = random.chance(this.#likes.several) ? 2 + random.int(2) : 1
      const names = random.shuffled(this.#names).slice(0, count)
      if (names.length > 1 && random.chance(0.02)) names.push(random.pick(names))
      const asks = names.map((name) => this.#ask(name))
      const asking = this.#asking(session, place)
      return { type: CommandType.ask, ...asking, asks, ...this.#terms(), ...this.#keeping(session) }
    },
    release: (session, place) => {
      const random = this.#random
      const own = this.#seen().holds.filter((hold) => hold.session?.id === session.id)
      if (own.length === 0 && random.chance(0.8)) return this.#makers.ask(session, place)
      const hold = this.#someHold(own)
      const token = random.chance(0.3) ? 0 : hold.token + this.#rarely()
      const done = random.chance(hold.once === '' ? 0.03 : 0.6)
      const asking = this.#asking(session, place)
      return { type: CommandType.release, ...asking, name: hold.name, token, done, wallMs: this.#clock() }
    },
    cancel: (session, place) => ({
      type: CommandType.cancel,
      ...this.#asking(session, place),
      target: this.#target(session),
    }),
    waitTimeout: (session, place) => ({
      type: CommandType.waitTimeout,
      ...this.#header(session, place),
      target: this.#target(session),
    }),
    unlock: (session, place) => {
      const random = this.#random
      const { holds } = this.#seen()
      const loose = holds.filter((one) => one.loose)
      if (loose.length === 0 && random.chance(0.9)) return this.#makers.ask(session, place)
      const hold = this.#someHold(random.chance(0.8) && loose.length > 0 ? loose : holds)
      const token = random.chance(0.4) ? 0 : hold.token
      const by = random.chance(0.5) ? { owner: 0, secretHash: '' } : { owner: hold.owner, secretHash: hold.secretHash }
      const secretHash = random.chance(0.05) ? 'guess' : by.secretHash
      const asking = this.#asking(session, place)
      const words = { ...by, secretHash, ofAnyone: this.#requests % 3 === 0, wallMs: this.#clock() }
      return { type: CommandType.unlock, ...asking, name: hold.name, token, ...words }
    },
    force: (session, place) => {
      const hold = this.#someHold(this.#seen().holds)
      const words = { reason: 'why not', now: this.#random.chance(0.3), wallMs: this.#clock() }
      const token = hold.token - this.#rarely()
      return { type: CommandType.forceRelease, ...this.#asking(session, place), name: hold.name, token, ...words }
    },
    resize: (session, place) => {
      const random = this.#random
      const semaphores = this.#names.filter((name) => this.#limits.get(name) !== 0)
      const name = random.pick(semaphores.length > 0 && random.chance(0.9) ? semaphores : this.#names)
      return { type: CommandType.resize, ...this.#asking(session, place), name, limit: random.pick([0, 1, 2, 3, 4]) }
    },
    freeze: (session, place) => {
      const random = this.#random
      const prefix = random.pick(random.chance(0.3) ? PREFIXES : ['d/', 'd/x', 'a'])
      const until = { untilWallMs: random.pick([0, 5_000]), isOver: random.chance(0.1) }
      const words = { ...until, reason: `r${random.int(9)}`, wallMs: this.#clock() }
      return { type: CommandType.freeze, ...this.#asking(session, place), prefix, ...words }
    },
    thaw: (session, place) => {
      const random = this.#random
      const frozen = [...this.#seen().freezes.keys()]
      const prefix = frozen.length > 0 && random.chance(0.9) ? random.pick(frozen) : random.pick(PREFIXES)
      return { type: CommandType.thaw, ...this.#asking(session, place), prefix }
    },
  }

  #leave({ id: session, attach }: SeenSession, { node, epoch }: Place): Command {
    const random = this.#random
    const header = { node, epoch, session, attach: attach + this.#rarely() }
    if (random.chance(0.4)) return { type: CommandType.end, ...header, bye: random.chance(0.5), wallMs: this.#clock() }
    const how = { fin: random.chance(0.4), leaseOnly: this.#requests % 10 === 0 }
    return { type: CommandType.detach, ...header, ...how, wallMs: this.#clock() }
  }

  // ---- fields

  #header({ id, attach, lastN, answers }: SeenSession, { node, epoch }: Place) {
    const random = this.#random
    const answered = [...answers.keys()]
    const ack = answered.length > 0 && random.chance(0.1) ? random.pick(answered) : 0
    const header = { node, epoch, session: id, attach, n: lastN + 1, ack: random.chance(0.005) ? 2 ** 40 : ack }
    switch (random.int(100)) {
      case 0:
        return { ...header, n: header.n + 1 }
      case 1:
        return { ...header, n: header.n - 1 }
      case 2:
        return { ...header, attach: header.attach - 1 }
      case 3:
        return { ...header, epoch: epoch + 1 }
    }
    return header
  }

  #asking(session: SeenSession, place: Place) {
    return { ...this.#header(session, place), request: session.classic ? -2 : this.#requestId(session) }
  }

  /** A new request, or one that the client repeats. */
  #requestId(session: SeenSession): number {
    const random = this.#random
    const answered = [...session.answers.keys()]
    if (answered.length > 0 && random.chance(0.04)) return random.pick(answered)
    const waiting = this.#seen().requests.filter((one) => one.session.id === session.id)
    if (waiting.length > 0 && random.chance(0.02)) return random.pick(waiting).request
    this.#requests += 1
    return this.#requests
  }

  #ask(name: string): Ask {
    const random = this.#random
    const usual = this.#limits.get(name) ?? 0
    const limit = random.chance(0.04) ? random.int(4) : usual
    if (limit === 0) return { name, amount: random.chance(0.5) ? EXCLUSIVE : SHARED, limit }
    return { name, amount: 1 + random.int(random.chance(0.05) ? limit + 1 : limit), limit }
  }

  #terms() {
    const random = this.#random
    const { times, once } = this.#likes
    const time = (ms: number) => (random.chance(times) ? ms : 0)
    const ttlMs = time(7_000)
    return {
      waitMs: this.#waitMs(),
      meta: random.chance(0.2) ? `m${random.int(100)}` : '',
      delayMs: time(2_000),
      minHoldMs: time(5_000),
      ttlMs,
      loose: ttlMs > 0 && random.chance(0.5),
      once: random.chance(once) ? random.pick(KEYS) : '',
      onceTtlMs: random.pick([0, 0, 60_000]),
      keepsAnyones: this.#requests % 3 === 0,
      wallMs: this.#clock(),
    }
  }

  #keeping(session: SeenSession): { keepsAll: boolean; keeps: readonly Kept[] } {
    const random = this.#random
    if (random.chance(this.#likes.keepsAll)) return { keepsAll: true, keeps: [] }
    if (random.chance(0.4)) return { keepsAll: false, keeps: [] }
    const { holds } = this.#seen()
    const own = holds.filter((hold) => hold.session?.id === session.id)
    const kept = [...own, ...(random.chance(0.2) ? holds : [])].filter(() => random.chance(0.6))
    const keeps = kept.map(({ name, token }) => ({ name, token: token + this.#rarely() }))
    return { keepsAll: false, keeps }
  }

  #waitMs(): number {
    const random = this.#random
    return random.chance(this.#likes.waits) ? random.pick([-1, -1, -1, 500]) : 0
  }

  #target(session: SeenSession): number {
    const waiting = this.#seen().requests.filter((one) => one.session.id === session.id)
    return waiting.length > 0 ? this.#random.pick(waiting).request : 1
  }

  #someHold(among: readonly SeenHold[]): Pick<SeenHold, 'name' | 'token' | 'once' | 'owner' | 'secretHash'> {
    const random = this.#random
    if (among.length > 0 && random.chance(0.95)) return random.pick(among)
    return { name: random.pick(this.#names), token: 1, once: '', owner: 7, secretHash: 'secret' }
  }

  /** Mostly 0. */
  #rarely(): number {
    return this.#random.chance(0.03) ? 1 : 0
  }

  #clock(): number {
    this.#wallMs += this.#random.int(50)
    return this.#wallMs
  }
}
