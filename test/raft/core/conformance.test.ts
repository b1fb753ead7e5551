import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run as runConfChange } from '../../scenarios/confchange-runner.js'
import type { RunResult } from '../../scenarios/datadriven.js'
import { etcdFiles, scenarioFiles } from '../../scenarios/etcd-files.js'
import { run as runInteraction, runOwn } from '../../scenarios/interaction-runner.js'
import { run as runQuorum } from '../../scenarios/quorum-runner.js'

function check(files: readonly string[], run: (path: string) => RunResult): void {
  it.each(files.map((path) => [basename(path), path]))('%s', (_, path) => {
    const result = run(path)
    expect(result.failed).toEqual([])
    expect(result.passed).toBeGreaterThan(0)
  })
}

// etcd's files are data that lies beside the repository, not in it; where they are absent, npm run conformance says so.
describe.runIf(etcdFiles('interaction').length > 0)('etcd scenarios', () => {
  check(etcdFiles('interaction'), runInteraction)
  check(etcdFiles('quorum'), runQuorum)
  check(etcdFiles('confchange'), runConfChange)
})

describe('own scenarios', () => {
  check(scenarioFiles(join(import.meta.dirname, '..', '..', 'scenarios', 'own')), runOwn)
})
