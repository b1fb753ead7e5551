import { type Finding, type HistoryEvent, NEMESIS } from '../types.js'
import { parseAsks } from './amounts.js'
import { textOf } from './operations.js'

/** One fault from its start to its heal. */
export interface FaultSpan {
  readonly fault: string
  readonly target: string
  readonly from: number
  /** The end of the history if it was never healed. */
  readonly to: number
}

export interface Gap {
  readonly from: number
  readonly to: number
}

/** The longest time without any grant that touches a fault. */
export interface FaultGap extends FaultSpan {
  readonly gap: Gap
}

const OBSERVATIONS: ReadonlySet<string> = new Set(['leader', 'node'])

export function faultSpans(history: readonly HistoryEvent[]): FaultSpan[] {
  const open = new Map<string, { fault: string; target: string; from: number }[]>()
  const spans: FaultSpan[] = []
  for (const event of history) {
    if (event.process !== NEMESIS || OBSERVATIONS.has(event.f)) continue
    const target = textOf(event, 'target') ?? ''
    const key = `${event.f} ${target}`
    if (textOf(event, 'phase') === 'start') {
      open.set(key, [...(open.get(key) ?? []), { fault: event.f, target, from: event.time }])
    } else if (textOf(event, 'phase') === 'end') {
      const [span, ...others] = open.get(key) ?? []
      open.set(key, others)
      if (span !== undefined) spans.push({ ...span, to: event.time })
    }
  }
  const to = history.at(-1)?.time ?? 0
  spans.push(...[...open.values()].flat().map((span) => ({ ...span, to })))
  return spans.sort((a, b) => a.from - b.from)
}

/** All times in which somebody asked for a lock and nobody, anywhere, got one. */
export function gapsBetweenGrants(history: readonly HistoryEvent[]): Gap[] {
  const gaps: Gap[] = []
  const asking = new Set<number>()
  let from: number | null = null
  for (const { process, type, f, time } of history) {
    if (f !== 'acquire') continue
    if (type === 'invoke') {
      asking.add(process)
      from ??= time
      continue
    }
    asking.delete(process)
    if (from !== null && (type === 'ok' || asking.size === 0)) {
      gaps.push({ from, to: time })
      from = asking.size > 0 ? time : null
    }
  }
  const end = history.at(-1)?.time
  if (from !== null && end !== undefined) gaps.push({ from, to: end })
  return gaps
}

/** How long nobody got a lock, at worst, in each fault. */
export function gapsOfFaults(history: readonly HistoryEvent[]): FaultGap[] {
  const gaps = gapsBetweenGrants(history)
  return faultSpans(history).map((span) => {
    const touching = gaps.filter(({ from, to }) => from <= span.to && to >= span.from)
    return { ...span, gap: touching.reduce(longer, { from: span.from, to: span.from }) }
  })
}

const longer = (a: Gap, b: Gap): Gap => (b.to - b.from > a.to - a.from ? b : a)

/** After the last heal every lock that was in use can be had again within the limit. */
export function checkRecovery(history: readonly HistoryEvent[], limitMs: number): Finding[] {
  const healed = Math.max(...faultSpans(history).map(({ to }) => to))
  if (!Number.isFinite(healed)) return []
  const waiting = new Map<string, HistoryEvent>()
  for (const event of history) {
    if (event.f !== 'acquire') continue
    for (const name of namesOf(event)) {
      const key = `${event.workload}: ${name}`
      if (event.time <= healed + limitMs * 1e6 && event.time > healed && event.type === 'ok') waiting.delete(key)
      else if (event.time <= healed) waiting.set(key, event)
    }
  }
  return [...waiting].map(([lock, last]) => ({
    check: 'recovery',
    what: `${lock} was not granted within ${limitMs / 1000} s after the last fault had ended`,
    events: [last],
  }))
}

function namesOf(event: HistoryEvent): readonly string[] {
  const names = textOf(event, 'names')
  return names === null ? [event.value.name ?? ''] : parseAsks(names).map(({ name }) => name)
}
