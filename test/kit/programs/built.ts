/** Programs of other versions than the present one, compiled like it and kept, so that tests can run both side by side. */
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runProcess } from '../../mutants/process.js'

export const ROOT = resolve(import.meta.dirname, '..', '..', '..')

/** Below `node_modules`: what lies there is imported as it is, not compiled once more by the runner of the tests. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'tcpnetlock')
const BUILD_LIMIT_MS = 300_000
/** What was not used for this long belongs to sources that nobody has any more. */
const FORGOTTEN_MS = 86_400_000

/**
 * The root of a built program, with its `dist` and `package.json`. `name` stands for its sources: it is built once.
 * `prepare` fills an empty folder with `src`, `scripts`, `package.json` and the settings of the compiler. Throws with what
 * the compiler says.
 */
export async function compiledProgram(name: string, prepare: (folder: string) => Promise<void>): Promise<string> {
  const program = join(CACHE, name)
  if (existsSync(program)) {
    utimesSync(program, new Date(), new Date())
    return program
  }
  // Not inside node_modules: the compiler takes what lies there for somebody else's, and does not compile it.
  const folder = await mkdtemp(join(tmpdir(), 'tnl-program-'))
  try {
    await prepare(folder)
    if (!existsSync(join(folder, 'node_modules'))) {
      await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    }
    await run(folder, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json')
    await run(folder, 'scripts/bundle.js')
    await keep(folder, program)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  await forgetOthers()
  return program
}

async function run(folder: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await runProcess(args, { cwd: folder, limitMs: BUILD_LIMIT_MS })
  if (code !== 0) throw new Error(`another version cannot be built: ${args.join(' ')}\n${output}`)
}

/** Another process may build the same at the same time: the first one to finish is believed. */
async function keep(folder: string, program: string): Promise<void> {
  await mkdir(CACHE, { recursive: true })
  const mine = await mkdtemp(join(CACHE, 'building-'))
  for (const part of ['dist', 'package.json']) await cp(join(folder, part), join(mine, part), { recursive: true })
  try {
    await rename(mine, program)
  } catch (error) {
    await rm(mine, { recursive: true, force: true })
    if (!existsSync(program)) throw error
  }
}

async function forgetOthers(): Promise<void> {
  for (const entry of readdirSync(CACHE)) {
    const path = join(CACHE, entry)
    const usedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - usedMs > FORGOTTEN_MS) await rm(path, { recursive: true, force: true })
  }
}
