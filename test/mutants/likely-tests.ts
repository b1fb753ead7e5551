/** Which test files probably notice a mutant. They run before the rest, so that most mutants cost seconds and not a minute. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { AppliedMutant } from './mutant.js'

/** More are hardly quicker than all. */
const LIKELY_FILES = 6

/**
 * The file that noticed this mutant, or an earlier form of it, last; then those that import an edited file themselves.
 * Of `tests` only, which are folders or files.
 */
export function likelyTests(
  root: string,
  { edits }: Pick<AppliedMutant, 'edits'>,
  tests: readonly string[],
  noticedBy: string | null,
): string[] {
  const files = tests.flatMap((path) => testFiles(root, path))
  const imports = edits.map(({ file }) => `/${basename(file, '.ts')}.js'`)
  const importers = files.filter((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    return imports.some((name) => text.includes(name))
  })
  const last = noticedBy !== null && files.includes(noticedBy) ? [noticedBy] : []
  return [...new Set([...last, ...importers])].slice(0, LIKELY_FILES)
}

function testFiles(root: string, path: string): string[] {
  if (!existsSync(join(root, path))) return []
  if (statSync(join(root, path)).isFile()) return [path]
  const names = readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${path}/${name}`)
    .sort()
}
