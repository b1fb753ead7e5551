/**
 * Runs all scenario files, etcd's and the project's own, and says where an output differs. etcd's files are expected in
 * ../shared/etcd-raft or where ETCD_RAFT_TESTDATA says. Exit status 1 on a failure.
 */
import { join } from 'node:path'
import { run as runConfChange } from './confchange-runner.js'
import type { CaseResult, RunResult } from './datadriven.js'
import { etcdDirectory, etcdFiles, scenarioFiles } from './etcd-files.js'
import { run as runInteraction, runOwn } from './interaction-runner.js'
import { run as runQuorum } from './quorum-runner.js'

function main(): void {
  const etcd = [
    ...etcdFiles('interaction').map(runInteraction),
    ...etcdFiles('quorum').map(runQuorum),
    ...etcdFiles('confchange').map(runConfChange),
  ]
  const own = scenarioFiles(join(import.meta.dirname, 'own')).map(runOwn)

  if (etcd.length === 0) print(`no scenario files of etcd in ${etcdDirectory()}: only the project's own`)
  else report('etcd', etcd)
  report('own', own)

  const results = [...etcd, ...own]
  const failed = results.filter(isFailed).length
  print(`${results.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
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

main()
