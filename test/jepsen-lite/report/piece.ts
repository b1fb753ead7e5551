/** A small piece of a history as a diagram: a row for each client, time from left to right, but not to scale. */

import { exclude } from '../checker/amounts.js'
import {
  eventsOfHold,
  type Hold,
  isNote,
  MalformedHistory,
  type Operation,
  readHistory,
  textOf,
} from '../checker/operations.js'
import type { HistoryEvent } from '../types.js'
import { type Html, html, moment, NOTHING } from './html.js'

const ROW = 54
const TOP = 28
const LEFT = 96
const MIN_STEP = 58
const BAR = 20

interface Scale {
  readonly x: (event: { readonly time: number }) => number
  readonly y: (process: number) => number
  readonly width: number
  readonly height: number
}

/** Nothing if the lines are no whole operations. */
export function diagram(events: readonly HistoryEvent[]): Html {
  const clients = events.filter(({ process }) => process >= 0)
  const read = tryRead(clients)
  if (read === null || clients.length === 0) return NOTHING
  const scale = scaleOf(clients, read.holds)
  const marks = clients.filter((event) => isNote(event) && event.f !== 'hold-end')
  const rows = [...new Set(clients.map(({ process }) => process))]
  return html`<div class="scroll"><svg class="piece" role="img" aria-label="The lines of the table below, over time" width="${scale.width}" height="${scale.height}" viewBox="0 0 ${scale.width} ${scale.height}">
${ticks(clients, scale)}
${rows.map((process) => html`<line class="row" x1="${LEFT}" x2="${scale.width - 8}" y1="${scale.y(process)}" y2="${scale.y(process)}"/><text class="who" x="8" y="${scale.y(process) + 4}">client ${process}</text>`)}
${bothBelieved(read.holds, scale)}
${read.holds.map((hold) => holdBar(hold, scale))}
${read.operations.map((operation) => operationBracket(operation, scale))}
${marks.map((event) => html`<circle class="mark" cx="${scale.x(event)}" cy="${scale.y(event.process)}" r="4"/><text class="small" x="${scale.x(event) + 7}" y="${scale.y(event.process) - 14}">${event.f}</text>`)}
</svg></div>`
}

function tryRead(events: readonly HistoryEvent[]) {
  try {
    return readHistory(events)
  } catch (error) {
    if (error instanceof MalformedHistory) return null
    throw error
  }
}

/** Every moment that matters gets the same room, however long it took. */
function scaleOf(events: readonly HistoryEvent[], holds: readonly Hold[]): Scale {
  const times = [...new Set([...events.map(({ time }) => time), ...holds.map(({ believedUntil }) => believedUntil)])]
  times.sort((a, b) => a - b)
  const processes = [...new Set(events.map(({ process }) => process))]
  const step = Math.max(MIN_STEP, Math.min(110, Math.floor(900 / Math.max(1, times.length))))
  return {
    x: ({ time }) => LEFT + 24 + times.indexOf(time) * step,
    y: (process) => TOP + 34 + processes.indexOf(process) * ROW,
    width: LEFT + 48 + Math.max(1, times.length - 1) * step + 56,
    height: TOP + 30 + processes.length * ROW,
  }
}

function ticks(events: readonly HistoryEvent[], scale: Scale): Html[] {
  const times = [...new Set(events.map(({ time }) => time))]
  return times.map((time, index) => {
    const x = scale.x({ time })
    const label =
      index % 2 === 0 ? html`<text class="small" x="${x}" y="14" text-anchor="middle">${moment(time)}</text>` : NOTHING
    return html`<line class="tick" x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${scale.height}"/>${label}`
  })
}

/** Where two holds of one lock are believed at once. */
function bothBelieved(holds: readonly Hold[], scale: Scale): Html[] {
  return holds.flatMap((hold, index) => {
    const rivals = holds
      .slice(index + 1)
      .filter(({ name, amount }) => name === hold.name && exclude(hold.amount, amount, 0))
    return rivals.flatMap((rival) => {
      const from = scale.x({ time: Math.max(hold.granted.time, rival.granted.time) })
      const to = scale.x({ time: Math.min(hold.believedUntil, rival.believedUntil) })
      if (to <= from) return []
      return html`<rect class="both" x="${from}" y="${TOP - 6}" width="${to - from}" height="${scale.height - TOP + 6}"/><text class="both-label" x="${(from + to) / 2}" y="${scale.height - 4}" text-anchor="middle">both believe</text>`
    })
  })
}

/** Solid: the time for which the client rightly believed. */
function holdBar(hold: Hold, scale: Scale): Html {
  const { granted, believedUntil, token, acquire } = hold
  const last = eventsOfHold(hold).reduce((a, b) => (b.time > a.time ? b : a))
  const [from, to] = [scale.x(granted), scale.x({ time: believedUntil })]
  const y = scale.y(acquire.process) - BAR / 2
  const label = token === null ? hold.name : `${hold.name} · token …${String(token).slice(-6)}`
  const doubtful =
    scale.x(last) > to
      ? html`<rect class="doubt" x="${to}" y="${y}" width="${scale.x(last) - to}" height="${BAR}"/>`
      : NOTHING
  const believed =
    to > from ? html`<rect class="hold" x="${from}" y="${y}" width="${to - from}" height="${BAR}" rx="3"/>` : NOTHING
  return html`${doubtful}${believed}<text class="token" x="${from + 6}" y="${y - 5}">${label}</text>`
}

function operationBracket(operation: Operation, scale: Scale): Html {
  const { invoke, completion, f, outcome, process } = operation
  const from = scale.x(invoke)
  const to = completion === null ? from + 24 : scale.x(completion)
  const y = scale.y(process) + BAR / 2 + 3
  const result =
    outcome === 'ok' ? '' : ` ${textOf(completion, 'reason') ?? (outcome === 'fail' ? 'refused' : 'unknown')}`
  return html`<path class="operation ${outcome}" d="M${from} ${y - 5}v5H${to}v-5"/><text class="small" x="${from + 2}" y="${y + 13}">${f}${result}</text>`
}
