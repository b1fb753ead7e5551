/** The program of the previous release, built from its tag. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { VERSION } from '../../../src/version.js'
import { compiledProgram, ROOT } from './built.js'

const run = promisify(execFile)
const TAG = /^v(\d+)\.(\d+)\.(\d+)$/
/** The first release that promises upgrades. */
const FIRST = [0, 3, 0] as const
/** A commit, to try the present program beside: instead of a tag. */
const VARIABLE = 'TNL_PREVIOUS_RELEASE'

export interface Previous {
  /** A tag or a commit. */
  readonly name: string
}

/** Why there is none, in words for people. */
export interface None {
  readonly reason: string
}

export async function previousRelease(): Promise<Previous | None> {
  const given = process.env[VARIABLE] ?? ''
  if (given !== '') return { name: given }
  if (!existsSync(join(ROOT, '.git'))) return { reason: 'these sources are no clone: there are no tags' }
  const { stdout } = await run('git', ['tag', '--list', 'v*', '--merged', 'HEAD'], { cwd: ROOT })
  const [newest] = stdout
    .split('\n')
    .filter((tag) => compare(tag, `v${FIRST.join('.')}`) >= 0 && tag !== `v${VERSION}`)
    .sort(compare)
    .reverse()
  return newest === undefined ? { reason: `no release before ${VERSION} promises upgrades` } : { name: newest }
}

/** The root of the built program. Needs a registry if that release has other packages than this one. */
export async function programOf({ name }: Previous): Promise<string> {
  const { stdout } = await run('git', ['rev-parse', `${name}^{commit}`], { cwd: ROOT })
  const commit = stdout.trim()
  return compiledProgram(`release-${commit.slice(0, 16)}`, async (folder) => {
    const archive = `git -C ${JSON.stringify(ROOT)} archive ${commit} | tar -x -C ${JSON.stringify(folder)}`
    await run('sh', ['-c', archive])
    const locks = await Promise.all([ROOT, folder].map((root) => readFile(join(root, 'package-lock.json'), 'utf8')))
    if (packagesOf(locks[0]) === packagesOf(locks[1])) {
      await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    } else await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder })
  })
}

/** Without the version of this very package. */
function packagesOf(lock = '{}'): string {
  const { packages = {} } = JSON.parse(lock) as { packages?: Record<string, object> }
  return JSON.stringify({ ...packages, '': { ...packages[''], version: '' } })
}

function compare(a: string, b: string): number {
  const [one, other] = [TAG.exec(a), TAG.exec(b)]
  // What is no release comes first, and is never the newest.
  if (one === null || other === null) return (one === null ? -1 : 0) + (other === null ? 1 : 0)
  for (const part of [1, 2, 3]) {
    const difference = Number(one[part]) - Number(other[part])
    if (difference !== 0) return difference
  }
  return 0
}
