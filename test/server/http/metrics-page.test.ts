/** docs/metrics.md, the alert rules and the Grafana dashboard speak of what a node exports, and of nothing else. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { HOLD_ENDS } from '../../../src/locks/state/standing.js'
import { addAccessMetrics } from '../../../src/server/http/access-metrics.js'
import { LockMetrics } from '../../../src/server/http/lock-metrics.js'
import { addTlsMetrics } from '../../../src/server/tls/tls-metrics.js'
import { REFUSALS } from '../../../src/service/lock-observer.js'
import { serverMetrics } from '../../kit/server-metrics.js'
import { statusSources } from '../../kit/status-sources.js'

const ROOT = join(import.meta.dirname, '../../..')
const RULES = join(ROOT, 'deploy/helm/tcpnetlock/files')
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const PAGE = text('docs/metrics.md')

interface Shown {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

/** What a node shows: all of it is registered when it starts, whether or not anything has happened yet. */
function exported(): Shown[] {
  const registry = new Registry()
  const locks = new LockMetrics({ registry, prefixes: [], wallNow: () => 0 })
  const event = { kind: 'event', index: 1, place: 0, name: 'x', token: 1, holder: '', sinceWallMs: 0 } as const
  locks.event({ ...event, type: 'granted', how: null })
  locks.event({ ...event, type: 'lost', how: 'ttl' })
  locks.refused('x', 'held')
  void locks.survey({
    begin: (visitor) => {
      visitor.visit({
        name: 'x',
        waiters: 1,
        sinceWallMs: 0,
        waiter: '',
        holder: '',
        token: 0,
        heldSinceWallMs: 0,
        holdCount: 0,
      })
      visitor.end()
    },
  })
  serverMetrics(statusSources(), {}, registry)
  const none = () => 0
  const counts = { authFileFailures: none, failedAttempts: none, lostAuditLines: none }
  addAccessMetrics(registry, { authHash: () => null, isAuthFileBad: () => false, ...counts })
  addTlsMetrics(registry, { clients: null, peers: null, failedCounts: { client: 0, http: 0, peer: 0 } })
  return registry.getMetricsAsArray().map((metric) => {
    const { name, type, labelNames = [] } = metric as unknown as Shown & { readonly labelNames?: readonly string[] }
    return { name, type, labels: labelNames }
  })
}

const own = exported().filter(({ name }) => name.startsWith('tnl_'))

/** The names that can stand in an expression. */
const names = new Set(
  exported().flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
)
const namedIn = (expression: string): string[] => {
  const found = [...expression.matchAll(/\b(?:tnl|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name)
  return [...new Set(found)]
}

describe('docs/metrics.md', () => {
  it('has a row for every metric of ours, with its type and labels, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| `(tnl_\w+)` \| (\w+) \| ([^|]*)\| (cluster|leader|node) \|/gm)]
    const listed = rows.map(([, name = '', type = '', labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
    }))
    const sorted = (all: readonly Shown[]) => [...all].sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(sorted(listed)).toEqual(sorted(own))
    expect(own.length).toBeGreaterThan(20)
  })

  it('names those of the process', () => {
    const others = exported()
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('tnl_'))
    expect(others.filter((name) => !PAGE.includes(`\`${name}\``))).toEqual([])
  })

  it('names every reason of a refusal and of a loss', () => {
    const row = (name: string): string => PAGE.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? ''
    expect(REFUSALS.filter((reason) => !row('tnl_refusals_total').includes(`\`${reason}\``))).toEqual([])
    const losses = HOLD_ENDS.filter((how) => row('tnl_losses_total').includes(`\`${how}\``))
    expect(losses).toEqual(['expired', 'node-lost', 'ttl', 'forced'])
  })
})

interface Rule {
  readonly alert: string
  readonly expr: string
}

interface AlertTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[]
  }[]
}

describe('the alert rules', () => {
  const { groups }: { groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
    text('deploy/helm/tcpnetlock/files/alerts.yaml'),
  )
  const rules = groups.flatMap((group) => group.rules)

  it('name metrics that there are', () => {
    expect(rules.length).toBeGreaterThan(10)
    for (const { alert, expr } of rules) {
      const named = namedIn(expr)
      expect(named.length + (expr.includes('up{') ? 1 : 0), alert).toBeGreaterThan(0)
      expect(
        named.filter((name) => !names.has(name)),
        alert,
      ).toEqual([])
    }
  })

  it('are each tested, both when they fire and when they do not', () => {
    const { tests }: AlertTests = parse(text('deploy/helm/tcpnetlock/files/alerts.test.yaml'))
    const tried = tests.flatMap(({ alert_rule_test: each }) => each)
    for (const { alert } of rules) {
      const outcomes = tried
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts: fired }) => fired.length > 0)
      expect(outcomes, alert).toEqual(expect.arrayContaining([true, false]))
    }
  })

  const promtool = process.env.TNL_PROMTOOL ?? 'promtool'
  /** A program of 50 MB, which a busy machine takes its time to load. */
  const PROMTOOL_MAX_MS = 120_000
  const isThere = spawnSync(promtool, ['--version']).status === 0
  if (!isThere) console.warn('SKIPPED: promtool is not here (Debian: prometheus), so the alert rules are not run')

  it.runIf(isThere)(
    'do what their tests say (promtool)',
    () => {
      for (const words of [
        ['check', 'rules', 'alerts.yaml'],
        ['test', 'rules', 'alerts.test.yaml'],
      ]) {
        const { status, stdout, stderr } = spawnSync(promtool, words, { cwd: RULES, encoding: 'utf8' })
        expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' })
      }
    },
    PROMTOOL_MAX_MS,
  )
})

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}

describe('the Grafana dashboard', () => {
  const dashboard: { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly object[] } } =
    JSON.parse(text('deploy/helm/tcpnetlock/files/dashboard.json'))

  it('asks for metrics that there are, in every panel', () => {
    for (const { title, type, targets = [] } of dashboard.panels) {
      if (type === 'row') continue
      expect(targets.length, title).toBeGreaterThan(0)
      for (const { expr } of targets) {
        expect(namedIn(expr).length, expr).toBeGreaterThan(0)
        expect(
          namedIn(expr).filter((name) => !names.has(name)),
          expr,
        ).toEqual([])
      }
    }
    expect(namedIn(JSON.stringify(dashboard.templating)).filter((name) => !names.has(name))).toEqual([])
  })

  it('shows every metric of locks, in panels that do not lie on each other', () => {
    const asked = new Set(dashboard.panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => namedIn(expr))))
    const labelled = own.filter(({ labels }) => labels.includes('prefix'))
    const isAsked = (name: string): boolean => [...asked].some((each) => each.startsWith(name))
    expect(labelled.filter(({ name }) => !isAsked(name))).toEqual([])
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true)
  })
})
