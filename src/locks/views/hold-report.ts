/** Holds, places and freezes as people are told of them. Copies of the moment; wall times are for display only. */
import { EXCLUSIVE, type NodeId, type RequestId, type SessionId, SHARED, type Token } from '../commands/commands.js'
import type { Mode } from '../effects.js'
import type { Hold, LockEntry, Place } from '../state/entities.js'
import type { FreezeEntry } from '../state/standing.js'
import type { LockState } from '../state/state.js'
import type { HoldPhase } from '../state/terms.js'
import { type HoldOutlook, outlookOf } from './outlook.js'

export interface HoldReport {
  readonly name: string
  readonly token: Token
  readonly mode: Mode
  /** Of a semaphore; else 0. */
  readonly permits: number
  readonly phase: HoldPhase
  /** Empty for a tail, which belongs to nobody; `session` is 0 then. */
  readonly holder: string
  readonly session: SessionId
  /** That has the connection of its holder; null: none has, or it needs none. */
  readonly node: NodeId | null
  /** Of the session that it is bound to: for so long it outlives the holder's silence. 0: a classic one, or none. */
  readonly leaseMs: number
  readonly sinceWallMs: number
  readonly meta: string
  readonly loose: boolean
  readonly end: HoldOutlook
}

export interface PlaceReport {
  readonly name: string
  /** 1 + the earlier places there. */
  readonly position: number
  readonly mode: Mode
  readonly permits: number
  readonly holder: string
  readonly session: SessionId
  /** The client's id of the request; negative if it gave none. */
  readonly request: RequestId
  /** How many names the request asks for, of those that whoever asks may see. */
  readonly names: number
  readonly sinceWallMs: number
  /** By the last count that reached the state; -1 waits forever. */
  readonly waitMs: number
  readonly meta: string
}

export interface FreezeReport {
  readonly prefix: string
  readonly reason: string
  readonly by: string
  readonly sinceWallMs: number
  /** 0: until it is thawed. */
  readonly untilWallMs: number
}

/** Whether whoever asks may see a name. */
export type Sees = (name: string) => boolean

export function modeOf(amount: number): Mode {
  if (amount === EXCLUSIVE) return 'exclusive'
  return amount === SHARED ? 'shared' : 'permits'
}

export const permitsOf = (amount: number): number => Math.max(0, amount)

/** A classic session of an ended epoch counts as ended at once, though it is swept later (rules.md rule 3). */
export const hasOrphanedHolder = ({ session }: Hold): boolean => session?.countsAsEnded === true

export const sessionIdOf = ({ session, owner, phase }: Hold): SessionId =>
  session?.id ?? (phase === 'tail' ? 0 : (owner?.session ?? 0))

export function holdReport(state: LockState, hold: Hold): HoldReport {
  const { lock, token, amount, phase, sinceWallMs, meta, terms, session } = hold
  return {
    name: lock.name,
    token,
    mode: modeOf(amount),
    permits: permitsOf(amount),
    phase,
    holder: hold.label,
    session: sessionIdOf(hold),
    node: session?.place?.live === true ? session.place.node : null,
    leaseMs: session?.terms?.leaseMs ?? 0,
    sinceWallMs,
    meta,
    loose: terms?.loose === true,
    end: outlookOf(state, hold),
  }
}

export function placeReport({ request, lock, amount }: Place, position: number, sees: Sees): PlaceReport {
  return {
    name: lock.name,
    position,
    mode: modeOf(amount),
    permits: permitsOf(amount),
    holder: request.session.label,
    session: request.session.id,
    request: request.request,
    names: request.places.filter(({ lock: { name } }) => sees(name)).length,
    sinceWallMs: request.wallMs,
    waitMs: request.waitMs,
    meta: request.meta,
  }
}

export function freezeReport({ prefix, reason, by, sinceWallMs, untilWallMs }: FreezeEntry): FreezeReport {
  return { prefix, reason, by, sinceWallMs, untilWallMs }
}

/** Everything that freezes the name, in the order of the prefixes. */
export function freezesOf(state: LockState, name: string): FreezeReport[] {
  const found = [...state.freezes.values()].filter(({ prefix }) => name.startsWith(prefix))
  return found.sort((a, b) => (a.prefix < b.prefix ? -1 : 1)).map(freezeReport)
}

/** The places of a name with their positions. Those of classic sessions of an ended epoch count as gone, as their holds do. */
export function* placesOf(lock: LockEntry): IterableIterator<readonly [Place, number]> {
  let position = 1
  for (let place = lock.queue?.head ?? null; place !== null; place = place.next) {
    if (place.request.session.countsAsEnded) continue
    yield [place, position]
    position += 1
  }
}

/** How many wait for the name. */
export function waiterCountOf(state: LockState, lock: LockEntry): number {
  if (state.unswept.size === 0) return lock.placeCount
  let count = 0
  for (const _ of placesOf(lock)) count += 1
  return count
}
