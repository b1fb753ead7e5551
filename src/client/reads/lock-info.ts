/** What the cluster says of its locks, in the words of the library: names in full, times in milliseconds and as dates. */
import type { Line } from '../../protocol/line.js'
import { splitTrace } from '../tracing/traceparent.js'

/** `permits`: of a semaphore. */
export type LockMode = 'exclusive' | 'shared' | 'permits'

/** One hold, or what counts like one, as a listing shows it. */
export interface ListedLock {
  readonly name: string
  readonly mode: LockMode
  /** Of a semaphore; null for a plain lock. */
  readonly permits: number | null
  readonly limit: number | null
  /**
   * `held`; `tail`: it has ended and still counts for a while; `reserved`: nobody has it, and the first of those who wait for it
   * waits for another name too.
   */
  readonly state: 'held' | 'tail' | 'reserved'
  /** Null while it is reserved. */
  readonly token: number | null
  /** Client id of who holds it (of `reserved`: of who waits first); null if nobody does. */
  readonly holder: string | null
  readonly session: string | null
  /** For how long, by the clocks of the nodes. */
  readonly heldMs: number
  /** How many wait for the name. */
  readonly waiters: number
  readonly metadata: string | null
}

/** A hold of one name. */
export interface HolderInfo {
  readonly token: number
  readonly mode: LockMode
  readonly permits: number | null
  /** `forced`, `ttl`: it has ended, and counts until its client cannot believe in it any more; `tail`: it counts for a while. */
  readonly state: 'held' | 'forced' | 'ttl' | 'tail'
  readonly holder: string | null
  readonly session: string | null
  readonly since: Date
  readonly heldMs: number
  /** By when it ends at the latest, in milliseconds from now; null if nobody knows. */
  readonly endsWithinMs: number | null
  readonly metadata: string | null
  /** The trace in which it was asked for, as W3C Trace Context has it; null if that was not traced. */
  readonly traceparent: string | null
}

/** A place in the queue of one name. */
export interface WaiterInfo {
  /** 1 is the next. */
  readonly position: number
  readonly holder: string
  readonly session: string
  readonly mode: LockMode
  readonly permits: number | null
  readonly waitedMs: number
  readonly metadata: string | null
}

/** Who has a name, and who waits for it. */
export interface LockInfo {
  readonly name: string
  /** Null for a plain lock, and while nobody has it or waits for it. */
  readonly limit: number | null
  /** The reasons of the operators who have frozen it; empty as a rule. */
  readonly frozen: readonly string[]
  /** At most as many as fit into one answer; `holdCount` counts all of them. */
  readonly holds: readonly HolderInfo[]
  readonly holdCount: number
  /** The same. */
  readonly waiting: readonly WaiterInfo[]
  readonly waiterCount: number
}

const MODES: readonly LockMode[] = ['exclusive', 'shared', 'permits']
const STATES = ['held', 'tail', 'reserved'] as const

/** A `lock` line. */
export function readListedLock(line: Line): ListedLock {
  return {
    name: line.get('name') ?? '',
    mode: knownOf(MODES, line.get('mode'), 'exclusive'),
    permits: line.number('permits') || null,
    limit: line.number('limit') || null,
    state: knownOf(STATES, line.get('state'), 'held'),
    token: line.number('token') || null,
    holder: line.get('holder') || null,
    session: sessionOf(line.get('session')),
    heldMs: line.milliseconds('held-for') ?? 0,
    waiters: line.number('waiters') ?? 0,
    metadata: splitTrace(line.get('meta') || null).metadata,
  }
}

/** What `who` answers. Fields that an older or newer node leaves out, or has otherwise, do not break it. */
export function readLockInfo(json: string): LockInfo {
  const report = record(JSON.parse(json))
  const holds = list(report.holds).map(readHolder)
  const waiting = list(report.waiting).map(readWaiter)
  return {
    name: text(report.name) ?? '',
    limit: count(report.limit),
    frozen: list(report.frozen).map(({ reason }) => text(reason) ?? ''),
    holds,
    holdCount: count(report.holdCount) ?? holds.length,
    waiting,
    waiterCount: count(report.waiterCount) ?? waiting.length,
  }
}

function readHolder(hold: Fields): HolderInfo {
  return {
    token: count(hold.token) ?? 0,
    mode: knownOf(MODES, hold.mode, 'exclusive'),
    permits: count(hold.permits),
    state: knownOf(['held', 'forced', 'ttl', 'tail'] as const, hold.state, 'held'),
    holder: text(hold.holder),
    session: sessionOf(hold.session),
    since: new Date((count(hold.since) ?? 0) * 1000),
    heldMs: milliseconds(hold.heldFor) ?? 0,
    endsWithinMs: milliseconds(hold.endsWithin),
    ...splitTrace(text(hold.meta)),
  }
}

function readWaiter(place: Fields): WaiterInfo {
  return {
    position: count(place.position) ?? 0,
    holder: text(place.holder) ?? '',
    session: sessionOf(place.session) ?? '',
    mode: knownOf(MODES, place.mode, 'exclusive'),
    permits: count(place.permits),
    waitedMs: milliseconds(place.waitedFor) ?? 0,
    metadata: splitTrace(text(place.meta)).metadata,
  }
}

type Fields = Readonly<Record<string, unknown>>

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(record) : []
}

function count(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function milliseconds(seconds: unknown): number | null {
  return typeof seconds === 'number' ? Math.round(seconds * 1000) : null
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Session numbers are shown as the library names sessions elsewhere: as text. 0 is none. */
function sessionOf(value: unknown): string | null {
  const shown = typeof value === 'number' || typeof value === 'string' ? String(value) : ''
  return shown === '' || shown === '0' ? null : shown
}

function knownOf<Word extends string>(words: readonly Word[], word: unknown, otherwise: Word): Word {
  return words.find((known) => known === word) ?? otherwise
}
