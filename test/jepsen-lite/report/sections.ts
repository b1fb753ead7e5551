/** The parts of the report that are text and tables. */
import { type FaultGap, type FaultSpan, faultSpans, gapsBetweenGrants, gapsOfFaults } from '../checker/availability.js'
import { groupBy, type Operation, type ReadHistory } from '../checker/operations.js'
import { registerErrors } from '../checker/registers.js'
import type { Finding, HistoryEvent } from '../types.js'
import { latency } from './chronicle.js'
import { count, duration, Html, html, moment, NOTHING, plural } from './html.js'
import { diagram } from './piece.js'
import type { ReportMeta } from './report.js'

const MAX_FINDINGS = 8
const MAX_LINES = 40
const LONGEST_GAPS = 10
const NS_PER_MS = 1e6

export function headline(
  history: readonly HistoryEvent[],
  { operations, holds }: ReadHistory,
  findings: readonly Finding[],
  meta: ReportMeta,
): Html {
  const faults = faultSpans(history).length
  const unknown = operations.filter(({ outcome }) => outcome === 'info').length
  const longest = gapsBetweenGrants(history).reduce((most, { from, to }) => Math.max(most, to - from), 0)
  const isValid = findings.length === 0
  const verdict = isValid
    ? html`<span aria-hidden="true">✓</span> Valid`
    : html`<span aria-hidden="true">✗</span> Invalid: ${plural(findings.length, 'violation')}`
  const summary = isValid
    ? 'Nobody rightly believed to hold a lock beside somebody whom that excludes, no token ran backwards, nobody was overtaken, and every answer fits one history.'
    : 'The locks did what they must never do. The smallest offending pieces of the history follow.'
  const tile = (value: string, what: string): Html => html`<div><dt>${what}</dt><dd>${value}</dd></div>`
  return html`<header>
<p class="quiet">jepsen-lite · tcpnetlock ${meta.version} · ${meta.startedAt.slice(0, 16).replace('T', ' ')} UTC</p>
<h1>${verdict}</h1>
<p class="lead">${plural(meta.clients, 'client')} locked and released on ${plural(meta.nodes, 'node')} for ${duration((history.at(-1)?.time ?? 0) / NS_PER_MS)}, while ${plural(faults, 'fault')} came and went. ${summary}</p>
<dl class="tiles">
${tile(count(operations.length), 'operations')}
${tile(count(holds.length), 'grants')}
${tile(count(faults), 'faults')}
${tile(duration(longest / NS_PER_MS), 'longest time without a grant')}
${tile(count(unknown), 'of unknown outcome')}
${tile(String(meta.seed), 'seed')}
</dl>
</header>`
}

export function violationsSection(history: readonly HistoryEvent[], findings: readonly Finding[]): Html {
  const spans = faultSpans(history)
  if (findings.length === 0) return NOTHING
  const counts = [...groupBy(findings, ({ check }) => check)].map(([check, group]) => `${check} ${group.length}`)
  const firstOfEachCheck = [...groupBy(findings, ({ check }) => check).values()].flatMap(([first]) => first ?? [])
  const shown = [...new Set([...firstOfEachCheck, ...findings])].slice(0, MAX_FINDINGS)
  const more = findings.length - shown.length
  return html`<section id="violations"><h2>What is wrong</h2>
<p class="quiet">By check: ${counts.join(', ')}.${more > 0 ? ` The first ${shown.length} are shown, one of each check first.` : ''}</p>
${shown.map((finding, index) => violation(finding, spans, index === 0))}
</section>`
}

function violation({ check, what, events }: Finding, spans: readonly FaultSpan[], isOpen: boolean): Html {
  const lines = events.slice(0, MAX_LINES)
  const cut = events.length - lines.length
  const heading = html`<h3><span class="check">${check}</span> ${what}</h3>`
  const [first, last] = [events[0], events.at(-1)]
  if (first === undefined || last === undefined) return html`<article class="violation">${heading}</article>`
  const meanwhile = namesOf(spans.filter(({ from, to }) => from <= last.time && to >= first.time))
  return html`<article class="violation">${heading}
${diagram(lines)}
<details${isOpen ? new Html(' open') : NOTHING}><summary>${plural(events.length, 'line')} of the history</summary>
${eventTable(lines)}
${cut > 0 ? html`<p class="quiet">and ${plural(cut, 'more line')}</p>` : NOTHING}
</details>
<p class="quiet">Meanwhile: ${meanwhile}. ${jump(first.time, last.time, 'Show it in the timeline')}</p>
</article>`
}

