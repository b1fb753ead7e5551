/** How a server ends: exit status and words for everything that goes wrong, and in good order (docs/errors.md). */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePorts, TestCluster } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { dial, TRANSPORT } from '../kit/transport.js'
import { converse, Wire } from '../kit/wire.js'

const ExitStatus = { ok: 0, usage: 2, failed: 3, damaged: 4 } as const

let base: string
let dataDir: string
let port: number
const programs: Program[] = []

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  port = await freePorts()
})

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end()
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

let lastDirectory = 0
function freshDirectory(): string {
  lastDirectory += 1
  return join(base, `data-${lastDirectory}`)
}

/** A cluster of one. */
function server(words: readonly string[] = [], env: Record<string, string> = {}): Program {
  const places = ['--listen', `localhost:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`]
  const program = new Program('tnl-server', [...places, '--http', 'off', '--data-dir', dataDir, ...words], env)
  programs.push(program)
  return program
}

async function runningServer(words: readonly string[] = []): Promise<Program> {
  const program = server(words)
  await program.said(/"msg":"serving"/)
  return program
}

/** A directory in which a node has granted locks before it was killed. */
async function usedDirectory(words: readonly string[] = []): Promise<void> {
  dataDir = freshDirectory()
  const program = await runningServer(words)
  for (let count = 0; count < 20; count += 1) await converse(port, `lock,name:lock-${count}\nrelease\n`)
  program.signal('SIGKILL')
  await program.status()
}

async function expectEnd(program: Program, status: number, ...words: readonly (string | RegExp)[]): Promise<void> {
  expect({ status: await program.status(), said: program.stdout + program.stderr }).toMatchObject({ status })
  for (const word of words) expect(program.stdout + program.stderr).toMatch(word)
}

describe('bad usage ends with 2 and names flag and value', () => {
  beforeAll(() => {
    dataDir = freshDirectory()
  })

  const wrong: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['--nonsense'], ['--nonsense']],
    [['--lease', '1'], ['--lease 1']],
    [['--port', '70000'], ['--port 70000']],
    [['--followers', 'sleep'], ['--followers sleep']],
    [['--max-line', '-5'], ['--max-line']],
    [['--cluster', 'n1=localhost:1,n2=localhost:2'], ['--node-id']],
    [
      ['--node-id', 'n9', '--cluster', 'n1=localhost:1,n2=localhost:2'],
      ['--cluster n1=localhost:1', '--node-id'],
    ],
    [['--lease', '3', '--election-timeout', '2'], ['--lease 3']],
    [['--tls-cert', 'x'], ['--tls-cert']],
    [['--auth-file', 'x'], ['--auth-file']],
    [['--config', '/no/such/file.yaml'], ['/no/such/file.yaml']],
    [['extra'], ['argument']],
  ]
  it.each(wrong)('%j', async (words, said) => {
    await expectEnd(server(words), ExitStatus.usage, ...said)
  })

  const files: readonly (readonly [string, string])[] = [
    ['leese: 10\n', 'leese'],
    ['lease: 1\n', 'lease'],
    ['lease: [\n', 'config.yaml'],
    ['- lease\n', 'config.yaml'],
  ]
  it.each(files)('a file with %j', async (text, said) => {
    const file = join(base, 'config.yaml')
    writeFileSync(file, text)
    await expectEnd(server(['--config', file]), ExitStatus.usage, said)
  })

  it('a port in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const taken = typeof address === 'object' && address !== null ? address.port : 0
    const places = [
      ['--listen', `127.0.0.1:${taken}`],
      ['--peer-listen', `127.0.0.1:${taken}`],
      ['--http', `127.0.0.1:${taken}`],
    ]
    for (const place of places) await expectEnd(server(place), ExitStatus.usage, /\[Errno 98\]/, place.join(' '))
    other.close()
  })

  it('a directory that another server uses', async () => {
    const first = await runningServer()
    await expectEnd(server(['--listen', '127.0.0.1:0', '--peer-listen', '127.0.0.1:0']), ExitStatus.usage, dataDir)
    expect(first.ended).toBe(false)
    expect(await converse(port, '.ping\n')).toBe('pong\n')
  })
})

