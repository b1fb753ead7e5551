/**
 * `npm run chart`: writes deploy/kubernetes.yaml and test/deploy/rendered, as helm makes them from the chart.
 * `npm run chart -- --install` builds helm for that, with Go, into node_modules/.cache.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  CHART,
  DIGEST,
  digestOfSources,
  findHelm,
  installedHelm,
  KUBERNETES,
  render,
  renderings,
} from './chart/charts.js'

const HELM = 'helm.sh/helm/v3/cmd/helm@v3.22.0'

function install(): void {
  const folder = dirname(installedHelm())
  mkdirSync(folder, { recursive: true })
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' }
  // Otherwise it takes itself for one of the days of Kubernetes 1.20.
  const version = ['Major=1', 'Minor=34'].map((each) => `-X helm.sh/helm/v3/pkg/chartutil.k8sVersion${each}`)
  const { status, error } = spawnSync('go', ['install', '-ldflags', version.join(' '), HELM], { stdio: 'inherit', env })
  if (status !== 0) throw new Error(`go install ${HELM}: ${error?.message ?? `status ${status}`}`)
}

if (process.argv.includes('--install')) install()
const helm = findHelm()
if (helm === null) {
  console.error(
    'chart: there is no helm here: install it, name it in HELM, or build it with Go: npm run chart -- --install',
  )
  process.exit(2)
}
const { status, stdout } = spawnSync(helm, ['lint', '--strict', CHART, ...KUBERNETES], { encoding: 'utf8' })
if (status !== 0) {
  console.error(stdout)
  process.exit(1)
}
for (const rendering of renderings()) {
  mkdirSync(dirname(rendering.file), { recursive: true })
  writeFileSync(rendering.file, render(helm, rendering))
}
writeFileSync(DIGEST, `${digestOfSources()}\n`)
