/** What the timeline of the report shows, small enough for a page: times are milliseconds since the start. */
import { type FaultSpan, faultSpans } from '../checker/availability.js'
import { groupBy, type Hold, type Operation, type ReadHistory, textOf } from '../checker/operations.js'
import { type HistoryEvent, NEMESIS } from '../types.js'

export interface Chronicle {
  readonly durationMs: number
  readonly nodes: readonly NodeRow[]
  readonly faults: readonly FaultBar[]
  readonly locks: readonly LockRow[]
  /** To be added to the tokens of holds. */
  readonly firstToken: number
  readonly rates: Rates
}

export interface NodeRow {
  readonly name: string
  readonly states: readonly { readonly from: number; readonly to: number; readonly state: string }[]
  readonly terms: readonly { readonly from: number; readonly to: number; readonly term: number }[]
}

export interface FaultBar {
  readonly fault: string
  readonly target: string
  readonly from: number
  readonly to: number
}

export interface LockRow {
  readonly workload: string
  readonly name: string
  /** From, how long, process, token; or from, how long, and minus the number of holds that are too short to be told apart. */
  readonly holds: readonly (readonly number[])[]
}

/** One value for each step of time; null where nothing happened. */
export interface Rates {
  readonly stepMs: number
  readonly grants: readonly number[]
  readonly unknown: readonly number[]
  readonly acquireP50: readonly (number | null)[]
  readonly acquireP99: readonly (number | null)[]
  readonly releaseP50: readonly (number | null)[]
  readonly releaseP99: readonly (number | null)[]
}

const NS_PER_MS = 1e6
const MAX_STEPS = 240
const MAX_HOLDS = 20_000
const FIRST_RESOLUTION_MS = 1

export function chronicleOf(history: readonly HistoryEvent[], read: ReadHistory): Chronicle {
  const durationMs = ms(history.at(-1)?.time ?? 0)
  const tokens = read.holds.flatMap(({ token }) => token ?? [])
  const firstToken = tokens.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const base = Number.isFinite(firstToken) ? firstToken : 0
  return {
    durationMs,
    nodes: nodeRows(history, durationMs),
    faults: faultSpans(history).map(bar),
    locks: lockRows(read.holds, base),
    firstToken: base,
    rates: ratesOf(read.operations, durationMs),
  }
}

/** To a tenth of a millisecond. */
function ms(nanoseconds: number): number {
  return Math.round(nanoseconds / (NS_PER_MS / 10)) / 10
}

const bar = ({ fault, target, from, to }: FaultSpan): FaultBar => ({ fault, target, from: ms(from), to: ms(to) })

function nodeRows(history: readonly HistoryEvent[], durationMs: number): NodeRow[] {
  const seen = history.filter(({ process, f }) => process === NEMESIS && (f === 'node' || f === 'leader'))
  const rows = groupBy(seen, (event) => textOf(event, 'node') ?? '')
  const leaders = seen.filter(({ f }) => f === 'leader')
  return [...rows].sort(byName).map(([name, events]) => {
    const changes = events.filter(({ f }) => f === 'node')
    const states = changes.map((event, index) => ({
      from: ms(event.time),
      to: index + 1 < changes.length ? ms(changes[index + 1]?.time ?? 0) : durationMs,
      state: textOf(event, 'state') ?? '',
    }))
    return { name, states, terms: termsOf(name, leaders, changes, durationMs) }
  })
}

