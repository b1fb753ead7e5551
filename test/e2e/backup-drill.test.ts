/** The drill of docs/operations/backup.md, command for command, as it stands there. */

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtProgram, freePorts } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'

const PAGE = fileURLToPath(new URL('../../docs/operations/backup.md', import.meta.url))
const TIMEOUT_MS = 90_000

let dir = ''
let cluster: Program | null = null

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-drill-'))
  mkdirSync(join(dir, 'bin'))
  const tnl = join(dir, 'bin', 'tnl')
  writeFileSync(tnl, `#!/bin/sh\nexec '${process.execPath}' '${builtProgram('tnl')}' "$@"\n`)
  chmodSync(tnl, 0o755)
})

afterAll(async () => {
  await stopCluster()
  rmSync(dir, { recursive: true, force: true })
})

function drill(): string[] {
  const block = /<!-- drill -->\n```sh\n([\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8'))
  return (block?.[1] ?? '').trim().split('\n')
}

async function startCluster(port: number): Promise<void> {
  cluster = new Program('tnl', ['cluster', '--data-dir', join(dir, 'drill'), '--base-port', String(port)])
  await cluster.said(/Ctrl-C ends all/)
}

async function stopCluster(): Promise<void> {
  cluster?.signal('SIGINT')
  await cluster?.status()
  cluster = null
}

it('works as it is written', { timeout: TIMEOUT_MS }, async () => {
  const port = await freePorts()
  const endpoints = [0, 10, 20].map((step) => `localhost:${port + step}`).join(',')
  const env = {
    ...process.env,
    PATH: `${join(dir, 'bin')}${delimiter}${process.env.PATH}`,
    ...{ TNL_ENDPOINTS: endpoints, TNL_REACH: '20' },
  }
  const said: string[] = []
  await startCluster(port)
  for (const line of drill()) {
    if (line.startsWith('# the disaster')) await stopCluster()
    else if (line.startsWith('# the nodes are started again')) await startCluster(port)
    else {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: dir, env, encoding: 'utf8' })
      said.push(`${status} ${line}\n${stdout}`)
      expect([line, status, stderr]).toEqual([line, line.includes('legacy/x') ? 123 : 0, expect.any(String)])
    }
  }
  expect(said.length).toBe(12)
  const of = (words: string): string => said.find((text) => text.includes(words)) ?? ''
  expect(of('tnl snapshot inspect')).toMatch(/^done-marks +1$/m)
  expect(of('tnl status')).toMatch(/^n3 /m)
  expect(of('tnl once list')).toMatch(/migrate-42/)
  expect(of('second time')).toMatch(/time"\n$/)
})
