/** What `npm run release:check` must not let pass, and what it must. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/chart/charts.js'
import {
  checkChangelog,
  checkCommands,
  checkLicences,
  checkPackage,
  checkProvenance,
  checkRepository,
  checkVersion,
  type Sbom,
} from '../../scripts/release/checks.js'
import { createTnl } from '../../src/cli/tnl/tnl-command.js'

const TODAY = '2026-11-26'

describe('version', () => {
  const versions = { manifest: '1.2.3', lockFile: '1.2.3', chart: '1.2.3', chartApp: '1.2.3' }

  it('is one, everywhere', () => {
    expect(checkVersion(versions)).toEqual([])
    expect(checkVersion({ ...versions, manifest: '1.2.3-dev' })).toContain(
      'package.json: 1.2.3-dev is no version to release',
    )
    for (const key of ['lockFile', 'chart', 'chartApp'] as const) {
      expect(checkVersion({ ...versions, [key]: '1.2.2' })).toEqual([
        expect.stringMatching(/says 1\.2\.2, package\.json 1\.2\.3/),
      ])
    }
  })
})

describe('changelog', () => {
  it.each([
    [`# Changelog\n\n## 1.2.3 – ${TODAY}\n\n## 1.2.2 – 2026-01-01\n`, 0],
    [`# Changelog\n\n## 1.2.3 – 2026-11-25\n`, 0],
    [`# Changelog\n\n## Unreleased: 1.2.3\n\n## 1.2.2 – 2026-01-01\n`, 1],
    [`# Changelog\n\n## Unreleased: 1.2.4\n\n## 1.2.3 – ${TODAY}\n`, 1],
    [`# Changelog\n\n## 1.2.2 – ${TODAY}\n`, 1],
    [`# Changelog\n\n## 1.2.3 – 2027-01-01\n`, 1],
    [`# Changelog\n\n## 1.2.3\n`, 1],
    ['', 1],
  ])('%j: %i', (text, problems) => {
    expect(checkChangelog(text, '1.2.3', TODAY)).toHaveLength(problems)
  })
})

it('the tag is free and everything is committed', () => {
  expect(checkRepository('1.2.3', ['v1.2.2', 'v1.2.30'], [])).toEqual([])
  expect(checkRepository('1.2.3', ['v1.2.3'], [])).toEqual(['the tag v1.2.3 is taken'])
  expect(checkRepository('1.2.3', [], [' M README.md'])).toEqual(['not committed:  M README.md'])
})

it('licences are known and permit it', () => {
  const bill = (...licenses: readonly object[]): Sbom => ({
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'tcpnetlock', version: '1.2.3' } },
    components: [{ name: 'x', version: '1.0.0', licenses }],
  })
  expect(checkLicences(bill({ license: { id: 'MIT' } }))).toEqual([])
  expect(checkLicences(bill({ license: { id: 'MIT' } }, { license: { id: 'GPL-3.0-only' } }))).toHaveLength(1)
  expect(checkLicences(bill({ expression: 'MIT OR GPL-3.0-only' }))).toEqual([expect.stringMatching(/^x 1\.0\.0: /)])
  expect(checkLicences(bill({ license: { name: 'SEE LICENSE IN x' } }))).toHaveLength(1)
  expect(checkLicences(bill())).toEqual(['x 1.0.0: licence unknown; may we pass it on?'])
})

describe('package', () => {
  const programs = { tnl: 'dist/cli/tnl.js', 'tnl-do': 'bin/tnl-do' }
  const file = (path: string, mode = 0o644): { path: string; mode: number } => ({ path, mode })
  const whole = [
    ...['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'dist/cli/tnl.js', 'dist/cli/tnl.d.ts'].map((path) =>
      file(path),
    ),
    ...[file('dist/cli/THIRD-PARTY-LICENSES.txt'), file('bin/tnl-do', 0o755)],
  ]
  const check = (files: readonly { path: string; mode: number }[], size = 1): readonly string[] =>
    checkPackage({ files, size }, programs)

  it('has what it should, and no more', () => {
    expect(check(whole)).toEqual([])
    expect(check([...whole, file('src/cli/tnl.ts')])).toEqual(['the package would have src/cli/tnl.ts'])
    expect(check([...whole, file('dist/.built')])).toEqual(['the package would have dist/.built'])
    for (const lost of ['dist/cli/tnl.js', 'LICENSE', 'dist/cli/THIRD-PARTY-LICENSES.txt']) {
      expect(check(whole.filter(({ path }) => path !== lost))).toEqual([`the package lacks ${lost}`])
    }
    expect(check([...whole.slice(0, -1), file('bin/tnl-do')])).toEqual(['bin/tnl-do is not executable'])
    expect(check(whole, 3_000_000)).toHaveLength(1)
  })
})

it('provenance needs a place', () => {
  const publishConfig = { access: 'public', provenance: true }
  expect(checkProvenance({ publishConfig, repository: { url: 'git+ssh://example.com/x.git' } })).toEqual([])
  expect(checkProvenance({ publishConfig })).toHaveLength(1)
  expect(checkProvenance({ repository: 'x' })).toHaveLength(1)
})

describe('commands', () => {
  const scripts = ['test', 'chart']
  const check = (text: string): readonly string[] => checkCommands('page', text, createTnl(), scripts)

  it('are there', () => {
    expect(
      check('    tnl status\n    tnl members add n4 h:1\n`tnl lock KEY`, `npm run chart`, `tnl who db/x`'),
    ).toEqual([])
    expect(check('    tnl stauts')).toEqual(['page: there is no tnl stauts'])
    expect(check('kubectl exec x -- tnl membres')).toEqual(['page: there is no tnl membres'])
    expect(check('`tnl members ad n4`')).toEqual(['page: there is no tnl members ad'])
    expect(check('run `npm run -s charts`')).toEqual(['page: there is no npm run charts'])
  })

  const operations = readdirSync(join(ROOT, 'docs/operations')).map((name) => `docs/operations/${name}`)
  it.each(['README.md', ...operations])('of %s all are', (page) => {
    const { scripts: own } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const text = readFileSync(join(ROOT, page), 'utf8')
    expect(checkCommands(page, text, createTnl(), Object.keys(own))).toEqual([])
  })
})
