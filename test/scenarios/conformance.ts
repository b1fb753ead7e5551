/**
 * Runs all scenario files, etcd's and the project's own, and says where an output differs. etcd's files are expected in
 * ../shared/etcd-raft or where ETCD_RAFT_TESTDATA says. Exit status: 0 all passed, 1 a file failed, 3 what is there
 * passed, but files of etcd are missing; `--own` asks for no more than the project's own.
 */
import { join } from 'node:path'
import { run as runConfChange } from './confchange-runner.js'
import type { CaseResult, RunResult } from './datadriven.js'
import { etcdDirectory, etcdFiles, HOW_TO_GET_THEM, missingKinds, scenarioFiles } from './etcd-files.js'
import { run as runInteraction, runOwn } from './interaction-runner.js'
import { run as runQuorum } from './quorum-runner.js'

const FAILED = 1
const INCOMPLETE = 3

function main(words: readonly string[]): void {
  const ownOnly = words.includes('--own')
  const etcd = ownOnly
    ? []
    : [
        ...etcdFiles('interaction').map(runInteraction),
        ...etcdFiles('quorum').map(runQuorum),
        ...etcdFiles('confchange').map(runConfChange),
      ]
  const own = scenarioFiles(join(import.meta.dirname, 'own')).map(runOwn)
  report('etcd', etcd)
  report('own', own)

  const missing = ownOnly ? [] : missingKinds()
  if (missing.length > 0) {
    const what = `etcd's scenario files (${missing.join(', ')}) are not in ${etcdDirectory()}`
    print(`\nNOT RUN: ${what}.\n${HOW_TO_GET_THEM}\nnpm run conformance -- --own does without them.\n`)
  }
  const results = [...etcd, ...own]
  const failed = results.filter(isFailed).length
  print(`etcd's files: ${tally(etcd)}; our own: ${tally(own)}`)
  print(`${results.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = FAILED
  else if (missing.length > 0) process.exitCode = INCOMPLETE
}

function tally(results: readonly RunResult[]): string {
  return results.length === 0 ? 'not run' : `${results.filter((result) => !isFailed(result)).length} passed`
}

function report(title: string, results: readonly RunResult[]): void {
  for (const result of results) {
    const cases = result.passed + result.failed.length
    print(`${isFailed(result) ? 'FAIL' : 'ok  '} ${title} ${result.name} (${cases} cases)`)
    result.failed.forEach(explain)
  }
}

function isFailed({ failed, passed }: RunResult): boolean {
  return failed.length > 0 || passed === 0
}

function explain({ file, line, cmd, expected, actual }: CaseResult): void {
  print(`${file}:${line}: ${cmd}\n--- expected\n${expected}--- actual\n${actual}---`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

main(process.argv.slice(2))
