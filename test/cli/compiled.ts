/**
 * The programs of the sources under test, compiled: a guardian may have no children but those of its command, and a loader
 * for TypeScript starts some.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..', '..')
/** Below the root, so that the packages are found. */
const PLACE = join(ROOT, 'test-results')

/** Compiles before the tests of this file, and gives the path of a program of `src/cli`. */
export function compiledPrograms(): (name: string) => string {
  let folder = ''
  beforeAll(() => {
    mkdirSync(PLACE, { recursive: true })
    folder = mkdtempSync(join(PLACE, 'compiled-'))
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
    const words = [
      tsc,
      '-p',
      'tsconfig.build.json',
      '--outDir',
      join(folder, 'dist'),
      '--declaration',
      'false',
      '--sourceMap',
      'false',
    ]
    // What is left out of it by an error of types alone is seen by the tests themselves.
    spawnSync(process.execPath, words, { cwd: ROOT, stdio: 'inherit' })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return (name) => join(folder, 'dist', 'cli', `${name}.js`)
}
