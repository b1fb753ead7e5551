/** The Helm chart by helm itself, where it is: that it renders to what is kept, and what it refuses. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import {
  CHART,
  findHelm,
  KUBERNETES,
  ROOT,
  render,
  renderings,
  renderWhole,
  VALUES,
} from '../../scripts/chart/charts.js'
import { find, parseManifests } from '../kit/pods.js'

const HELM_TIMEOUT_MS = 120_000
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const helm = findHelm() ?? ''
if (helm === '') console.warn('SKIPPED: helm is not here (npm run chart -- --install), so nothing is rendered anew')

describe.runIf(helm !== '')('helm', { timeout: HELM_TIMEOUT_MS }, () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-chart-'))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  const run = (...words: readonly string[]): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync(helm, words, { encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }
  const rendersTo = (values: string): { status: number | null; said: string } => {
    const file = join(dir, 'values.yaml')
    writeFileSync(file, values)
    return run('template', 'locks', CHART, ...KUBERNETES, '--namespace', 'prod', '--values', file)
  }

  it.each(renderings())('makes of $name what is kept', (rendering) => {
    expect(render(helm, rendering)).toBe(readFileSync(rendering.file, 'utf8'))
  })

  const most = renderings().filter(({ name }) => ['secured', 'everything'].includes(name))
  it.each(most)('finds nothing wrong with $name (lint)', ({ values }) => {
    const { status, said } = run('lint', '--strict', CHART, ...KUBERNETES, '--values', values)
    expect({ status, said: status === 0 ? '' : said }).toEqual({ status: 0, said: '' })
  })

  it('brings the alert rules, for this release alone, and the dashboard', () => {
    const secured = renderings().filter(({ name }) => name === 'secured')
    const resources = secured.flatMap((rendering) => parseManifests(renderWhole(helm, rendering)))
    const source = text('deploy/helm/tcpnetlock/files/alerts.yaml')
    const { groups } = parse(source.replaceAll('job="tcpnetlock"', 'namespace="prod",job="locks"'))
    expect(find(resources, 'PrometheusRule').spec.groups).toEqual(groups)
    expect(JSON.stringify(groups)).not.toContain('job=\\"tcpnetlock\\"')
    const { data } = find(resources, 'ConfigMap', 'locks-tcpnetlock-dashboard')
    expect(JSON.parse(data?.['tcpnetlock.json'] ?? '')).toEqual(
      JSON.parse(text('deploy/helm/tcpnetlock/files/dashboard.json')),
    )
  })

  it('takes every value that docs/operations/kubernetes.md sets, as it stands there', () => {
    const page = text('docs/operations/kubernetes.md').replaceAll(/ \\\n\s*/g, ' ')
    const commands = page.match(/^ {4}helm (?:install|upgrade) locks deploy.*$/gm) ?? []
    expect(commands.length).toBeGreaterThan(3)
    for (const command of commands) {
      const set = [...command.matchAll(/--set (?:'([^']*)'|(\S+))/g)].flatMap(([, quoted, bare]) => [
        '--set',
        quoted ?? bare ?? '',
      ])
      const { status, said } = run('template', 'locks', CHART, ...KUBERNETES, ...set)
      expect({ command, status, said: status === 0 ? '' : said }).toEqual({ command, status: 0, said: '' })
    }
    // And every one that it names.
    const known = (path: string): boolean => {
      let value: unknown = parse(text('deploy/helm/tcpnetlock/values.yaml'))
      for (const key of path.split('.')) {
        if (value === null || typeof value !== 'object') return false
        if (path.startsWith('config.') && key !== 'config') return true
        value = (value as Record<string, unknown>)[key]
      }
      return value !== undefined
    }
    const named = [...page.matchAll(/`(?:--set )?([a-z]\w*(?:\.\w+)+)(?:=[^`]*)?`/g)].map(([, path = '']) => path)
    const values = named.filter((path) => !/\.(?:ya?ml|md|sh|crt|key)$/.test(path))
    expect(values.length).toBeGreaterThan(8)
    expect(values.filter((path) => !known(path))).toEqual([])
  })

  it('tells who installs what to do next', () => {
    // `helm template` leaves the notes out: a copy of the chart says them in a manifest.
    const chart = join(dir, 'tcpnetlock')
    cpSync(CHART, chart, { recursive: true })
    const said = `{{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}`
    writeFileSync(join(chart, 'templates/notes.yaml'), `kind: Notes\nmetadata: { name: notes }\nnotes: ${said}\n`)
    const words = [...KUBERNETES, '--namespace', 'prod', '--show-only', 'templates/notes.yaml']
    const notesOf = (name: string): string => {
      const { status, said: text } = run('template', 'locks', chart, ...words, '--values', join(VALUES, `${name}.yaml`))
      expect({ status, text: status === 0 ? '' : text }).toEqual({ status: 0, text: '' })
      return parse(text).notes
    }
    const grown = notesOf('grown')
    expect(grown).toContain(
      'exec locks-tcpnetlock-0 -- tnl members add locks-tcpnetlock-4 locks-tcpnetlock-4.locks-tcpnetlock-peers:7655',
    )
    expect(grown).toContain('There are no accounts')
    expect(notesOf('secured')).not.toContain('There are no accounts')
    expect(notesOf('trial')).toMatch(/^1 node, [\s\S]*WARNING: no volumes/)
  })

  it.each([
    ['replicaCont: 5', /replicaCont/],
    ['replicaCount: 0', /replicaCount/],
    ['replicaCount: "3"', /replicaCount/],
    ['image: { pullPolicy: Sometimes }', /pullPolicy/],
    ['image: { digest: "sha256:12" }', /digest/],
    ['config: { leese: 10 }', /'leese'/],
    ['config: { node-id: n1 }', /'node-id'/],
    ['config: { lease: { seconds: 10 } }', /lease/],
    ['podAntiAffinityPreset: strict', /podAntiAffinityPreset/],
    ['persistence: { size: much }', /size/],
    ['cluster: { initialReplicas: 5 }', /cluster\.initialReplicas is more than replicaCount/],
    ['tls: { enabled: true }', /tls\.enabled needs tls\.existingSecret or tls\.certManager/],
    ['tls: { certManager: { enabled: true } }', /needs tls\.enabled/],
    ['tls: { enabled: true, certManager: { enabled: true } }', /issuerRef\.name/],
    ['tls: { enabled: true, existingSecret: x }\nauth: { enabled: true }', /auth\.existingSecret or auth\.policy/],
    ['auth: { enabled: true, existingSecret: x }', /auth\.enabled without tls\.enabled/],
    ['backup: { enabled: true }', /backup\.enabled needs auth\.enabled, or config\.allow-admin/],
    [
      'tls: { enabled: true, existingSecret: x }\nauth: { enabled: true, existingSecret: x }\nbackup: { enabled: true }',
      /backup\.tokenSecret\.name/,
    ],
  ])('refuses %s and says why', (values, why) => {
    const { status, said } = rendersTo(values)
    expect(status).not.toBe(0)
    expect(said).toMatch(why)
  })
})
