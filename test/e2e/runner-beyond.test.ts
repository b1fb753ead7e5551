/** A part of the command belongs to another user and cannot be ended: that is said, and it keeps the lock. */
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { DoProgram, isAlive, STARTER } from '../kit/starter.js'
import { converse, freshName, Wire } from '../kit/wire.js'

const SOMEBODY = ['setpriv', '--reuid=1234', '--regid=1234', '--clear-groups']

let server: OneServer
let folder = ''
beforeAll(async () => {
  server = await OneServer.start()
  folder = mkdtempSync(join(tmpdir(), 'tnl-beyond-'))
  chmodSync(folder, 0o755)
  copyFileSync('/usr/bin/setpriv', join(folder, 'as-root'))
  chmodSync(join(folder, 'as-root'), 0o4755)
})
afterEach(endLeftovers)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(): Promise<{ lock: string; program: DoProgram; job: number }> {
  const lock = freshName()
  const asRoot = `${join(folder, 'as-root')} --reuid=0 --regid=0 --clear-groups`
  const script = `${asRoot} sh -c 'echo "job $$"; exec sleep 1000'; exit 3`
  const words = [...SOMEBODY, STARTER, '--lease', '3', '--lock-name', lock, '--', 'sh', '-c', script]
  const program = new DoProgram(words, server.env, { cwd: '/' })
  const job = Number(await program.printed(/^job (\d+)\n/m))
  await until('it is said', async () => program.stderr.includes('belongs to another user'))
  // By the name that it had when it was seen: it may not have become `sleep` yet.
  expect(program.stderr).toMatch(new RegExp(`[a-z-]+ \\(${job}, root\\)`))
  return { lock, program, job }
}

/** Resolves when a session of the same lease that has said nothing since now has lost its lock. */
async function pastTheLease(): Promise<void> {
  const lock = freshName()
  const silent = await Wire.open(server.port)
  expect(await silent.ask('hello,version:2,lease:3')).toMatch(/^welcome/)
  expect(await silent.ask(`lock,id:1,name:${lock}`)).toMatch(/^ok/)
  const next = await Wire.open(server.port)
  expect(await next.ask(`lock,name:${lock},wait:forever`)).toBe('ok')
  silent.destroy()
  next.destroy()
}

describe.runIf(process.getuid?.() === 0)('a process of another user', () => {
  it('keeps the lock while it runs, when tnl-do is asked to end', async () => {
    const { lock, program, job } = await start()
    program.child.kill('SIGTERM')
    await until('it is named', async () => program.stderr.includes('cannot be ended and runs on; the lock is kept'))
    await pastTheLease()
    expect(await converse(server.port, `lock,name:${lock}\n`)).toBe('not-granted\n')
    process.kill(job, 'SIGKILL')
    expect((await program.ended()).code).toBe(143)
    expect(await converse(server.port, `lock,name:${lock}\nrelease\n`)).toBe('ok\nreleased\n')
  })

  it('keeps it by the guardian, when tnl-do is killed', async () => {
    const { lock, program, job } = await start()
    program.child.kill('SIGKILL')
    await until('it is named', async () => program.stderr.includes('cannot be ended and runs on; the lock is kept'))
    await pastTheLease()
    expect(await converse(server.port, `lock,name:${lock}\n`)).toBe('not-granted\n')
    process.kill(job, 'SIGKILL')
    const next = await Wire.open(server.port)
    expect(await next.ask(`lock,name:${lock},wait:forever`)).toBe('ok')
    next.destroy()
  })

  it('keeps it by the guardian, when tnl-do is killed while the guardian waits for it', async () => {
    const { lock, program, job } = await start()
    program.child.kill('SIGTERM')
    await until('it is named', async () => program.stderr.includes('cannot be ended and runs on; the lock is kept'))
    program.child.kill('SIGKILL')
    await pastTheLease()
    expect(await converse(server.port, `lock,name:${lock}\n`)).toBe('not-granted\n')
    process.kill(job, 'SIGKILL')
    const next = await Wire.open(server.port)
    expect(await next.ask(`lock,name:${lock},wait:forever`)).toBe('ok')
    next.destroy()
  })

  it('is named with status 122 when the lock is lost', async () => {
    const { program, job } = await start()
    server.program.signal('SIGSTOP')
    onTestFinished(() => server.program.signal('SIGCONT'))
    await until('it is named', async () => program.stderr.includes('the lock is lost, and this runs on'))
    // Whoever is left has the pipes of tnl-do, so they stay open.
    await until('tnl-do ends', async () => program.child.exitCode !== null)
    expect(program.child.exitCode).toBe(122)
    expect(isAlive(job)).toBe(true)
  })
})