describe('a link that an orchestrator put into a variable', () => {
  it('is ignored with a warning', async () => {
    dataDir = freshDirectory()
    const program = server([], { TNL_PORT: 'tcp://10.0.0.1:7654' })
    await program.said(/TNL_PORT/)
    await program.said(/"msg":"serving"/)
  })
})

describe('the lease is fixed when the cluster is formed', () => {
  beforeAll(async () => {
    await usedDirectory(['--lease', '10'])
  })

  it('another one later is ignored with a warning', async () => {
    const program = await runningServer(['--lease', '20'])
    await program.said(/"lease":10.*--lease 20 is ignored/)
  })

  it('times that do not fit it end with 2, whatever the flag says', async () => {
    await expectEnd(server(['--lease', '60', '--election-timeout', '5']), ExitStatus.usage, /--lease 10: too short/)
  })
})

describe('a data directory that is not as it was left ends with 4', () => {
  it("another node's", async () => {
    await usedDirectory()
    await expectEnd(server(['--node-id', 'n2']), ExitStatus.damaged, dataDir, /n1/, /n2/)
    const again = await runningServer()
    expect(again.ended).toBe(false)
  })

  it('foreign', async () => {
    dataDir = freshDirectory()
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'thesis.tex'), 'years of work')
    await expectEnd(server(), ExitStatus.damaged, dataDir, /--data-dir/)
    expect(readdirSync(dataDir)).toEqual(['thesis.tex'])
  })

  it('a flipped byte in the log', async () => {
    await usedDirectory()
    const [file] = readdirSync(join(dataDir, 'log')).filter((name) => name.endsWith('.log'))
    const path = join(dataDir, 'log', file ?? '')
    const bytes = readFileSync(path)
    const middle = Math.floor(bytes.length / 2)
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff
    writeFileSync(path, bytes)
    await expectEnd(server(), ExitStatus.damaged, dataDir, /members/)
  })

  it('a shortened log', async () => {
    await usedDirectory()
    const [file] = readdirSync(join(dataDir, 'log')).filter((name) => name.endsWith('.log'))
    const path = join(dataDir, 'log', file ?? '')
    const bytes = readFileSync(path)
    // More than the journal can put back.
    writeFileSync(path, bytes.subarray(0, bytes.length >> 1))
    await expectEnd(server(), ExitStatus.damaged, dataDir, /members/)
  })

  it('a database that is gone', async () => {
    await usedDirectory()
    rmSync(join(dataDir, 'log'), { recursive: true })
    await expectEnd(server(), ExitStatus.damaged, dataDir, /members/)
  })
})

describe('a full disk', () => {
  const mountPoint = join(tmpdir(), `tnl-e2e-small-${process.pid}`)
  const mounted =
    spawnSync('mkdir', ['-p', mountPoint]).status === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mountPoint]).status === 0

  afterAll(() => {
    if (mounted) spawnSync('umount', [mountPoint])
    rmSync(mountPoint, { recursive: true, force: true })
  })

  // Where mounting is not allowed there is no small disk.
  it.skipIf(!mounted)('ends with 3, and what was answered is there when there is room again', async () => {
    dataDir = join(mountPoint, 'data')
    const program = await runningServer()
    const session = await Wire.open(port)
    expect(await session.ask('hello,version:2,lease:60')).toMatch(/^welcome/)
    let granted = 0
    const meta = 'm'.repeat(1_000)
    for (;;) {
      const answer = await session.ask(`lock,id:${granted + 1},name:lock-${granted},meta:${meta}`)
      if (answer === null) break
      expect(answer).toMatch(/^ok,/)
      granted += 1
    }
    await expectEnd(program, ExitStatus.failed, /disk is full/)
    expect(granted).toBeGreaterThan(0)
    spawnSync('mount', ['-o', 'remount,size=16m', mountPoint])
    await runningServer()
    const stats: { lock_count: number } = JSON.parse((await converse(port, '.stats\n')).slice('stats,'.length))
    expect(stats.lock_count).toBeGreaterThanOrEqual(granted)
  })
})

