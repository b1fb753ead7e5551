import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../scripts/ensure-built.js', import.meta.url))

it('ensure-built leaves what a linked node_modules points to alone, and says what to do', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-built-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const others = join(dir, 'others')
  const clone = join(dir, 'clone')
  mkdirSync(others)
  mkdirSync(clone)
  writeFileSync(join(others, '.package-lock.json'), '{}')
  utimesSync(join(others, '.package-lock.json'), 0, 0)
  writeFileSync(join(others, 'precious'), '')
  writeFileSync(join(clone, 'package.json'), '{"name":"clone","version":"0.0.0"}')
  writeFileSync(
    join(clone, 'package-lock.json'),
    '{"name":"clone","version":"0.0.0","lockfileVersion":3,"packages":{"":{"name":"clone","version":"0.0.0"}}}',
  )
  symlinkSync(others, join(clone, 'node_modules'))
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT], { cwd: clone, encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('node_modules is a link') })
  expect(readdirSync(others)).toContain('precious')
})
