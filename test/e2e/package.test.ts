/** The package as another project sees it: what `npm pack` puts into it, its types under strict settings, both module systems. */
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const USER = `
import { connect, type Client, NotGrantedError } from 'tcpnetlock'

export async function migrate(): Promise<number> {
  await using client: Client = await connect({ endpoints: ['n1:7654'] })
  await using lock = await client.acquire('db/migrate', { wait: 1_000, signal: AbortSignal.timeout(5_000) })
  try {
    return await client.withLock('x', async (inner) => inner.token)
  } catch (error) {
    if (error instanceof NotGrantedError) console.error(error.code)
    return lock.signal.aborted ? 0 : lock.token
  }
}
`

const SETTINGS = {
  compilerOptions: { strict: true, module: 'nodenext', target: 'es2022', noEmit: true, skipLibCheck: false, types: [] },
  files: ['user.ts'],
}

interface PackedFiles {
  readonly files: readonly { readonly path: string }[]
}

let dir: string
let packed: readonly string[]

/** A project that has installed the package and what the package says that it depends on, and nothing else. */
function project(kind: 'module' | 'commonjs'): string {
  const home = join(dir, kind)
  const own = join(home, 'node_modules/tcpnetlock')
  for (const path of packed) {
    mkdirSync(join(own, dirname(path)), { recursive: true })
    cpSync(join(ROOT, path), join(own, path))
  }
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(own, 'package.json'), 'utf8'),
  )
  for (const name of Object.keys(dependencies)) {
    mkdirSync(join(home, 'node_modules', dirname(name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(home, 'node_modules', name))
  }
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'user', private: true, type: kind }))
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify(SETTINGS))
  writeFileSync(join(home, 'user.ts'), USER)
  return home
}

describe('the package', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tnl-package-'))
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
    })
    const [content]: readonly PackedFiles[] = JSON.parse(stdout)
    packed = content?.files.map(({ path }) => path) ?? []
  })

  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  it.each(['module', 'commonjs'] as const)('brings the types that it needs to a %s project', (kind) => {
    const home = project(kind)
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', home], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    const load =
      kind === 'module' ? `import { connect } from 'tcpnetlock'` : `const { connect } = require('tcpnetlock')`
    const words = [`--input-type=${kind}`, '-e', `${load}; process.stdout.write(typeof connect)`]
    expect(spawnSync(process.execPath, words, { cwd: home, encoding: 'utf8' }).stdout).toBe('function')
  })

  it('has every program that its manifest names', () => {
    const { bin }: { bin: Record<string, string> } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(packed).toEqual(expect.arrayContaining(Object.values(bin)))
  })
})
