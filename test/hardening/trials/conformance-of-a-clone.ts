import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Trial } from '../trial.js'

const COMMAND = join(import.meta.dirname, '..', '..', 'scenarios', 'conformance.ts')

/** Without etcd's files nobody may take the run for a whole one. */
export const trial: Trial = {
  name: 'conformance-of-a-clone',
  expected: "without etcd's files: says that they were not run and how to get them, status 3; with --own 0",
  inShortForm: true,
  async run() {
    const nothing = mkdtempSync(join(tmpdir(), 'nothing-'))
    const run = (...words: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', COMMAND, ...words], {
        encoding: 'utf8',
        env: { ...process.env, ETCD_RAFT_TESTDATA: nothing },
      })
    const whole = run()
    const own = run('--own')
    const says =
      /NOT RUN: .*interaction, quorum, confchange/.test(whole.stdout) && whole.stdout.includes('go mod download')
    const counts = /our own: (\d+) passed/.exec(own.stdout)?.[1] ?? 'none'
    return {
      ok: says && whole.status === 3 && own.status === 0 && Number(counts) > 0,
      seen: `${says ? 'says so' : 'says nothing'}, status ${whole.status}; --own: ${counts} passed, status ${own.status}`,
    }
  },
}
