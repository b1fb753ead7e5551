/** What signals do to a server: TERM and INT stop it in good order from its first moment, HUP and USR1 do nothing. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { freePorts } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { converse, inTime } from '../kit/wire.js'

let base: string
let port: number
let lastDirectory = 0
const programs: Program[] = []

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  port = await freePorts()
})

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end()
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

function server(): { program: Program; dataDir: string } {
  lastDirectory += 1
  const dataDir = join(base, `data-${lastDirectory}`)
  const places = ['--listen', `localhost:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`, '--http', 'off']
  const program = new Program('tnl-server', [...places, '--data-dir', dataDir])
  programs.push(program)
  return { program, dataDir }
}

function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

it.each(['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)('%s does nothing', async (signal) => {
  const { program } = server()
  await program.said(/"msg":"serving"/)
  program.signal(signal)
  program.signal(signal)
  expect(await converse(port, 'lock,name:x\nrelease\n')).toBe('ok\nreleased\n')
  program.signal('SIGTERM')
  expect(await program.status()).toBe(0)
  expect(program.stdout + program.stderr).not.toContain('Debugger')
})

it.skipIf(process.platform !== 'linux').each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends the server with 0 before it has begun to serve',
  async (signal) => {
    const { program, dataDir } = server()
    const pid = program.child.pid ?? 0
    const caught = (async () => {
      // Node itself catches TERM and INT; this one only a server does, and it is the last that it begins to catch.
      while (!catches(pid, constants.signals.SIGUSR2)) await new Promise(setImmediate)
    })()
    await inTime('signals are caught', caught)
    // Caught while the program is still being loaded, not only once it serves.
    expect(existsSync(dataDir)).toBe(false)
    program.signal(signal)
    expect(await program.status()).toBe(0)
  },
)