describe('.server-shutdown', () => {
  it('is obeyed from this machine where it is allowed', async () => {
    dataDir = freshDirectory()
    const program = await runningServer(['--allow-shutdown'])
    const holder = await Wire.open(port)
    expect(await holder.ask('lock,name:x')).toBe('ok')
    expect(await converse(port, '.server-shutdown\n')).toBe('shutting-down\n')
    expect(await holder.rest()).toBe('')
    await expectEnd(program, ExitStatus.ok)
  })

  const elsewhere = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

  it.skipIf(elsewhere === undefined)('is refused from elsewhere', async () => {
    dataDir = freshDirectory()
    const program = await runningServer(['--allow-shutdown', '--listen', `0.0.0.0:${port}`])
    const { stream } = await dial(port, TRANSPORT, elsewhere)
    stream.write('.server-shutdown\n')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    stream.destroy()
    expect(Buffer.concat(chunks).toString()).toBe('err,shutdown not allowed\n')
    expect(program.ended).toBe(false)
  })
})

describe('SIGTERM', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  it('of the leader: its locks are free, its sessions are told where to go, the others serve', async () => {
    const leader = await cluster.leader()
    const [other] = await cluster.followers()
    const holder = await Wire.open(leader.port)
    expect(await holder.ask('lock,name:classic')).toBe('ok')
    const session = await Wire.open(leader.port)
    const welcome = await session.ask('hello,version:2')
    expect(await session.ask('lock,id:1,name:kept')).toMatch(/^ok/)
    const elsewhere = await Wire.open(other.port)
    expect(await elsewhere.ask('lock,name:untouched')).toBe('ok')
    const waiter = await Wire.open(other.port)
    waiter.send('lock,name:classic,wait:forever\n')

    leader.signal('SIGTERM')
    expect(await holder.rest()).toBe('')
    const [, moved = ''] = /^moved,address:localhost:(\d+)\n$/.exec(await session.rest()) ?? []
    expect(await waiter.line()).toBe('ok')
    expect(await elsewhere.ask('.keepalive')).toBe('alive')
    expect(await leader.ended()).toEqual({ code: ExitStatus.ok, signal: null })
    const [, id, secret] = /session:(\d+),secret:(\w+)/.exec(welcome ?? '') ?? []
    const resumed = await Wire.open(Number(moved))
    resumed.send(`resume,session:${id},secret:${secret}\nbye\n`)
    expect(await resumed.rest()).toContain('held,name:kept')
    for (const wire of [waiter, elsewhere]) wire.destroy()
    leader.start()
    await cluster.untilAllServe()
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('all nodes at once, while locks are held: %s', async (signal) => {
    const holders = await Promise.all(cluster.nodes.map(({ port: at }) => Wire.open(at)))
    for (const [index, wire] of holders.entries()) expect(await wire.ask(`lock,name:held-${index}`)).toBe('ok')
    for (const node of cluster.nodes) node.signal(signal)
    for (const node of cluster.nodes) expect(await node.ended()).toEqual({ code: ExitStatus.ok, signal: null })
    for (const wire of holders) expect(await wire.rest()).toBe('')
    for (const node of cluster.nodes) node.start()
    await cluster.untilAllServe()
    for (const [index, { port: at }] of cluster.nodes.entries()) {
      expect(await converse(at, `lock,name:held-${index},wait:forever\nrelease\n`)).toBe('ok\nreleased\n')
    }
  })
})
