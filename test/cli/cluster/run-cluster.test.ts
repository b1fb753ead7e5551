import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { TnlExit } from '../../../src/cli/shared/exit-statuses.js'
import { compiledPrograms } from '../compiled.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const programOf = compiledPrograms()
const START_TIMEOUT_MS = 60_000
const NODES = 3
const POLL_MS = 2

/** The first value that is not null; polled, because processes come and go without telling. The test's timeout ends it. */
async function waitFor<T>(look: () => T | null): Promise<T> {
  for (;;) {
    const value = look()
    if (value !== null) return value
    await sleep(POLL_MS)
  }
}

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(program: 'tnl' | 'tnl-server', words: readonly string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [programOf(program), ...words])
    return { code: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome
    return { code, stdout, stderr }
  }
}

const tnlCluster = (...words: string[]): string[] => [process.execPath, programOf('tnl'), 'cluster', ...words]

/** `tnl cluster` in the background, and what it printed so far. */
class RunningCluster {
  output = ''
  readonly process: ChildProcess
  #changed: () => void = () => {}

  constructor(command = tnlCluster()) {
    const [program = '', ...words] = command
    this.process = spawn(program, words, {
      cwd: ROOT,
      // What a shell has that speaks to another cluster. A node has settings of these names, and would not start.
      env: { ...process.env, TNL_TLS: 'on', TNL_TLS_CERT: '/no/such.pem', TNL_TLS_KEY: '/no/such.key' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.process.stdout?.on('data', (chunk) => {
      this.output += chunk
      this.#changed()
    })
  }

  pidOf(node: string): number {
    const [, pid = ''] = new RegExp(`${node} +(\\d+) `).exec(this.output) ?? []
    return Number(pid)
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }
}

describe('tnl-server', () => {
  it('ends with 2 and the flag and value for bad usage', async () => {
    const { code, stderr } = await run('tnl-server', ['--lease', '1'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--lease 1') })
  })
})

describe('tnl', () => {
  it('ends with 2 for what it does not know, and 125 when nobody answers', async () => {
    expect(await run('tnl', ['juggle'])).toMatchObject({ code: 2, stderr: expect.stringContaining('juggle') })
    expect(await run('tnl', ['bench', '--names', 'two'])).toMatchObject({ code: 2 })
    const nobody = ['--endpoints', '127.0.0.1:9']
    expect(await run('tnl', ['members', ...nobody])).toMatchObject({ code: 125 })
    expect(await run('tnl', ['status', ...nobody])).toMatchObject({ code: 125 })
  })

  // An unset variable of a script: the present directory would be filled with a cluster, or taken for a node's.
  it.each([['cluster'], ['snapshot', 'restore', 'x'], ['recover']])(
    'takes an empty --data-dir for no directory: %s',
    async (...words) => {
      expect(await run('tnl', [...words, '--data-dir', ''])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('the present directory is "."'),
      })
    },
  )

  it('hands words over to tnl-server', async () => {
    expect(await run('tnl', ['server', '--port', 'x'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--port x'),
    })
  })
})

describe('tnl cluster', () => {
  let cluster: RunningCluster
  let endpoints: readonly string[]

  beforeAll(async () => {
    cluster = new RunningCluster()
    const [, list = ''] = await cluster.until(/--endpoints (\S+) /)
    endpoints = ['--endpoints', list]
  }, START_TIMEOUT_MS)

  afterAll(() => {
    cluster.process.kill('SIGTERM')
  })

  it('shows every node in one table, whichever is asked', async () => {
    const first = endpoints[1]?.split(',')[0] ?? ''
    const { stdout } = await run('tnl', ['status', '--endpoints', first, '--json'])
    const states: { report: { node: string; role: string; members: unknown[] } }[] = JSON.parse(stdout)
    expect(states.map(({ report }) => report.node).sort()).toEqual(['n1', 'n2', 'n3'])
    expect(states.filter(({ report }) => report.role === 'leader')).toHaveLength(1)
    expect((await run('tnl', ['status', ...endpoints])).stdout).toMatch(/^NODE +ENDPOINT +ROLE +TERM .*\nn1 /)
  })

  it('hands leadership over, and refuses what makes no sense', async () => {
    expect(await run('tnl', ['transfer', 'n2', ...endpoints])).toMatchObject({ code: 0, stdout: 'n2 leads now\n' })
    const members = await run('tnl', ['members', '--json', ...endpoints])
    expect(JSON.parse(members.stdout)).toMatchObject([
      { node: 'n1', role: 'voter', leader: 'no' },
      { node: 'n2', role: 'voter', leader: 'yes' },
      { node: 'n3', role: 'voter', leader: 'no' },
    ])
    expect(await run('tnl', ['transfer', 'n9', ...endpoints])).toMatchObject({ code: 1 })
    expect(await run('tnl', ['members', 'add', 'n1', 'h:1', ...endpoints])).toMatchObject({ code: 1 })
  })

  it.each(['classic', 'session'])('is measured in the %s dialect, with mutual exclusion kept', async (dialect) => {
    const words = ['bench', '--clients', '4', '--seconds', '1', '--warm-up', '0.2', '--names', 'one', '--json']
    const { code, stdout } = await run('tnl', [...words, '--dialect', dialect, ...endpoints])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ dialect, clients: 4, errors: 0, violations: [] })
    expect(JSON.parse(stdout).cycles).toBeGreaterThan(0)
  })

  it('leaves a node alone that was removed', async () => {
    expect(await run('tnl', ['members', 'remove', 'n3', ...endpoints])).toMatchObject({ code: 0 })
    await cluster.until(/n3 ended with exit status 0, and is not started again:.*removed from the cluster/s)
  })

  it('starts a node again that was killed, and ends all on Ctrl-C', async () => {
    process.kill(cluster.pidOf('n2'), 'SIGKILL')
    await cluster.until(/n2 ended by SIGKILL/)
    const [, newPid = ''] = await cluster.until(/n2 runs again: pid (\d+)/)
    cluster.process.kill('SIGINT')
    const [code] = await once(cluster.process, 'exit')
    expect(code).toBe(0)
    expect(() => process.kill(Number(newPid), 0)).toThrow('ESRCH')
  })
})

/** Without its `prestart`: what is built is not built again while other tests use it. */
async function npmStart(): Promise<RunningCluster> {
  const cluster = new RunningCluster(['npm', 'start', '--ignore-scripts'])
  onTestFinished(() => void cluster.process.kill('SIGTERM'))
  await cluster.until(/Ctrl-C ends all/)
  return cluster
}

/** Child processes of `pid` that run now. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

const runs = (pid: number): boolean => existsSync(`/proc/${pid}`)

it('says why a node cannot be started again, and goes on trying', async () => {
  const above = mkdtempSync(join(tmpdir(), 'tnl-cluster-'))
  onTestFinished(() => rmSync(above, { recursive: true, force: true }))
  const directory = join(above, 'data')
  const cluster = new RunningCluster(tnlCluster('--data-dir', directory))
  onTestFinished(() => void cluster.process.kill('SIGTERM'))
  await cluster.until(/Ctrl-C ends all/)
  renameSync(directory, join(above, 'elsewhere'))
  process.kill(cluster.pidOf('n2'), 'SIGKILL')
  await cluster.until(/n2 could not be started \(\[Errno 2\] no such file or directory\); it is started again in 1 s/)
  renameSync(join(above, 'elsewhere'), directory)
  await cluster.until(/n2 runs again: pid \d+/)
})

describe.runIf(process.platform === 'linux')('tnl cluster, killed while its nodes start', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('leaves no node behind after %s', async (signal) => {
    const { process: parent } = new RunningCluster()
    const nodes = await waitFor(() => {
      const children = childrenOf(parent.pid ?? 0)
      return children.length >= NODES ? children : null
    })
    parent.kill(signal)
    await waitFor(() => (nodes.some(runs) ? null : true))
  })
})

describe('npm start', () => {
  it('takes all nodes along when npm alone is told to end', async () => {
    const cluster = await npmStart()
    const pids = ['n1', 'n2', 'n3'].map((node) => cluster.pidOf(node))
    cluster.process.kill('SIGTERM')
    await once(cluster.process, 'exit')
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('ends when all nodes were told to', async () => {
    const cluster = await npmStart()
    for (const node of ['n1', 'n2', 'n3']) process.kill(cluster.pidOf(node), 'SIGTERM')
    const [code] = await once(cluster.process, 'exit')
    expect(code).toBe(TnlExit.failed)
  })
})
