/** What a request may ask for. Every bound bites here, never at the turn of a request that was accepted. */
import { utf8Length } from '../../bytes/utf8.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { failure } from '../answers.js'
import { type Ask, EXCLUSIVE } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import {
  DELAY_MAX_MS,
  HOLDS_AND_PLACES_MAX,
  HOLDS_AND_PLACES_PER_LOCK_MAX,
  KEPT_MAX,
  LOCKS_PER_SESSION_MAX,
  MARKS_MAX,
  META_MAX_BYTES,
  META_TOTAL_MAX_BYTES,
  MIN_HOLD_MAX_MS,
  NAME_MAX_BYTES,
  NAMES_PER_REQUEST_MAX,
  ONCE_TTL_MAX_MS,
  PERMITS_MAX,
  TAILS_MAX,
  TTL_MAX_MS,
} from '../limits.js'
import type { Session } from '../state/entities.js'
import type { LockState } from '../state/state.js'
import type { HoldTerms } from '../state/terms.js'
import type { Asked } from './asked.js'

const limit = (message: string): Answer => failure('limit', message)

/** Null if it may be asked for. */
export function refuseAsk(state: LockState, session: Session, asked: Asked): Answer | null {
  return (
    refuseNames(session, asked) ??
    refuseWords(asked) ??
    (state.level === BASE_LEVEL ? null : (refuseTerms(asked) ?? refuseLocks(state, asked))) ??
    refuseAmounts(state, session, asked)
  )
}

function refuseNames(session: Session, { asks }: Asked): Answer | null {
  if (asks.length === 0) return failure('bad-request', 'a request names a lock')
  // Its end before the sweep is looked for at one lock after the other (`dropOrphans`).
  if (session.classic && asks.length > 1) return failure('bad-request', 'a classic connection asks for one lock')
  if (asks.length > NAMES_PER_REQUEST_MAX) return limit(`a request names at most ${NAMES_PER_REQUEST_MAX} locks`)
  for (const { name } of asks) {
    if (utf8Length(name) > NAME_MAX_BYTES) return limit(`a lock name has at most ${NAME_MAX_BYTES} bytes`)
  }
  return asks.length === 1 ? null : refuseTwice(asks)
}

function refuseTwice(asks: readonly Ask[]): Answer | null {
  const seen = new Set<string>()
  for (const { name } of asks) {
    if (seen.has(name)) return failure('bad-request', `${name} is asked for twice`)
    seen.add(name)
  }
  return null
}

function refuseWords({ meta, terms, keeps }: Asked): Answer | null {
  if (utf8Length(meta) > META_MAX_BYTES) return limit(`meta has at most ${META_MAX_BYTES} bytes`)
  if ((terms?.delayMs ?? 0) > DELAY_MAX_MS) return limit(`delay is at most ${DELAY_MAX_MS / 1000} s`)
  if (keeps !== 'all' && keeps.length > KEPT_MAX) return limit(`holding names at most ${KEPT_MAX} holds`)
  return null
}

function refuseTerms({ terms }: Asked): Answer | null {
  if (terms === null) return null
  const { minHoldMs, ttlMs, loose, once, onceTtlMs } = terms
  if (minHoldMs > MIN_HOLD_MAX_MS) return limit(`min-hold is at most ${MIN_HOLD_MAX_MS / 1000} s`)
  if (ttlMs > TTL_MAX_MS) return limit(`ttl is at most ${TTL_MAX_MS / 1000} s`)
  if (onceTtlMs > ONCE_TTL_MAX_MS) return limit(`once-ttl is at most ${ONCE_TTL_MAX_MS / 1000} s`)
  if (loose && ttlMs === 0) return failure('bad-request', 'loose needs a ttl')
  if (utf8Length(once) > NAME_MAX_BYTES) return limit(`the key of a done-mark has at most ${NAME_MAX_BYTES} bytes`)
  return null
}

/** Kind and limit of each lock, against what is in force. */
function refuseLocks(state: LockState, { asks }: Asked): Answer | null {
  for (const ask of asks) {
    const refused = refuseKind(state, ask)
    if (refused !== null) return refused
    const lock = state.locks.get(ask.name)
    if (lock !== undefined && lock.holdCount + lock.placeCount >= HOLDS_AND_PLACES_PER_LOCK_MAX) {
      return limit(`${ask.name} has ${HOLDS_AND_PLACES_PER_LOCK_MAX} holds and places, and no more`)
    }
  }
  return null
}

function refuseKind(state: LockState, { name, amount, limit: asked }: Ask): Answer | null {
  const permits = amount > 0
  if (amount < EXCLUSIVE || permits !== asked > 0) return failure('bad-request', `${name}: permits come with a limit`)
  if (asked > PERMITS_MAX) return limit(`a limit is at most ${PERMITS_MAX}`)
  const lock = state.locks.get(name)
  const pin = state.pins.get(name)?.limit
  if (lock !== undefined && lock.limit > 0 !== permits) {
    const kind = lock.limit > 0 ? `a semaphore with limit ${lock.limit}` : 'a plain lock'
    return failure('limit-mismatch', `${name} is ${kind} now`)
  }
  if (!permits) return null
  const inForce = lock?.limit ?? pin ?? asked
  if (pin === undefined && inForce !== asked) {
    return failure('limit-mismatch', `${name} is a semaphore with limit ${inForce} now, not ${asked}`)
  }
  return amount > inForce ? failure('permits', `${name} has ${inForce} permits, not ${amount}`) : null
}

function refuseAmounts(state: LockState, session: Session, { asks, meta, terms }: Asked): Answer | null {
  const names = asks.length
  if (session.heldCount + session.placeCount + names > LOCKS_PER_SESSION_MAX) {
    return limit(`a session holds and waits for at most ${LOCKS_PER_SESSION_MAX} locks`)
  }
  if (state.holds.size + state.placeCount + names > HOLDS_AND_PLACES_MAX) {
    return limit(`the cluster has ${HOLDS_AND_PLACES_MAX} holds and places, and no more`)
  }
  const metaBytes = names * utf8Length(meta)
  if (metaBytes > 0 && state.metaBytes + metaBytes > META_TOTAL_MAX_BYTES) {
    return limit(`the cluster has ${META_TOTAL_MAX_BYTES} bytes of meta, and no more`)
  }
  return terms === null || state.level === BASE_LEVEL ? null : refuseReserved(state, names, terms)
}

/** What it may leave behind has its place from now on. */
function refuseReserved(state: LockState, names: number, terms: HoldTerms): Answer | null {
  if (terms.canBeTail && state.tailableCount + names > TAILS_MAX) {
    return limit(`the cluster has ${TAILS_MAX} locks with delay, min-hold or loose, and no more`)
  }
  if (terms.once !== '' && state.marks.size + state.reservedMarkCount + names > MARKS_MAX) {
    return limit(`the cluster has ${MARKS_MAX} done-marks, and no more`)
  }
  return null
}
