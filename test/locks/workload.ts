/** Random commands that mostly make sense, and now and then come late, twice, or with a header that is out of date. */
import fc from 'fast-check'
import { type Command, CommandType, type LockRequest, type SessionHeader } from '../../src/locks/commands/commands.js'
import type { SessionView } from '../../src/locks/effects.js'
import type { LockMachine } from '../../src/locks/machine.js'

/** One choice; what it comes to depends on the state in which it is made. */
export interface Choice {
  readonly kind: number
  readonly who: number
  readonly what: number
  readonly odd: number
}

export const choices = (length: number): fc.Arbitrary<Choice[]> =>
  fc.array(fc.record({ kind: fc.nat(99), who: fc.nat(1_000), what: fc.nat(1_000), odd: fc.nat(39) }), {
    minLength: length / 4,
    maxLength: length,
    size: 'max',
  })

const NODES = ['n1', 'n2', 'n3']
const NAMES = ['a', 'b', 'c', 'd']
const WAITS_MS = [0, -1, -1, 500]
const DELAYS_MS = [0, 0, 0, 2_000]

/**
 * Runs of a property, more by `TNL_MODEL_RUNS`. A failure is reported with its seed at once: shrinking a history of
 * hundreds of commands takes minutes, longer than a test may, so it is asked for by `TNL_SHRINK=1` and a longer time limit.
 */
export const RUNS = {
  numRuns: Number(process.env.TNL_MODEL_RUNS ?? 80),
  endOnFailure: process.env.TNL_SHRINK === undefined,
}

/** A cluster of level 1 knows no identities. */
const NOBODY = { identity: '', asAnyone: true }

export class Workload {
  readonly #machine: LockMachine
  readonly #past: Command[] = []
  #epochs = 0
  #conns = 0
  #requests = 0

  constructor(machine: LockMachine) {
    this.#machine = machine
  }

  next(choice: Choice): Command {
    const command = this.#choose(choice)
    this.#past.push(command)
    return command
  }

  #choose(choice: Choice): Command {
    const { kind, who, what, odd } = choice
    if (kind < 12 && this.#past.length > 0) return pick(this.#past, who * 31 + what)
    if (kind < 17) return this.#nodeUp(choice)
    if (kind < 20) return this.#epochEnd(choice)
    if (kind < 36) return this.#opening(choice)
    if (kind < 40) {
      const delayed = [...this.#machine.timedHolds()]
      if (delayed.length === 0) return { type: CommandType.sweep }
      const { name, token, forMs } = pick(delayed, who)
      if (what % 2 === 0) return { type: CommandType.delayLeft, name, token, leftMs: odd < 30 ? forMs >> 1 : forMs + 1 }
      return { type: CommandType.delayOver, name, token: odd === 0 ? token - 1 : token }
    }
    const session = this.#session(who)
    if (session === null) return this.#nodeUp(choice)
    if (session.where === null) return this.#detached(session, choice)
    return kind < 90 ? this.#numbered(session, session.where, choice) : this.#leave(session, session.where, choice)
  }

  #nodeUp({ who, odd }: Choice): Command {
    const node = pick(NODES, who)
    const expected = odd === 0 ? 99 : this.#machine.currentEpoch(node)
    this.#epochs += 1
    const dead = odd % 2 === 0 ? expected : 0
    return {
      type: CommandType.nodeUp,
      node,
      epoch: 1_000 - this.#epochs,
      expected,
      dead,
      address: `${node}:7654`,
      peer: pick(['', `${node}:7655`, `${node}:7755`], odd),
      programLevel: 1,
    }
  }

  #epochEnd({ who, odd }: Choice): Command {
    const live = [...this.#machine.liveEpochs()]
    if (live.length === 0) return { type: CommandType.sweep }
    return { type: odd % 3 === 0 ? CommandType.nodeDown : CommandType.expireNode, ...pick(live, who) }
  }

