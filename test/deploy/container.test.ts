/**
 * The image, as far as it shows without a container engine (scripts/image-trial.sh has one): what the Dockerfile says, and the
 * programs as process 1 of a PID namespace, where a signal that nobody catches is lost and orphans are nobody else's to collect.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Authority, CertificateDirectory } from '../kit/authority.js'
import { imageInstructions } from '../kit/image.js'
import { OneServer } from '../kit/one-server.js'
import { builtProgram, freePorts, until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { troubleOf } from '../kit/run-command.js'
import { STARTER } from '../kit/starter.js'
import { converse, inTime } from '../kit/wire.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HEALTH_CHECK = join(ROOT, 'deploy/docker/healthcheck.js')
const TIMEOUT_MS = 60_000
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

describe('the Dockerfile', () => {
  const said = (keyword: string): string | undefined => imageInstructions().find(([each]) => each === keyword)?.[1]

  it('runs the server itself, as a user with a number', () => {
    expect(said('USER')).toMatch(/^[1-9]\d*$/)
    expect(JSON.parse(said('ENTRYPOINT') ?? '')).toEqual(['tnl-server'])
    const [, check = ''] = /CMD (\[.*\])$/.exec(said('HEALTHCHECK') ?? '') ?? []
    expect(JSON.parse(check)).toEqual(['node', '/app/deploy/docker/healthcheck.js'])
  })

  it('copies what .dockerignore lets through, and nothing else', () => {
    const allowed = text('.dockerignore').match(/(?<=^!).*$/gm) ?? []
    const fromContext = [...text('Dockerfile').matchAll(/^COPY (?!--from)(.*) \S+$/gm)]
    const copied = fromContext.flatMap(([, paths = '']) => paths.split(' ')).map((path) => path.replace(/^\.\//, ''))
    const isLet = (path: string): boolean => allowed.some((each) => path === each || path.startsWith(`${each}/`))
    const isCopied = (path: string): boolean => copied.some((each) => each === path || each.startsWith(`${path}/`))
    expect(copied.length).toBeGreaterThan(8)
    expect([copied.filter((path) => !isLet(path)), allowed.filter((path) => !isCopied(path))]).toEqual([[], []])
  })
})

describe('HEALTHCHECK', () => {
  let server: OneServer
  beforeAll(async () => {
    server = await OneServer.start({ http: true })
  })
  afterAll(() => server?.stop())

  const check = (http: string): number | null =>
    spawnSync(process.execPath, [HEALTH_CHECK], { env: { TNL_HTTP: http } }).status

  it('is 0 while the node answers, or has no port to ask, and 1 when nothing answers', async () => {
    expect([check(`0.0.0.0:${server.httpPort}`), check('off')]).toEqual([0, 0])
    await server.stop()
    expect(check(`0.0.0.0:${server.httpPort}`)).toBe(1)
  })

  it('does not mind TLS, whatever the certificate is for', async () => {
    const files = new CertificateDirectory()
    const { cert, key } = files.put('node', await (await Authority.create()).issue({ dns: ['locks.example.com'] }))
    const port = await freePorts()
    const places = ['--port', `${port}`, '--peer-listen', `127.0.0.1:${port + 1}`, '--http', `127.0.0.1:${port + 2}`]
    const words = [...places, '--data-dir', join(files.path, 'data'), '--tls-cert', cert, '--tls-key', key]
    const program = new Program('tnl-server', words)
    try {
      await program.said(/"msg":"listening"/)
      expect(check(`127.0.0.1:${port + 2}`)).toBe(0)
    } finally {
      await program.end()
      files.close()
    }
  })
})

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL']
const trouble = process.platform === 'linux' ? troubleOf('unshare', [...NAMESPACE, 'true']) : 'needs Linux'
if (trouble !== null)
  console.warn(`SKIPPED: no PID namespace can be made here (${trouble}), so nothing runs as process 1`)

describe.skipIf(trouble !== null)('process 1', { timeout: TIMEOUT_MS }, () => {
  let dir: string
  let port: number
  let server: OneServer
  const outer: ChildProcess[] = []

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-one-'))
    server = await OneServer.start()
    port = await freePorts()
  })
  afterEach(() => {
    for (const child of outer.splice(0)) child.kill('SIGKILL')
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  /** `unshare` ends as its child did. */
  function start(
    words: readonly string[],
    env: Record<string, string> = {},
  ): { child: ChildProcess; said: () => string } {
    const child = spawn('unshare', [...NAMESPACE, ...words], { env: { ...process.env, ...env } })
    outer.push(child)
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        said += String(chunk)
      })
    }
    return { child, said: () => said }
  }

  /** The pid, here outside, of what is 1 there inside. */
  async function inner(child: ChildProcess): Promise<number> {
    const { pid = 0 } = child
    const children = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    await until('process 1 is there', async () => /^\d+$/.test(children()))
    return Number(children())
  }

  const status = (child: ChildProcess): Promise<number | null> =>
    child.exitCode !== null
      ? Promise.resolve(child.exitCode)
      : inTime('it ends', new Promise((resolve) => child.once('exit', (code) => resolve(code))))

  it.each(['SIGTERM', 'SIGINT'] as const)('tnl-server ends with 0 on %s', async (signal) => {
    const places = ['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`, '--http', 'off']
    const words = [process.execPath, builtProgram('tnl-server'), ...places, '--data-dir', join(dir, signal)]
    const { child, said } = start(words)
    await until('it serves', async () => said().includes('"msg":"serving"'))
    expect(await converse(port, 'lock,name:x\nrelease\n')).toBe('ok\nreleased\n')
    process.kill(await inner(child), signal)
    expect([await status(child), said()]).toEqual([0, expect.stringContaining('"msg":"stopped"')])
  })

  it('tnl-do gives its command the signal, and ends as that does', async () => {
    const command = ['sh', '-c', 'trap "echo told; exit 7" TERM; echo runs; while :; do sleep 0.1; done']
    const { child, said } = start([STARTER, '--lock-name', 'one', '--', ...command], server.env)
    await until('the command runs', async () => said().includes('runs'))
    process.kill(await inner(child), 'SIGTERM')
    expect([await status(child), said()]).toEqual([7, expect.stringContaining('told')])
  })

  it('tnl-do collects what its command leaves behind, and ends it', async () => {
    // What was orphaned becomes a child of process 1, and a zombie if that does not look after it.
    const command = [
      'sh',
      '-c',
      '(sleep 0.2 &) ; (sleep 1000 &) ; sleep 1; ps -eo stat= -o comm= | grep -c "^Z" ; exit 3',
    ]
    const { child, said } = start([STARTER, '--lock-name', 'two', '--', ...command], server.env)
    expect([await status(child), said()]).toEqual([3, expect.stringMatching(/^0\n.*left this behind.*sleep/)])
  })
})
