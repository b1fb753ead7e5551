import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { checkLocks } from './checker/index.js'
import { readHistory } from './checker/operations.js'
import { plantedFaults } from './checker/planted-faults.js'
import { simulateHistory } from './checker/simulated-history.js'
import { type Chronicle, chronicleOf } from './report/chronicle.js'
import { html } from './report/html.js'
import { type ReportMeta, renderReport } from './report/report.js'

const meta: ReportMeta = {
  command: 'npm run jepsen-lite -- --seed 7',
  seed: 7,
  seconds: 20,
  clients: 8,
  nodes: 3,
  workloads: ['simulated'],
  startedAt: '2026-01-01T12:00:00.000Z',
  version: '0.0.0',
  leaseMs: 3_000,
  skipped: [{ name: 'disk-full', why: 'no <mount> here' }],
}
const history = simulateHistory({ seed: 7, seconds: 20, clients: 8, locks: 3 })

/** The page without its script. */
const contents = (page: string): string => page.slice(0, page.indexOf('<script>'))

const embeddedChronicle = (page: string): Chronicle => {
  const json = /<script type="application\/json" id="chronicle">(.*)<\/script>/.exec(page)?.[1]
  return JSON.parse(json ?? '') as Chronicle
}

describe('the report', () => {
  it('needs nothing but itself', () => {
    const page = renderReport({ history, findings: [], meta })
    expect(page).not.toMatch(/(?:src|href)="(?!#)|url\(|@import|https?:/)
  })

  it('says the verdict first', () => {
    const valid = renderReport({ history, findings: [], meta })
    expect(valid).toMatch(/<title>jepsen-lite: VALID, seed 7<\/title>/)
    expect(/<h1>.*<\/h1>/.exec(valid)?.[0]).toContain('Valid')
  })

  it('escapes what others wrote', () => {
    expect(renderReport({ history, findings: [], meta })).toContain('no &#60;mount&#62; here')
    expect(html`<b>${'<script>"\''}</b>`.text).toBe('<b>&#60;script&#62;&#34;&#39;</b>')
    const named = history.map((event) => ({ ...event, value: { ...event.value, name: '</script><script>' } }))
    expect(renderReport({ history: named, findings: [], meta }).match(/<\/script>/g)).toHaveLength(3)
  })

  it('shows the offending piece of every kind of violation', () => {
    for (const { what, foundBy, plant } of plantedFaults) {
      const wrong = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
        return plant(simulateHistory({ seed, seconds: 12, clients: 9, locks: 2 }), new SeededRandom(seed))
      })
      const planted = wrong.find((one) => one !== null)
      if (planted == null) throw new Error(`no occasion for: ${what}`)
      const page = renderReport({ history: planted, findings: checkLocks(planted), meta })
      expect(page, what).toContain(`<span class="check">${foundBy}</span>`)
      expect(page, what).toContain('<svg class="piece"')
      expect(contents(page), what).not.toMatch(/NaN|undefined|Infinity/)
    }
  })

  it('has an answer to an empty history', () => {
    const page = renderReport({ history: [], findings: [], meta })
    expect(contents(page)).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('stays small, however long the run', () => {
    const long = simulateHistory({ seed: 1, seconds: 900, clients: 20, locks: 12 })
    const page = renderReport({ history: long, findings: [], meta })
    expect(page.length).toBeLessThan(2_000_000)
    const { locks } = embeddedChronicle(page)
    const shown = locks.flatMap(({ holds }) => holds.map(([, , who = 0]) => Math.max(1, -who)))
    expect(shown.reduce((sum, count) => sum + count, 0)).toBe(readHistory(long).holds.length)
    expect(shown.length).toBeLessThan(readHistory(long).holds.length)
  })
})

describe('the timeline', () => {
  const { nodes, durationMs, locks } = chronicleOf(history, readHistory(history))

  it('has one leader at a time', () => {
    const terms = nodes.flatMap((node) => node.terms).sort((a, b) => a.from - b.from)
    expect(terms.length).toBeGreaterThan(2)
    for (const [index, { to }] of terms.entries()) expect(to).toBeLessThanOrEqual(terms[index + 1]?.from ?? durationMs)
  })

  it('knows the state of each node at each time', () => {
    for (const { states } of nodes) {
      expect(states[0]?.from).toBe(0)
      for (const [index, { to }] of states.entries()) expect(to).toBe(states[index + 1]?.from ?? durationMs)
    }
  })

  it('shows every hold, in order', () => {
    for (const { holds } of locks) expect(holds).toEqual(holds.toSorted(([a = 0], [b = 0]) => a - b))
    expect(locks.flatMap(({ holds }) => holds)).toHaveLength(readHistory(history).holds.length)
  })
})
