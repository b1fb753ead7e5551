/**
 * The package as another project has it: what `npm pack` makes, unpacked elsewhere with the packages that it says it depends on
 * and nothing else. Its types under strict settings and every way to resolve modules, its code in both module systems against
 * a real server, its programs on the PATH.
 */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestCluster, type TestCluster } from '../../src/test-cluster/index.js'
import { VERSION } from '../../src/version.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

const USER = `
import { connect, type Client, type ListedLock, NotGrantedError } from 'tcpnetlock'
import { startTestCluster, type TestCluster } from 'tcpnetlock/testing'

export async function migrate(): Promise<number> {
  await using client: Client = await connect({ endpoints: ['n1:7654'] })
  await using lock = await client.acquire('db/migrate', { wait: 1_000, signal: AbortSignal.timeout(5_000) })
  const found: ListedLock[] = []
  for await (const listed of client.locks({ prefix: 'db/' })) found.push(listed)
  for await (const event of client.watch({ prefix: 'db/' })) {
    if (event.type === 'granted' && event.token !== null) break
  }
  const outcome = await client.once('release-7', () => 'done')
  if (outcome.ran) console.log(outcome.result.length)
  try {
    return await client.request('x', { mode: 'shared' }, async (inner) => inner.token)
  } catch (error) {
    if (error instanceof NotGrantedError) console.error(error.code)
    return lock.signal.aborted ? 0 : lock.token
  }
}

export async function testMigrate(): Promise<boolean> {
  await using cluster: TestCluster = await startTestCluster({ nodes: 1 })
  const client = await cluster.connect()
  const lock = await client.acquire('x', { ttl: 60_000 })
  await cluster.advance(61_000)
  await cluster.expireSession(client)
  return lock.state === 'lost'
}
`

/** Against a real server: prints the token, and must end by itself. */
const PROGRAM = `
const client = await connect({ endpoints: process.argv.at(-1), clientId: 'user' })
const token = await client.withLock('package', (lock) => lock.token)
console.log(token > 0, (await client.find('package')) === null)
await client.close()
`

/** How a user's compiler may be set up: `module` and `moduleResolution`. */
const SETTINGS = [
  ['module', 'node16', 'node16'],
  ['module', 'nodenext', 'nodenext'],
  ['module', 'esnext', 'bundler'],
  ['module', 'preserve', 'bundler'],
  ['commonjs', 'nodenext', 'nodenext'],
  ['commonjs', 'preserve', 'bundler'],
] as const

let dir: string
let cluster: TestCluster | undefined

const endpoint = (): string => cluster?.endpoints[0] ?? ''

/** As npm lays it out. */
async function install(tarball: string): Promise<void> {
  const modules = join(dir, 'node_modules')
  const own = join(modules, 'tcpnetlock')
  mkdirSync(own, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', own])
  const {
    dependencies,
    bin,
  }: Record<'dependencies' | 'bin', Record<string, string>> = JSON.parse(
    readFileSync(join(own, 'package.json'), 'utf8'),
  )
  for (const dependency of Object.keys(dependencies)) {
    mkdirSync(join(modules, dirname(dependency)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', dependency), join(modules, dependency))
  }
  mkdirSync(join(modules, '.bin'))
  for (const [program, file] of Object.entries(bin)) {
    chmodSync(join(own, file), 0o755)
    symlinkSync(join('../tcpnetlock', file), join(modules, '.bin', program))
  }
}

/** A project of its own; what is installed it finds beside it. */
function project(kind: 'module' | 'commonjs', name: string): string {
  const home = join(dir, name)
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'user', private: true, type: kind }))
  return home
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-package-'))
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir]
  const { stdout } = await run('npm', pack, { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 })
  const [content]: readonly { readonly filename: string }[] = JSON.parse(stdout)
  await install(join(dir, content?.filename ?? ''))
  cluster = await startTestCluster({ nodes: 1 })
}, 300_000)

afterAll(async () => {
  rmSync(dir, { recursive: true, force: true })
  await cluster?.close()
})

describe('types', () => {
  it.each(SETTINGS)(
    'are found and sound in a %s project with module %s and resolution %s',
    async (kind, module, how) => {
      const home = project(kind, `types-${kind}-${module}-${how}`)
      const compilerOptions = {
        ...{ strict: true, target: 'es2022', noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
        ...{ module, moduleResolution: how, types: [] },
      }
      writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts'] }))
      writeFileSync(join(home, 'user.ts'), USER)
      const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
      const compiled = run(process.execPath, [compiler, '-p', home])
      expect(await compiled.catch(({ stdout }: { readonly stdout: string }) => ({ stdout }))).toMatchObject({
        stdout: '',
      })
    },
  )
})

describe('code', () => {
  it.each([
    ['an ES module', 'module', `import { connect } from 'tcpnetlock'\n${PROGRAM}`],
    ['CommonJS, by import()', 'commonjs', `import('tcpnetlock').then(async ({ connect }) => {${PROGRAM}})`],
    ['CommonJS, by require()', 'commonjs', `const { connect } = require('tcpnetlock'); (async () => {${PROGRAM}})()`],
  ] as const)('works from %s, and lets the process end', async (what, kind, program) => {
    const home = project(kind, `code ${what}`)
    writeFileSync(join(home, 'user.js'), program)
    const { stdout, stderr } = await run(process.execPath, ['user.js', endpoint()], { cwd: home })
    expect([stdout, stderr]).toEqual(['true true\n', ''])
  })
})

describe('tcpnetlock/testing', () => {
  it('brings a cluster to the tests of others', async () => {
    const home = project('module', 'testing')
    const program = `
import { startTestCluster } from 'tcpnetlock/testing'
const cluster = await startTestCluster()
const client = await cluster.connect()
const lock = await client.acquire('x')
await cluster.killLeader()
console.log(lock.state === 'lost', await client.check('x', lock.token))
await cluster.close()
`
    writeFileSync(join(home, 'user.js'), program)
    const { stdout, stderr } = await run(process.execPath, ['user.js'], { cwd: home })
    expect([stdout, stderr]).toEqual(['false true\n', ''])
  })
})

describe('programs', () => {
  it('are on the PATH, every one that the manifest names', async () => {
    const home = project('module', 'programs')
    const PATH = [join(dir, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH].join(delimiter)
    const env = { ...process.env, TNL_ENDPOINTS: endpoint(), PATH }
    const { bin }: { bin: Record<string, string> } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    for (const program of Object.keys(bin)) {
      const { stdout } = await run(program, ['--version'], { env, cwd: home })
      expect([program, stdout.trim()]).toEqual([program, VERSION])
    }
    const { stdout } = await run('tnl-do', ['--lock-name', 'package-do', '--', 'sh', '-c', 'echo $TNL_LOCK_NAME'], {
      env,
    })
    expect(stdout).toBe('package-do\n')
  })
})
