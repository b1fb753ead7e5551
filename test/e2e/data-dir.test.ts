/** A data directory that cannot be used ends the server with 2 and says whose it is. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtProgram } from '../kit/process-cluster.js'

/** `nobody` on most systems. */
const OTHER_USER = 65_534

let base: string

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  chmodSync(base, 0o755)
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

it('a working directory that does not exist any more, where no other was named', () => {
  const gone = join(base, 'gone')
  mkdirSync(gone)
  const script = `cd '${gone}' && rmdir '${gone}' && exec "$@"`
  const words = [process.execPath, builtProgram('tnl-server'), '--listen', 'localhost:0', '--http', 'off']
  const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...words], { encoding: 'utf8', timeout: 20_000 })
  expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('--data-dir tnl-data') })
  expect(stderr).not.toContain('    at ')
})

it.skipIf(process.getuid?.() !== 0)('a directory of another user', () => {
  const dataDir = join(base, 'of-root', 'data')
  mkdirSync(join(base, 'of-root'), { mode: 0o700 })
  chmodSync(join(base, 'of-root'), 0o755)
  const words = ['--listen', 'localhost:0', '--peer-listen', '127.0.0.1:0', '--http', 'off', '--data-dir', dataDir]
  const { status, stderr } = spawnSync(process.execPath, [builtProgram('tnl-server'), ...words], {
    encoding: 'utf8',
    timeout: 20_000,
    cwd: '/',
    uid: OTHER_USER,
    gid: OTHER_USER,
  })
  expect({ status, stderr }).toMatchObject({ status: 2 })
  expect(stderr).toContain(`--data-dir ${dataDir}: [Errno 13] permission denied`)
  expect(stderr).toContain('belongs to user 0')
  expect(stderr).toContain(`user ${OTHER_USER}`)
})