function namesOf(spans: readonly FaultSpan[]): string {
  const names = new Set(spans.map(({ fault, target }) => (target === '' ? fault : `${fault} (${target})`)))
  return names.size === 0 ? 'no fault' : [...names].join(', ')
}

/** Shows this time in the timeline. */
function jump(from: number, to: number, words: string): Html {
  return html`<a href="#timeline" data-from="${Math.round(from / NS_PER_MS)}" data-to="${Math.round(to / NS_PER_MS)}">${words}</a>`
}

function eventTable(events: readonly HistoryEvent[]): Html {
  const row = ({ time, process, type, f, value }: HistoryEvent): Html => {
    const { name = '', token, ...others } = value
    const details = Object.entries(others).map(([key, detail]) => `${key}: ${detailOf(key, detail)}`)
    return html`<tr><td class="number">${moment(time)}</td><td class="number">${process < 0 ? '' : process}</td><td>${f}</td><td>${type}</td><td>${name}</td><td class="number">${token ?? ''}</td><td class="details">${details.join(', ')}</td></tr>`
  }
  return table(
    ['at', 'client', 'what', 'type', 'lock', 'token', 'details'],
    events.map(row),
    new Set(['at', 'client', 'token']),
  )
}

function detailOf(key: string, detail: HistoryEvent['value'][string]): string {
  if (typeof detail !== 'number') return String(detail)
  return key === 'until' ? moment(detail) : String(Math.round(detail * 10) / 10)
}

/** Columns that a narrow screen has no room for. */
const minor: ReadonlySet<string> = new Set(['in force', 'p50'])

function table(heads: readonly string[], rows: readonly Html[], numbers: ReadonlySet<string> = new Set()): Html {
  const head = heads.map((text) =>
    numbers.has(text)
      ? html`<th scope="col" class="number${minor.has(text) ? ' minor' : ''}">${text}</th>`
      : html`<th scope="col">${text}</th>`,
  )
  return html`<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`
}

export function faultsSection(history: readonly HistoryEvent[], { skipped }: ReportMeta): Html {
  const gaps = gapsOfFaults(history)
  if (gaps.length === 0 && skipped.length === 0) return NOTHING
  const kinds = [...groupBy(gaps, ({ fault }) => fault)].map(([fault, spans]) => ({
    fault,
    spans,
    worst: worstOf(spans),
  }))
  kinds.sort((a, b) => lengthOf(b.worst) - lengthOf(a.worst))
  const longest = Math.max(1, ...kinds.map(({ worst }) => lengthOf(worst)))
  const rows = kinds.map(({ fault, spans, worst }) => {
    const inForce = spans.reduce((sum, { from, to }) => sum + to - from, 0) / NS_PER_MS
    const share = (100 * lengthOf(worst)) / longest
    return html`<tr><th scope="row">${fault}</th><td class="number">${spans.length}</td><td class="number minor">${duration(inForce)}</td><td class="number">${duration(lengthOf(worst))}</td><td class="bar"><span style="width:${share.toFixed(1)}%"></span></td><td>${jump(worst.gap.from, worst.gap.to, `${worst.target === '' ? '' : `${worst.target}, `}at ${moment(worst.gap.from)}`)}</td></tr>`
  })
  const notes = skipped.map(({ name, why }) => html`<li>${name}: ${why}</li>`)
  return html`<section><h2>Faults</h2>
<p>For each kind: the longest time around such a fault in which somebody asked for a lock and nobody, anywhere, got one.</p>
${table(['fault', 'times', 'in force', 'longest gap', '', 'worst case'], rows, new Set(['times', 'in force', 'longest gap']))}
${notes.length === 0 ? NOTHING : html`<p>Not used here:</p><ul>${notes}</ul>`}
</section>`
}

