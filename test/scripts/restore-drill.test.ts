/** `npm run restore-drill`: a saved snapshot is tried, and whoever relies on one that is none is told. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { Program } from '../kit/program.js'

const SCRIPT = fileURLToPath(new URL('../../scripts/restore-drill.js', import.meta.url))
/** Three nodes start from the file. */
const DRILL_TIMEOUT_MS = 90_000

let server: OneServer
let dir = ''

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-restored-'))
  server = await OneServer.start()
  for (const words of [
    ['freeze', '', '--reason', 'maintenance'],
    ['freeze', 'legacy/', '--reason', 'moved'],
  ]) {
    const program = new Program('tnl', words, server.env)
    expect([await program.status(), program.stderr]).toEqual([0, ''])
  }
})
afterAll(async () => {
  await server?.stop()
  rmSync(dir, { recursive: true, force: true })
})

function drill(...words: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ...server.env, TMPDIR: dir }
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...words], { env, timeout: DRILL_TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

it('saves, restores, compares, and leaves nothing behind', { timeout: DRILL_TIMEOUT_MS }, async () => {
  const { status, stdout, stderr } = await drill()
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^ok {3}freezes: 2 in the file, 2 restored$/m)
  expect(stdout).toMatch(/^ok {3}highest token: \d+ in the file, \d+ restored$/m)
  expect(stdout).toMatch(/restore drill: passed\n$/)
  expect(readdirSync(dir)).toEqual([])
})

it('fails by name where there is no snapshot', async () => {
  const file = join(dir, 'nonsense')
  writeFileSync(file, 'nonsense')
  const { status, stdout, stderr } = await drill(file)
  expect([status, stdout]).toEqual([1, 'restore drill: FAILED\n'])
  expect(stderr).toContain('it is not a saved snapshot')
  expect((await drill('--help')).status).toBe(2)
})
