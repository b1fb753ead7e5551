/** What stands though nobody holds anything, and who is there: marks, freezes, history, sessions. Pages of what may be many. */
import type { SessionId, Token } from '../commands/commands.js'
import type { Mode } from '../effects.js'
import type { Session } from '../state/entities.js'
import type { HoldEnd, Mark } from '../state/standing.js'
import type { LockState } from '../state/state.js'
import { type FreezeReport, freezeReport, modeOf, permitsOf, type Sees } from './hold-report.js'
import { resumableForMs } from './outlook.js'
import { smallest } from './smallest.js'

export interface PastReport {
  readonly token: Token
  readonly mode: Mode
  readonly permits: number
  readonly limit: number
  readonly holder: string
  readonly session: SessionId
  readonly fromWallMs: number
  readonly toWallMs: number
  readonly how: HoldEnd
  /** Of a forced release: who, and the words that were given. */
  readonly by: string
  readonly reason: string
}

/** The newest first. */
export function history(state: LockState, name: string): PastReport[] {
  const reports = state.history.of(name).map(({ amount, who, number: _, name: __, stamp: ___, ...past }) => ({
    ...past,
    mode: modeOf(amount),
    permits: permitsOf(amount),
    holder: String(who),
  }))
  return reports.reverse()
}

export interface SessionReport {
  readonly session: SessionId
  readonly client: string
  /** Whose it is; empty: nobody's in particular. */
  readonly identity: string
  /** The node that has its connection; null: none has. */
  readonly node: string | null
  readonly classic: boolean
  readonly leaseMs: number
  readonly lingerMs: number
  /** While no node has it: how long it can be resumed, by the last count that reached the state. */
  readonly leftMs: number | null
  readonly holds: number
  readonly places: number
}

/** In the order of their ids, those above `after`. `identity`: only its own, which nobody in particular has none of; null: all. */
export function sessions(state: LockState, after: SessionId, most: number, identity: string | null): SessionReport[] {
  return smallest(counted(state, identity), after, most, ({ id }) => id).map(sessionReport)
}

export function sessionCount(state: LockState, identity: string | null): number {
  if (identity === null) return state.sessions.size
  let count = 0
  for (const _ of counted(state, identity)) count += 1
  return count
}

function* counted(state: LockState, identity: string | null): IterableIterator<Session> {
  for (const session of state.sessions.values()) {
    if (session.countsAsEnded) continue
    if (identity === null || (identity !== '' && session.identity === identity)) yield session
  }
}

function sessionReport(session: Session): SessionReport {
  const { terms, place } = session
  return {
    session: session.id,
    client: session.clientId,
    identity: session.identity ?? '',
    node: place?.live === true ? place.node : null,
    classic: session.classic,
    leaseMs: terms?.leaseMs ?? 0,
    lingerMs: terms?.lingerMs ?? 0,
    leftMs: resumableForMs(session),
    holds: session.heldCount,
    places: session.placeCount,
  }
}

export interface MarkReport {
  readonly key: string
  readonly sinceWallMs: number
  readonly holder: string
  /** 0: for ever. */
  readonly untilWallMs: number
}

/** In the order of their keys, those behind `after`; null for all. `sees`: only such keys; null: all. */
export function marks(state: LockState, after: string | null, most: number, sees: Sees | null): MarkReport[] {
  return smallest(seenMarks(state, sees), after, most, ({ key }) => key).map(markReport)
}

export function markCount(state: LockState, sees: Sees | null): number {
  if (sees === null) return state.marks.size
  let count = 0
  for (const _ of seenMarks(state, sees)) count += 1
  return count
}

function* seenMarks({ marks }: LockState, sees: Sees | null): IterableIterator<Mark> {
  for (const mark of marks.values()) if (sees === null || sees(mark.key)) yield mark
}

function markReport({ key, sinceWallMs, holder, ttlMs }: Mark): MarkReport {
  return { key, sinceWallMs, holder, untilWallMs: ttlMs === 0 ? 0 : sinceWallMs + ttlMs }
}

/** In the order of their prefixes, those behind `after`; null for all. */
export function freezes(state: LockState, after: string | null): FreezeReport[] {
  return smallest(state.freezes.values(), after, state.freezes.size, ({ prefix }) => prefix).map(freezeReport)
}
