import { readFileSync, writeFileSync } from 'node:fs'
import { readHistory } from '../checker/operations.js'
import type { Finding, HistoryEvent } from '../types.js'
import { chronicleOf } from './chronicle.js'
import { embedded, Html, html } from './html.js'
import {
  faultsSection,
  gapsSection,
  headline,
  operationsSection,
  registersSection,
  replaySection,
  violationsSection,
} from './sections.js'

/** What a history does not say of its run. */
export interface ReportMeta {
  /** That plays the same run again. */
  readonly command: string
  readonly seed: number
  readonly seconds: number
  readonly clients: number
  readonly nodes: number
  readonly workloads: readonly string[]
  /** ISO 8601, in UTC. */
  readonly startedAt: string
  /** Of this checkout. */
  readonly version: string
  readonly leaseMs: number
  /** Faults that this machine forbids. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[]
}

export interface Report {
  readonly history: readonly HistoryEvent[]
  readonly findings: readonly Finding[]
  readonly meta: ReportMeta
}

/** One file that needs nothing else: no network, no server. */
export function writeReport(path: string, report: Report): void {
  writeFileSync(path, renderReport(report))
}

const part = (name: string): Html => new Html(readFileSync(new URL(name, import.meta.url), 'utf8'))

export function renderReport({ history, findings, meta }: Report): string {
  const read = readHistory(history)
  const verdict = findings.length === 0 ? 'valid' : 'invalid'
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>jepsen-lite: ${verdict.toUpperCase()}, seed ${meta.seed}</title>
<style>${part('piece.css')}${part('page.css')}</style>
</head>
<body class="${verdict}">
<main>
${headline(history, read, findings, meta)}
${violationsSection(history, findings)}
<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">What happened</h2>
<div class="tools">
<span id="range" class="quiet" aria-live="polite"></span>
<button type="button" data-zoom="0.5" aria-label="zoom in">+</button>
<button type="button" data-zoom="2" aria-label="zoom out">−</button>
<button type="button" data-zoom="0">all</button>
</div>
<div class="canvas"><canvas tabindex="0" role="img" aria-label="Timeline of nodes, faults and locks; the tables below have the numbers"></canvas><div id="tip" hidden></div></div>
<p class="quiet legend"><span class="key leads"></span>leads (term) <span class="key up"></span>up <span class="key paused"></span>paused <span class="key down"></span>down <span class="key fault"></span>a fault is in force. Times of <code>acquire</code> and <code>release</code>: line p50, dashed p99. Each bar of a lock is one hold, in the colour of its client. Drag to move, pinch or Ctrl + wheel to zoom.</p>
<noscript><p>The timeline needs JavaScript; all numbers are in the tables.</p></noscript>
</section>
${faultsSection(history, meta)}
${gapsSection(history)}
${registersSection(read)}
${operationsSection(read)}
${replaySection(history, meta)}
</main>
<script type="application/json" id="chronicle">${embedded(chronicleOf(history, read))}</script>
<script>${part('timeline.js')}</script>
<script>${part('moves.js')}</script>
</body>
</html>
`
  return page.text
}
