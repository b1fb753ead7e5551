/**
 * `npm run release:check`: what must hold before a version is published (docs/operations/release.md). Writes the bill of
 * materials into `release/`. Ends with 1 if anything is wrong.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { createTnl } from '../src/cli/tnl/tnl-command.js'
import { digestOfSources, keptDigest, ROOT } from './chart/charts.js'
import {
  checkChangelog,
  checkCommands,
  checkLicences,
  checkPackage,
  checkProvenance,
  checkRepository,
  checkVersion,
  type Packed,
  type Problems,
  type Sbom,
} from './release/checks.js'

const OUTPUT_MAX_BYTES = 64 * 1024 * 1024

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const said = (file: string, ...words: readonly string[]): string =>
  execFileSync(file, words, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: OUTPUT_MAX_BYTES,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
const lines = (output: string): readonly string[] => output.split('\n').filter((line) => line !== '')

const manifest = JSON.parse(text('package.json'))
const version: string = manifest.version
const chart = parse(text('deploy/helm/tcpnetlock/Chart.yaml'))
const operations = readdirSync(join(ROOT, 'docs/operations')).map((name) => `docs/operations/${name}`)
const pages = ['README.md', ...operations]

const sbom: Sbom = JSON.parse(said('npm', 'sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'))
// npm takes the name of the folder that it runs in.
sbom.metadata.component.name = manifest.name
const [packed]: readonly Packed[] = JSON.parse(said('npm', 'pack', '--dry-run', '--json', '--ignore-scripts'))

const checks: readonly (readonly [string, Problems])[] = [
  [
    'version',
    checkVersion({
      ...{ manifest: version, lockFile: JSON.parse(text('package-lock.json')).version },
      ...{ chart: String(chart.version), chartApp: String(chart.appVersion) },
    }),
  ],
  ['changelog', checkChangelog(text('CHANGELOG.md'), version, new Date().toISOString().slice(0, 10))],
  ['repository', checkRepository(version, lines(said('git', 'tag')), lines(said('git', 'status', '--porcelain')))],
  [`licences of ${sbom.components.length} packages`, checkLicences(sbom)],
  ['package', packed === undefined ? ['npm packs nothing'] : checkPackage(packed, manifest.bin)],
  ['provenance', checkProvenance(manifest)],
  ['chart', keptDigest() === digestOfSources() ? [] : ['its renderings are of an older chart: npm run chart']],
  ['commands', pages.flatMap((page) => checkCommands(page, text(page), createTnl(), Object.keys(manifest.scripts)))],
]

const bill = join(ROOT, 'release', `tcpnetlock-${version}.cdx.json`)
mkdirSync(join(ROOT, 'release'), { recursive: true })
writeFileSync(bill, `${JSON.stringify(sbom, null, 2)}\n`)

for (const [subject, problems] of checks) {
  console.log(`${problems.length === 0 ? 'ok ' : 'NOT'}  ${subject}`)
  for (const problem of problems) console.log(`       ${problem}`)
}
console.log(`the bill of materials: ${bill}`)
const failed = checks.filter(([, problems]) => problems.length > 0).length
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
