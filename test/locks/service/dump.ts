/** The state of a machine and that of the model in one form, to be compared; derived counts and links are left out. */
import { SHARED } from '../../../src/locks/commands/commands.js'
import type { Answer, Effect, Mode, SessionView } from '../../../src/locks/effects.js'
import type { LockMachine } from '../../../src/locks/machine.js'
import type { Counted, ModelHold, ModelRequest, ModelSession, Told } from './model/entities.js'
import type { Model } from './model/model.js'

const byFirst = <T extends readonly unknown[]>(list: Iterable<T>): T[] =>
  [...list].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))

/** Of two that were made under level 1, and have one number, the session decides, and then its own count. */
const byOrder = <T extends readonly [number, number, number, ...unknown[]]>(list: Iterable<T>): T[] =>
  [...list].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])

const byNumber = <T extends readonly [number, ...unknown[]]>(list: Iterable<T>): T[] =>
  [...list].sort(([a], [b]) => a - b)

/** Words for people are not compared, and `for` cannot be: the model does not count what nodes have counted. */
function comparable(answer: Answer): unknown {
  if (answer.kind === 'error') return [answer.kind, answer.code]
  if (answer.kind === 'deadlock') return [answer.kind]
  if (answer.kind === 'granted') return answer.grants.map(sorted)
  return sorted(answer)
}

const sorted = (record: object): unknown => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))

export function dumpMachine(machine: LockMachine): unknown {
  const state = machine.inspect()
  const sessions = [...state.sessions.values()].map((session) => {
    const { id, attach, lastN, terms, place, conn, identity } = session
    const answers = [...(terms?.answers ?? [])].map(([request, answer]) => [request, comparable(answer)] as const)
    const acknowledged = Math.max(0, (terms?.lowestUnacknowledged ?? 0) - 1)
    const where = place === null ? null : [place.node, place.epoch, conn]
    return [id, identity, attach, lastN, where, terms?.detachedForMs ?? 0, acknowledged, byNumber(answers)] as const
  })
  const holds = [...state.holds.values()].map((hold) => {
    const { lock, token, amount, session, phase, terms, label, meta, sinceWallMs } = hold
    const times = [terms?.delayMs ?? 0, terms?.minHoldMs ?? 0, phase === 'held' ? (terms?.ttlMs ?? 0) : 0]
    return [token, lock.name, amount, session?.id ?? null, phase, label, meta, sinceWallMs, times] as const
  })
  const requests = [...state.requests].map(({ number, session, request, waitMs, places, keeps }) => {
    return [number, session.id, request, waitMs, places.map(({ lock, amount }) => [lock.name, amount]), keeps] as const
  })
  return {
    counter: state.counter,
    sessions: byNumber(sessions),
    holds: byNumber(holds),
    requests: byOrder(requests),
    limits: byFirst([...state.locks.values()].map(({ name, limit }) => [name, limit] as const)),
    pins: byFirst([...state.pins.values()].map(({ name, limit }) => [name, limit] as const)),
    freezes: byFirst(
      [...state.freezes.values()].map(({ prefix, reason, untilWallMs }) => [prefix, reason, untilWallMs]),
    ),
    history: byNumber(
      [...state.history.values()].map(({ number, name, token, who, how, by }) => [
        number,
        name,
        token,
        String(who),
        how,
        by,
      ]),
    ),
    marks: byFirst([...state.marks.values()].map(({ key, holder, sinceWallMs }) => [key, holder, sinceWallMs])),
  }
}

export function dumpModel({ sessions, table }: Model): unknown {
  return {
    counter: table.counter,
    sessions: byNumber(sessions.map(dumpSession)),
    holds: byNumber(table.holds.map(dumpHold)),
    requests: byOrder(table.requests.map(dumpRequest)),
    limits: byFirst(table.limits),
    pins: byFirst(table.pins),
    freezes: byFirst(
      [...table.freezes.values()].map(({ prefix, reason, untilWallMs }) => [prefix, reason, untilWallMs]),
    ),
    history: byNumber(
      table.history.map(({ number, name, token, holder, how, by }) => [number, name, token, holder, how, by]),
    ),
    marks: byFirst([...table.marks.values()].map(({ key, holder, sinceWallMs }) => [key, holder, sinceWallMs])),
  }
}

