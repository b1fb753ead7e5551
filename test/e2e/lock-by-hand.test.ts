/** `tnl lock`, `unlock`, `execute` and `elect`, as scripts call them that were written for consul-lock. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { builtProgram } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { type Said, tnlInProcess as tnl } from '../kit/tnl-in-process.js'
import { fieldOf, freshName, Wire } from '../kit/wire.js'

let server: OneServer
let dir = ''
const programs: Program[] = []

beforeAll(async () => {
  server = await OneServer.start()
  vi.stubEnv('TNL_ENDPOINTS', server.env.TNL_ENDPOINTS ?? '')
  dir = mkdtempSync(join(tmpdir(), 'tnl-by-hand-'))
})
afterAll(async () => {
  await Promise.all(programs.map((program) => program.end()))
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
})

function start(...words: readonly string[]): Program {
  const program = new Program('tnl', words, server.env)
  programs.push(program)
  return program
}

/** In a process of its own, where a signal, a shell or a command plays a part. */
async function spawned(...words: readonly string[]): Promise<Said> {
  const program = start(...words)
  const status = await program.status()
  const { stdout, stderr } = program
  return { status, stdout, stderr }
}

async function who(key: string): Promise<{ holds: { token: number; holder: string }[]; waiterCount: number }> {
  return JSON.parse((await tnl('who', key, '--json')).stdout)
}

async function untilWaiting(key: string, count: number): Promise<void> {
  const wire = await session()
  for (let id = 1; ; id += 1) {
    const answer = await wire.ask(`who,id:${id},name:${key}`)
    if (answer?.includes(`"waiterCount":${count}`)) break
  }
  wire.destroy()
}

async function session(): Promise<Wire> {
  const wire = await Wire.open(server.port)
  expect(await wire.ask('hello,version:2,client-id:bare,lease:3600,redirect:no')).toMatch(/^welcome,/)
  return wire
}

