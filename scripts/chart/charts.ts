/**
 * What `helm template` makes of the chart, for a matrix of values. It is kept in the repository, so that tests can look at it
 * where there is no helm; the digest of what it was made from tells them whether it is still what helm would say.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const CHART = join(ROOT, 'deploy/helm/tcpnetlock')
const FILES = join(CHART, 'files')
export const VALUES = join(ROOT, 'test/deploy/values')
export const RENDERED = join(ROOT, 'test/deploy/rendered')
export const DIGEST = join(RENDERED, 'made-from.sha256')
const OWN_HELM = join(ROOT, 'node_modules/.cache/helm/helm')

/** Whatever version this helm takes for the current one. */
export const KUBERNETES = ['--kube-version', '1.34.0'] as const

export interface Rendering {
  /** Of the file of values. */
  readonly name: string
  readonly values: string
  /** What helm says is kept here. */
  readonly file: string
  readonly release: string
  readonly namespace: string
  readonly isPlain: boolean
}

/** The manifest for those who have no helm. */
const PLAIN: Rendering = {
  name: 'kubernetes',
  values: join(ROOT, 'deploy/kubernetes.values.yaml'),
  file: join(ROOT, 'deploy/kubernetes.yaml'),
  release: 'tcpnetlock',
  namespace: 'default',
  isPlain: true,
}

export function renderings(): readonly Rendering[] {
  const names = readdirSync(VALUES).map((file) => file.replace(/\.yaml$/, ''))
  const matrix = names.sort().map((name) => ({
    ...{ name, values: join(VALUES, `${name}.yaml`), file: join(RENDERED, `${name}.yaml`) },
    ...{ release: 'locks', namespace: 'prod', isPlain: false },
  }))
  return [PLAIN, ...matrix]
}

/** The helm of this machine, or the one that `npm run chart -- --install` has made; null: there is none. */
export function findHelm(environment: NodeJS.ProcessEnv = process.env): string | null {
  const candidates = [environment.HELM || 'helm', OWN_HELM]
  return candidates.find((helm) => spawnSync(helm, ['version', '--short']).status === 0) ?? null
}

export const installedHelm = (): string => OWN_HELM

/** What is kept: all that helm says but for the files that the chart brings along, which have lives of their own. */
export function render(helm: string, rendering: Rendering): string {
  const text = renderWhole(helm, rendering)
  const documents = text.split(/^(?=---$)/m).map((each) => {
    const [, beginning] = /^([\s\S]*?\nkind: PrometheusRule\n[\s\S]*?\nspec:)\n/.exec(each) ?? []
    const [, map] = /^([\s\S]*?\n {2}name: \S+-dashboard\n[\s\S]*?\ndata:)\n/.exec(each) ?? []
    const kept = beginning ?? map
    return kept === undefined ? each : `${kept} {} # a file of the chart\n`
  })
  return documents.join('')
}

/** What helm says; throws its words if it refuses. */
export function renderWhole(helm: string, { values, release, namespace, isPlain }: Rendering): string {
  const words = ['template', release, CHART, ...KUBERNETES, '--namespace', namespace, '--values', values]
  const { status, stdout, stderr } = spawnSync(helm, isPlain ? [...words, '--skip-tests'] : words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.trim())
  return isPlain ? plain(stdout) : stdout
}

const PLAIN_HEADER = `# A cluster of three in Kubernetes: \`kubectl apply -f deploy/kubernetes.yaml\`. Clients in the same namespace connect to
# \`tcpnetlock:7654\`, which is whichever node is ready. Made from the chart in deploy/helm by \`npm run chart\`: do not edit it,
# take the chart if you want anything else.
`

/** Without what only helm needs to know. */
function plain(text: string): string {
  const kept = text
    .split('\n')
    .filter((line) => !/^\s*(?:helm\.sh\/chart:|app\.kubernetes\.io\/managed-by:|# Source:)/.test(line))
  return PLAIN_HEADER + kept.join('\n')
}

/** Of everything that what is kept is made from. */
export function digestOfSources(): string {
  const hash = createHash('sha256')
  const files = readdirSync(CHART, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const file of [...files, ...renderings().map(({ values }) => values)].sort()) {
    if (file.startsWith(FILES)) continue
    hash.update(`${relative(ROOT, file)}\0${readFileSync(file, 'utf8')}\0`)
  }
  return hash.digest('hex')
}

export const keptDigest = (): string => (existsSync(DIGEST) ? readFileSync(DIGEST, 'utf8').trim() : '')
