/** Copies of the sources in which a mutant lives and dies: no switch for it exists in the sources themselves. */
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Edit } from './mutant.js'
import { runProcess } from './process.js'

export const ROOT = resolve(import.meta.dirname, '..', '..')
const FOLDERS = ['src', 'test']
const FILES = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts']
/** Unit tests compare the sources with them. */
const PAGES = ['docs', 'deploy', 'scripts', 'README.md', 'Dockerfile', '.dockerignore']
/** What starts the programs that were built. */
const STARTERS = ['bin']
const MUTANTS = 'test/mutants'
const BUILD_LIMIT_MS = 120_000

/** A copy of all that the checks need, without what was built. */
export async function copySources(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of [...FOLDERS, ...FILES, ...PAGES, ...STARTERS])
    await cp(join(from, name), join(to, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'))
}

/** Equal for copies in which the checks do the same: the mutants themselves do not count. */
export async function hashOf(root: string): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of FOLDERS) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(root, MUTANTS)))
    const paths = files.map((entry) => join(entry.parentPath, entry.name))
    for (const path of paths.sort()) hash.update(path.slice(root.length)).update(await readFile(path))
  }
  return hash.digest('hex')
}

/** Throws unless `find` occurs exactly once. */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find)
  if (parts.length !== 2) throw new Error(`${file}: ${JSON.stringify(find)} occurs ${parts.length - 1} times, not once`)
  const edited = parts.join(replace)
  if (edited === text) throw new Error(`${file}: the edit of ${JSON.stringify(find)} changes nothing`)
  return edited
}

/** The files that a mutant changes, with their new text. */
export async function editedFiles(root: string, edits: readonly Edit[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  for (const edit of edits) {
    const text = texts.get(edit.file) ?? (await readFile(join(root, edit.file), 'utf8'))
    texts.set(edit.file, applyEdit(text, edit))
  }
  return texts
}

export async function applyEdits(root: string, edits: readonly Edit[]): Promise<void> {
  for (const [file, text] of await editedFiles(root, edits)) await writeFile(join(root, file), text)
}

/** Compiles the sources of a copy into its `dist`. What matters is the code: an error of types alone does not stop it. */
export async function build(root: string): Promise<void> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await runProcess([tsc, '-p', 'tsconfig.build.json'], { cwd: root, limitMs: BUILD_LIMIT_MS })
}
