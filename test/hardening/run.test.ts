import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { groupRuns } from '../kit/program.js'
import { runIsolated } from './isolation.js'

const FIXTURES = join(import.meta.dirname, 'fixtures')

function hardening(...words: string[]) {
  const command = ['--import', 'tsx', join(import.meta.dirname, 'run.ts'), '--folder', FIXTURES, ...words]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { status, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}

it('goes on after a failed trial, and its last line and its status say how many failed', () => {
  const { status, stdout, lines } = hardening('--short')
  expect(lines.at(-1)).toBe('1 passed, 3 failed')
  expect(status).toBe(1)
  expect(stdout).toMatch(/^FAIL throws .*thrown on purpose$/m)
  expect(stdout).toMatch(/^FAIL misnamed .*calls itself other$/m)
  expect(stdout).toMatch(/^TRIAL +EXPECTED +SEEN/m)
  expect(stdout).not.toContain('long-one')
})

it('gives a trial an empty directory of its own, and clears away what it leaves there and running', () => {
  const { status, stdout } = hardening('--only', 'leaves-all')
  expect(status).toBe(0)
  expect(stdout).toContain('left running, and killed: sleep 1000')
  const [, pid = '', dir = ''] = /pid (\d+), dir (\S+)/.exec(stdout) ?? []
  expect(existsSync(dir)).toBe(false)
  expect(dir).not.toBe('')
  expect(groupRuns(Number(pid))).toBe(false)
  expect(hardening('--only', 'fails').stdout).toMatch(/long; \S+tnl-hardening-\S+: 0 files/)
})

it('runs named trials whatever their form', () => {
  const { status, stdout } = hardening('--short', '--only', 'long-one')
  expect(status).toBe(0)
  expect(stdout).toContain('ran short')
})

it('names an unknown trial and ends with 2', () => {
  const { status, stderr } = hardening('--only', 'nonsense')
  expect(status).toBe(2)
  expect(stderr).toContain('there is no nonsense')
})

it('ends a trial that takes too long', async () => {
  const file = join(FIXTURES, 'leaves-all.ts')
  const outcome = await runIsolated(file, 'short', 1, new AbortController().signal)
  expect(outcome).toMatchObject({ ok: false, seen: 'not over after 0.001 s' })
})