const lengthOf = ({ gap }: FaultGap): number => (gap.to - gap.from) / NS_PER_MS
const worstOf = (spans: readonly FaultGap[]): FaultGap =>
  spans.reduce((worst, span) => (lengthOf(span) > lengthOf(worst) ? span : worst))

export function gapsSection(history: readonly HistoryEvent[]): Html {
  const spans = faultSpans(history)
  const gaps = gapsBetweenGrants(history).sort((a, b) => b.to - b.from - (a.to - a.from))
  const rows = gaps.slice(0, LONGEST_GAPS).map((gap) => {
    const during = spans.filter(({ from, to }) => from <= gap.to && to >= gap.from)
    const link = jump(gap.from, gap.to, moment(gap.from))
    return html`<tr><td class="number">${duration((gap.to - gap.from) / NS_PER_MS)}</td><td class="number">${link}</td><td>${namesOf(during)}</td></tr>`
  })
  return html`<section><h2>Longest gaps</h2>
<p>Times in which somebody asked for a lock and nobody, anywhere, got one.</p>
${table(['no grant for', 'from', 'faults in force'], rows, new Set(['no grant for', 'from']))}
</section>`
}

/** What tokens are for. */
export function registersSection(read: ReadHistory): Html {
  const [unguarded, fenced] = [registerErrors(read, 'write'), registerErrors(read, 'write-fenced')]
  if (unguarded.writes === 0 && fenced.writes === 0) return NOTHING
  const late =
    unguarded.lost === 0 ? '' : ` The latest came ${duration(unguarded.latestMs)} after its writer's lock had run out.`
  return html`<section><h2>What the tokens are for</h2>
<p>Clients read, changed and wrote registers under locks. A client that is frozen between reading and writing wakes up when its lock is long another's: nothing on the side of the locks can stop that write. The register that compares fencing tokens can.</p>
${table(
  ['register', 'writes', 'refused', 'lost updates'],
  [
    html`<tr><th scope="row">without a guard</th><td class="number">${count(unguarded.writes)}</td><td class="number">–</td><td class="number">${count(unguarded.lost)}</td></tr>`,
    html`<tr><th scope="row">guarded by the token</th><td class="number">${count(fenced.writes)}</td><td class="number">${count(fenced.refused)}</td><td class="number">${count(fenced.lost)}</td></tr>`,
  ],
  new Set(['writes', 'refused', 'lost updates']),
)}
<p class="quiet">A lost update is a violation in the first row only if both writers rightly believed to hold the lock, in the second always.${late}</p>
</section>`
}

export function operationsSection({ operations }: ReadHistory): Html {
  const rows = [...groupBy(operations, ({ workload, f }) => `${workload} ${f}`).values()].map((group) => {
    const [first] = group
    const of = (outcome: Operation['outcome']): Operation[] =>
      group.filter((operation) => operation.outcome === outcome)
    const done = of('ok')
    const time = (share: number): string => {
      const value = latency(done, share)
      return value === null ? '–' : duration(value)
    }
    return html`<tr><td>${first?.workload ?? ''}</td><td>${first?.f ?? ''}</td><td class="number">${count(done.length)}</td><td class="number">${count(of('fail').length)}</td><td class="number">${count(of('info').length)}</td><td class="number minor">${time(0.5)}</td><td class="number">${time(0.99)}</td></tr>`
  })
  return html`<section><h2>Operations</h2>
<p>Unknown: the client never learned what came of it. The checks allow both. An <code>acquire</code> includes the wait for other holders.</p>
${table(['workload', 'operation', 'done', 'refused', 'unknown', 'p50', 'p99'], rows, new Set(['done', 'refused', 'unknown', 'p50', 'p99']))}
</section>`
}

export function replaySection(history: readonly HistoryEvent[], meta: ReportMeta): Html {
  return html`<section><h2>Again</h2>
<pre><code>${meta.command}</code></pre>
<p>The same seed chooses the same faults, targets and times; processes and sockets add chance of their own. Workloads: ${meta.workloads.join(', ')}. Node lease ${duration(meta.leaseMs)}. All ${plural(history.length, 'line')} are in <code>history.jsonl</code> beside this file; its format is described in <code>test/jepsen-lite/HISTORY.md</code>.</p>
</section>`
}
