/** Programs made of the present sources with a few edits: of the next feature level, or with a bug. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edit } from '../../mutants/mutant.js'
import { editedFiles } from '../../mutants/workspace.js'
import { compiledProgram, ROOT } from './built.js'

const COPIED = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'] as const

/**
 * The root of the built program, whose version ends with `-suffix`, as `tnl status` shows. Throws if one of the edits no longer fits
 * the sources.
 */
export function editedProgram(suffix: string, edits: readonly Edit[]): Promise<string> {
  return compiledProgram(`${suffix}-${hashOfSources(edits)}`, async (folder) => {
    for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true })
    for (const [file, text] of await editedFiles(ROOT, edits)) await writeFile(join(folder, file), text)
    const manifest = join(folder, 'package.json')
    const fields = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
    await writeFile(manifest, JSON.stringify({ ...fields, version: `${fields.version}-${suffix}` }, null, 2))
  })
}

/** What makes the program: the sources, how they are compiled, and the edits. */
function hashOfSources(edits: readonly Edit[]): string {
  const hash = createHash('sha256').update(JSON.stringify(edits))
  for (const file of COPIED.flatMap((name) => filesIn(join(ROOT, name)))) {
    hash.update(file.slice(ROOT.length)).update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 16)
}

function filesIn(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => join(entry.parentPath, entry.name)).sort()
}