  #opening(choice: Choice): Command {
    const { kind, who, what, odd } = choice
    const live = [...this.#machine.liveEpochs()]
    if (live.length === 0) return this.#nodeUp(choice)
    this.#conns += 1
    const header = { ...pick(live, what), conn: this.#conns, floor: Math.max(1, this.#conns - 3) }
    const clientId = what % 2 === 0 ? `client-${what}` : ''
    if (kind < 24)
      return {
        type: CommandType.openClassic,
        ...header,
        clientId,
        ...request(choice),
        amount: -1,
        limit: 0,
      }
    const session = kind < 30 ? this.#session(who) : null
    if (session !== null) {
      const secretHash = odd === 0 ? 'guess' : `secret-${session.leaseMs}`
      const attempt = pick([0, session.attempt, session.attempt + 1, session.attempt + 1, session.attempt + 7], what)
      return { type: CommandType.resume, ...header, session: session.session, secretHash, attempt, ...NOBODY }
    }
    const leaseMs = 3_000 + what
    const terms = { leaseMs, lingerMs: pick([0, 1_000, 60_000], who), secretHash: `secret-${leaseMs}`, identity: '' }
    return { type: CommandType.open, ...header, clientId, ...terms }
  }

  #detached({ session, attach, queued }: SessionView, { kind, odd, what }: Choice): Command {
    const counted = odd === 0 ? attach - 1 : attach
    if (odd === 21) return { type: CommandType.waitsLeft, session, attach: counted, waits: queued.map(halfLeft) }
    if (what % 3 === 0) return { type: CommandType.left, session, attach: counted, leftMs: odd * 500 }
    const [first] = queued
    if (kind < 70 && first !== undefined) {
      return { type: CommandType.detachedWaitTimeout, session, attach: counted, target: first.request }
    }
    return { type: CommandType.expireSession, session, attach: counted, wallMs: 0 }
  }

  #numbered(session: SessionView, where: { node: string; epoch: number }, choice: Choice): Command {
    const { kind, what, odd } = choice
    if (odd === 21) {
      const { session: id, attach, queued } = session
      return { type: CommandType.waitsLeft, session: id, attach, waits: queued.map(halfLeft) }
    }
    const header = headerOf(session, where, odd)
    const request_ = session.classic ? -2 : this.#request(session, odd)
    if (kind < 65) return { type: CommandType.lock, ...header, request: request_, ...request(choice) }
    if (kind < 80) {
      const held = session.held.length > 0 ? pick(session.held, what) : { name: pick(NAMES, what), token: 1 }
      const token = odd < 20 ? 0 : held.token + (odd === 39 ? 1 : 0)
      return { type: CommandType.release, ...header, request: request_, name: held.name, token, done: false, wallMs: 0 }
    }
    const target = session.queued.length > 0 ? pick(session.queued, what).request : 1
    if (kind < 84) return { type: CommandType.cancel, ...header, request: request_, target }
    return kind < 88 ? { type: CommandType.waitTimeout, ...header, target } : { type: CommandType.ack, ...header }
  }

  /** A new request, or one that the client repeats. */
  #request(session: SessionView, odd: number): number {
    const [answered] = session.answers
    if (odd === 5 && answered !== undefined) return answered[0]
    const [waiting] = session.queued
    if (odd === 6 && waiting !== undefined) return waiting.request
    this.#requests += 1
    return this.#requests
  }

  #leave({ session, attach }: SessionView, { node, epoch }: { node: string; epoch: number }, choice: Choice): Command {
    const header = { node, epoch, session, attach: choice.odd === 0 ? attach + 1 : attach }
    if (choice.kind < 93) return { type: CommandType.end, ...header, bye: true, wallMs: 0 }
    return { type: CommandType.detach, ...header, fin: choice.what % 3 === 0, wallMs: 0, leaseOnly: false }
  }

  #session(who: number): SessionView | null {
    const ids = [...this.#machine.inspect().sessions.keys()]
    return ids.length === 0 ? null : this.#machine.session(pick(ids, who))
  }
}

function halfLeft({ request, waitMs }: { request: number; waitMs: number }) {
  return { request, leftMs: Math.abs(waitMs) >> 1 }
}

function headerOf(session: SessionView, { node, epoch }: { node: string; epoch: number }, odd: number): SessionHeader {
  const [first] = session.answers
  const answered = odd % 7 === 1 && first !== undefined ? first[0] : 0
  const ack = odd === 33 ? Number.MAX_SAFE_INTEGER : answered
  const header = { node, epoch, session: session.session, attach: session.attach, n: session.lastN + 1, ack }
  if (odd === 0) return { ...header, n: header.n + 1 }
  if (odd === 2) return { ...header, n: header.n - 1 }
  if (odd === 3) return { ...header, attach: header.attach - 1 }
  if (odd === 4) return { ...header, epoch: epoch + 1 }
  return header
}

function request({ what, odd, who }: Choice): LockRequest {
  const waitMs = pick(WAITS_MS, odd)
  return { name: pick(NAMES, what), waitMs, meta: `m${who}`, delayMs: pick(DELAYS_MS, who), wallMs: 1_000 + what }
}

function pick<T>(list: readonly T[], at: number): T {
  const item = list[at % list.length]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}