/** A node leads until another one is seen to lead in a later term, or it goes down. */
function termsOf(
  name: string,
  leaders: readonly HistoryEvent[],
  changes: readonly HistoryEvent[],
  durationMs: number,
): NodeRow['terms'] {
  return leaders.flatMap((event, index) => {
    if (textOf(event, 'node') !== name) return []
    const term = Number(event.value.term)
    const successor = leaders.slice(index + 1).find((later) => Number(later.value.term) > term)
    const end = changes.find(({ time, value }) => time > event.time && value.state === 'down')
    const to = Math.min(ms(successor?.time ?? Number.POSITIVE_INFINITY), ms(end?.time ?? Number.POSITIVE_INFINITY))
    return [{ from: ms(event.time), to: Math.min(to, durationMs), term }]
  })
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a.localeCompare(b, 'en', { numeric: true })

function lockRows(holds: readonly Hold[], firstToken: number): LockRow[] {
  const locks = [...groupBy(holds, ({ acquire, name }) => `${acquire.workload}/${name}`)].sort(byName)
  let resolutionMs = 0
  for (;;) {
    const rows = locks.map(([, ofLock]) => ({
      workload: ofLock[0]?.acquire.workload ?? '',
      name: ofLock[0]?.name ?? '',
      holds: together(
        ofLock.map((hold) => barOfHold(hold, firstToken)),
        resolutionMs,
      ),
    }))
    if (rows.reduce((sum, row) => sum + row.holds.length, 0) <= MAX_HOLDS) return rows
    resolutionMs = Math.max(FIRST_RESOLUTION_MS, resolutionMs * 2)
  }
}

/** A classic client has no deadline: it is shown until its connection ended. */
function barOfHold({ acquire, granted, token, believedUntil, endNote }: Hold, firstToken: number): number[] {
  const hasDeadline = ['session', 'tnl-do', 'raw', 'plain'].includes(textOf(acquire.invoke, 'client') ?? 'session')
  const until = hasDeadline ? believedUntil : Math.max(believedUntil, endNote?.time ?? 0)
  const from = ms(granted.time)
  return [from, Math.max(0, ms(until - granted.time)), acquire.process, ...(token === null ? [] : [token - firstToken])]
}

/** Holds that are shorter than the resolution, and not further apart, become one bar. */
function together(holds: readonly number[][], resolutionMs: number): number[][] {
  const bars: number[][] = []
  for (const hold of [...holds].sort(([a = 0], [b = 0]) => a - b)) {
    const [from = 0, length = 0] = hold
    const last = bars.at(-1)
    const [lastFrom = 0, lastLength = 0, who = 0] = last ?? []
    const merges = last !== undefined && from - lastFrom - lastLength < resolutionMs && length < resolutionMs
    if (merges && (who < 0 || lastLength < resolutionMs)) {
      bars[bars.length - 1] = [lastFrom, ms((from + length - lastFrom) * NS_PER_MS), who < 0 ? who - 1 : -2]
    } else bars.push(hold)
  }
  return bars
}

function ratesOf(operations: readonly Operation[], durationMs: number): Rates {
  const stepMs = Math.max(1, Math.ceil(durationMs / 1000 / MAX_STEPS)) * 1000
  const steps = Math.max(1, Math.ceil(durationMs / stepMs))
  const step = ({ completion }: Operation): string => String(Math.floor((completion?.time ?? 0) / NS_PER_MS / stepMs))
  const each = <T>(of: readonly Operation[], value: (group: readonly Operation[]) => T): T[] => {
    const groups = groupBy(of, step)
    return Array.from({ length: steps }, (_, index) => value(groups.get(String(index)) ?? []))
  }
  const done = operations.filter(({ completion }) => completion !== null)
  const acquired = done.filter(({ f, outcome }) => f === 'acquire' && outcome === 'ok')
  const released = done.filter(({ f, outcome }) => f === 'release' && outcome === 'ok')
  const unknown = done.filter(({ outcome }) => outcome === 'info')
  return {
    stepMs,
    grants: each(acquired, (group) => group.length),
    unknown: each(unknown, (group) => group.length),
    acquireP50: each(acquired, (group) => latency(group, 0.5)),
    acquireP99: each(acquired, (group) => latency(group, 0.99)),
    releaseP50: each(released, (group) => latency(group, 0.5)),
    releaseP99: each(released, (group) => latency(group, 0.99)),
  }
}

/** In milliseconds; null of nothing. */
export function latency(operations: readonly Operation[], share: number): number | null {
  const sorted = operations
    .map(({ invoke, completion }) => (completion?.time ?? invoke.time) - invoke.time)
    .sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return value === undefined ? null : ms(value)
}
