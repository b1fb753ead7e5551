/**
 * `npm run mutation`: changes the sources in every small way that a mutation tool knows, and says which changes no unit
 * test notices. Hours for all of it; `npm run mutation -- src/client/session/local-lease.ts` for a part.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTable } from '../../src/cli/shared/table.js'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..', '..')
const STRYKER = join(HERE, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')
const REPORT = join(ROOT, 'test-results', 'mutation', 'report.json')
const FOLDERS = ['src/protocol', 'src/client', 'src/cli', 'src/service', 'src/server', 'src/raft/net', 'src/raft/node']
const HELP = `Usage: npm run mutation -- [--tests FILE,FILE...] [FILE|FOLDER...]

Without names: ${FOLDERS.join(', ')}. Takes hours; a file takes minutes.
--tests         only these tests, instead of all unit tests that load a changed file: faster, and the score is no more
                than a lower bound
A table for the evidence comes last; test-results/mutation/report.html shows each change that survived.
`

interface Mutant {
  readonly status: string
  readonly location: { readonly start: { readonly line: number } }
  readonly mutatorName: string
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>
}

/** The tool is installed apart, when it is used first: 60 MB that nobody else needs. */
function install(): void {
  if (existsSync(STRYKER)) return
  const words = ['ci', '--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', words, { cwd: HERE, stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}

const pattern = (path: string): string => (path.endsWith('.ts') ? path : `${path.replace(/\/$/, '')}/**/*.ts`)

/** Killed counts a change at which a test failed or did not end; uncovered, one that no test even reaches. */
function rowOf(file: string, mutants: readonly Mutant[]): string[] {
  const count = (...statuses: string[]) => mutants.filter(({ status }) => statuses.includes(status)).length
  const killed = count('Killed', 'Timeout')
  const survived = count('Survived')
  const uncovered = count('NoCoverage')
  const valid = killed + survived + uncovered
  const score = valid === 0 ? '' : `${((100 * killed) / valid).toFixed(0)} %`
  return [relative(ROOT, join(ROOT, file)), ...[valid, killed, survived, uncovered].map(String), score]
}

function main(): void {
  const options = { help: { type: 'boolean', default: false }, tests: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  install()
  if (values.tests !== undefined) process.env.MUTATION_TESTS = values.tests.replaceAll(',', ' ')
  const mutate = (positionals.length > 0 ? positionals : FOLDERS).map(pattern).join(',')
  const command = [STRYKER, 'run', 'scripts/mutation/stryker.config.json', '--mutate', mutate]
  const { status } = spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  const { files } = JSON.parse(readFileSync(REPORT, 'utf8')) as Report
  const all = Object.values(files).flatMap(({ mutants }) => mutants)
  const rows = Object.entries(files).map(([file, { mutants }]) => rowOf(file, mutants))
  const head = ['FILE', 'CHANGES', 'KILLED', 'SURVIVED', 'NOT REACHED', 'SCORE']
  process.stdout.write(`\n${formatTable([head, ...rows, rowOf('all', all)])}\n`)
}

main()