function dumpSession({ id, identity, attach, lastN, place, detachedForMs, acknowledged, answers }: ModelSession) {
  const where = place === null ? null : [place.node, place.epoch, place.conn]
  const told = [...answers].map(([request, answer]) => [request, comparable(answer)] as const)
  return [id, identity, attach, lastN, where, detachedForMs, acknowledged, byNumber(told)] as const
}

function dumpHold(hold: ModelHold) {
  const { token, name, amount, session, phase, holder, meta, sinceWallMs, delayMs, minHoldMs, ttlMs } = hold
  const label = phase === 'tail' ? '' : holder
  return [
    token,
    name,
    amount,
    session?.id ?? null,
    phase,
    label,
    meta,
    sinceWallMs,
    [delayMs, minHoldMs, phase === 'held' ? ttlMs : 0],
  ] as const
}

function dumpRequest({ number, session, request, waitMs, asks, keeps }: ModelRequest) {
  return [number, session.id, request, waitMs, asks.map(({ name, amount }) => [name, amount]), keeps] as const
}

/** What the machine tells connections, in order, as the model has it. */
export function toldBy(effects: readonly Effect[]): Told[] {
  return effects.flatMap((effect): Told[] => {
    switch (effect.kind) {
      case 'answered':
        return [['answered', effect.session, effect.request, effect.answer]]
      case 'queued': {
        const { session, request, name, position, holder, limit } = effect
        return [['queued', session, request, name, position, holder, limit]]
      }
      case 'lost':
        return effect.where === null ? [] : [['lost', effect.session, effect.name, effect.token, effect.reason]]
      case 'ended':
        return [['ended', effect.session]]
      case 'detached':
        return [['detached', effect.session, effect.forMs]]
      default:
        return []
    }
  })
}

export function comparableTold(told: readonly Told[]): unknown {
  return told.map((one) => (one[0] === 'answered' ? [one[0], one[1], one[2], comparable(one[3])] : one))
}

/** What the machine tells the leader's timers. */
export function countedBy(effects: readonly Effect[]): Counted[] {
  return effects.flatMap((effect): Counted[] => {
    switch (effect.kind) {
      case 'timed':
        return [['timed', effect.name, effect.token, effect.clock, effect.forMs]]
      case 'untimed':
        return [['untimed', effect.name, effect.token]]
      case 'frozen':
        return [['frozen', effect.prefix, effect.generation, effect.untilWallMs]]
      case 'marked':
        return [['marked', effect.key, effect.generation, effect.expiresWallMs]]
      default:
        return []
    }
  })
}

/** What a resumed connection is told of its session. */
export function viewByModel({ table }: Model, session: ModelSession): unknown {
  const own = table.holds.filter((hold) => hold.session === session)
  const waiting = table.requests.filter((request) => request.session === session)
  return {
    held: own
      .filter(({ phase }) => phase === 'held')
      .map(({ name, amount, token }) => [name, modeOf(amount), token, Math.max(0, amount), table.limits.get(name)]),
    ending: own.filter(({ phase }) => phase !== 'held').map(({ name, token, phase }) => [name, token, phase]),
    queued: byNumber(
      waiting.map((request) => {
        const { name } = table.obstacle(request.asks, request)
        const position = 1 + table.placesBefore(name, request).length
        return [request.request, name, position, table.limits.get(name), request.waitMs, request.asks.length] as const
      }),
    ),
    answers: byNumber([...session.answers].map(([request, answer]) => [request, comparable(answer)] as const)),
  }
}

export function viewByMachine({ held, ending, queued, answers }: SessionView): unknown {
  return {
    held: held.map(({ name, mode, token, permits, limit }) => [name, mode, token, permits, limit]),
    ending: ending.map(({ name, token, reason }) => [name, token, reason]),
    queued: queued.map(({ request, name, position, limit, waitMs, names }) => {
      return [request, name, position, limit, waitMs, names]
    }),
    answers: answers.map(([request, answer]) => [request, comparable(answer)]),
  }
}

function modeOf(amount: number): Mode {
  if (amount > 0) return 'permits'
  return amount === SHARED ? 'shared' : 'exclusive'
}