describe('tnl lock', () => {
  it('takes a lock that outlives it, and any host may end', async () => {
    const key = freshName()
    const metadata = '{"by": "ci", "ü": [1]}'
    const taken = await tnl('lock', key, '--metadata', metadata, '--client-id', 'ci@host')
    expect(taken).toMatchObject({ status: 0, stderr: '' })
    expect(taken.stdout).toMatch(
      /^\{"created": "[^"]+Z", "key": "[^"]+", "metadata": \{"by": "ci", "\\u00fc": \[1\]\}, "secondsToLock": [\d.]+, "secret": "[^"]+", "session": "\d+", "token": \d+\}\n$/,
    )
    const { token, session: id, secret } = JSON.parse(taken.stdout)
    expect((await who(key)).holds).toMatchObject([
      { token, holder: 'ci@host', loose: true, meta: '{"by":"ci","ü":[1]}' },
    ])
    expect(await tnl('unlock', key, '--session', id, '--secret', 'wrong')).toMatchObject({
      status: 0,
      stdout: 'null\n',
    })
    expect(await tnl('unlock', key, '--session', id, '--secret', secret)).toEqual({
      ...{ status: 0, stdout: `"${key}"\n`, stderr: '' },
    })
    expect(await tnl('unlock', key)).toEqual({ status: 0, stdout: 'null\n', stderr: '' })
  })

  it('says null, and how long it was ready to wait', async () => {
    const key = freshName()
    const wire = await session()
    await wire.ask(`lock,id:1,name:${key}`)
    const now = await tnl('lock', '--non-blocking', key)
    expect(now).toMatchObject({ status: 100, stdout: 'null\n' })
    expect(now.stderr).toMatch(/^Unable to acquire lock: \S+ \(.*held by bare\)\n$/)
    const late = await tnl('-v', 'lock', '--timeout', '0.2', '-i', '0.1', key)
    expect(late).toMatchObject({ status: 5, stdout: 'null\n' })
    expect(late.stderr).toContain(`Timed out whilst waiting to acquire lock: ${key}\n`)
    wire.destroy()
  })

  it('waits for its turn, and leaves it at a signal', async () => {
    const key = freshName()
    await tnl('lock', key, '--ttl', '60')
    const [first, second] = [start('lock', key, '--ttl', '60'), start('lock', key)]
    await untilWaiting(key, 2)
    second.signal('SIGTERM')
    expect(await second.status()).toBe(143)
    expect(second.stdout).toBe('')
    await untilWaiting(key, 1)
    expect((await tnl('unlock', key)).stdout).toBe(`"${key}"\n`)
    expect(await first.status()).toBe(0)
    expect((await who(key)).holds).toMatchObject([{ token: JSON.parse(first.stdout).token }])
  })

  it('does not keep a lock of which nobody can have heard', async () => {
    const key = freshName()
    const words = `"${process.execPath}" "${builtProgram('tnl')}" lock ${key} > /dev/full`
    const { status, stderr } = spawnSync('sh', ['-c', words], {
      env: { ...process.env, ...server.env },
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([3, expect.stringContaining(`${key} is free again`)])
    expect((await who(key)).holds).toEqual([])
    const unread = start('lock', key)
    unread.child.stdout?.destroy()
    expect(await unread.status()).toBe(3)
    expect((await who(key)).holds).toEqual([])
  })

  it('calls programs before it asks, and when somebody has it', async () => {
    const key = freshName()
    const hook = join(dir, 'hook')
    writeFileSync(hook, `#!/bin/sh\necho "$@" >> ${dir}/$(basename "$0").calls\necho noise\nexit 1\n`)
    chmodSync(hook, 0o700)
    const wire = await session()
    await wire.ask(`lock,id:1,name:${key}`)
    const hooks = ['--on-before-lock', hook, join(dir, 'none'), '--on-already-locked', hook, '--']
    expect((await tnl('lock', '--non-blocking', ...hooks, key)).stdout).toBe('null\n')
    expect(readFileSync(`${hook}.calls`, 'utf8')).toBe(`${key}\n${key}\n`)
    wire.destroy()
  })

  it('ends with 125 where nobody answers', async () => {
    const { status, stdout } = await tnl('lock', freshName(), '--non-blocking', '--endpoints', '127.0.0.1:1')
    expect([status, stdout]).toEqual([125, ''])
  })
})

describe('tnl unlock', () => {
  it('-r ends what matches as a whole, and leaves alone what is bound to a session', async () => {
    const base = freshName()
    for (const name of ['b', 'a', 'a/more']) await tnl('lock', `${base}/${name}`)
    const wire = await session()
    await wire.ask(`lock,id:1,name:${base}/c`)
    expect(await tnl('unlock', '-r', `${base}/[abc]`)).toEqual({
      ...{ status: 0, stdout: `["${base}/a", "${base}/b"]\n`, stderr: '' },
    })
    expect((await tnl('unlock', '-r', `${base}/[abc]`)).stdout).toBe('[]\n')
    expect(await tnl('unlock', '-r', '(')).toMatchObject({ status: 6, stdout: '' })
    expect((await tnl('unlock', '-r', `${base}/.*`)).stdout).toBe(`["${base}/a/more"]\n`)
    expect(await wire.ask(`check,id:2,name:${base}/c,token:1`)).toBe('stale,id:2')
    expect((await who(`${base}/c`)).holds).toHaveLength(1)
    wire.destroy()
  })

  it('does not choose between several', async () => {
    const key = freshName()
    const wire = await session()
    const ask = (id: number) => wire.ask(`lock,id:${id},name:${key},mode:shared,ttl:60,loose:yes`)
    const tokens = [fieldOf(await ask(1), 'token'), fieldOf(await ask(2), 'token')]
    const several = await tnl('unlock', key)
    expect(several).toMatchObject({ status: 3, stdout: '' })
    expect(several.stderr).toContain(tokens.join(', '))
    expect((await tnl('unlock', key, '--token', tokens[1] ?? '')).stdout).toBe(`"${key}"\n`)
    expect((await tnl('unlock', key)).stdout).toBe(`"${key}"\n`)
    wire.destroy()
  })

  it.each<[readonly string[], number]>([
    [['a//b'], 6],
    [['a', '--session', '5'], 3],
    [['a', '--tokn', '5'], 3],
    [[], 3],
  ])('%j ends with %i', async (words, status) => {
    expect(await tnl('unlock', ...words)).toMatchObject({ status, stdout: '' })
  })
})

describe('tnl execute', () => {
  it('runs a line of shell under the lock, and ends as it does', async () => {
    const key = freshName()
    const line = 'echo "$TNL_LOCK_NAME" $((1 + 1)) && exit 7'
    expect(await spawned('execute', key, line, '--metadata', '"x"')).toEqual({
      status: 7,
      stdout: `${key} 2\n`,
      stderr: '',
    })
    expect((await who(key)).holds).toEqual([])
  })

  it('says no as consul-lock does', async () => {
    const key = freshName()
    await tnl('lock', key)
    expect(await spawned('execute', '--non-blocking', key, 'echo ran')).toMatchObject({ status: 100, stdout: '' })
    expect(await spawned('execute', '--timeout', '0.2', key, 'echo ran')).toMatchObject({ status: 5, stdout: 'null\n' })
    expect(await tnl('execute', key)).toMatchObject({ status: 3, stdout: '' })
    const json = await spawned('execute', '--non-blocking', '--json', key, 'echo ran')
    expect(JSON.parse(json.stderr.split('\n').at(-2) ?? '')).toMatchObject({ outcome: 'not-granted', exitStatus: 100 })
  })

  it('ends the line when its time is over', async () => {
    const program = start('execute', freshName(), '--ttl', '0.5', 'exec sleep 1000')
    expect(await program.status()).toBe(122)
  })
})

describe('tnl elect', () => {
  it('has one leader at a time, who is replaced when its command ends and when it is ended', async () => {
    const name = freshName()
    const candidate = (id: string) =>
      start('elect', name, '--pause', '0', '--client-id', id, '--json', '--', 'sleep', '1000')
    const first = candidate('first')
    const [, token = ''] = await first.said(/"event":"elected",.*"token":(\d+)/)
    const second = candidate('second')
    await untilWaiting(name, 1)
    // It means something to the command alone, which ends by it.
    first.signal('SIGUSR1')
    await first.said(/"event":"ended","outcome":"ran","command":\{"status":null,"signal":"SIGUSR1"\}/)
    const [, next = ''] = await second.said(/"event":"elected",.*"token":(\d+)/)
    expect(Number(next)).toBeGreaterThan(Number(token))
    await untilWaiting(name, 1)
    second.signal('SIGTERM')
    expect(await second.status()).toBe(143)
    await first.said(/"event":"elected"[\s\S]*"event":"elected"/)
    first.signal('SIGTERM')
    expect(await first.status()).toBe(143)
  })

  it('does not stand again for a command that is none', async () => {
    expect(await spawned('elect', freshName(), '--', './no-such-program')).toMatchObject({ status: 127, stdout: '' })
    expect(await tnl('elect', 'a b', '--', 'true')).toMatchObject({ status: 2, stdout: '' })
  })
})
