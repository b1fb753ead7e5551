/**
 * A program of the next feature level, as the next release will be one: the present sources with the edits of
 * `next-level-edits.ts`. Tests run it beside the present program, to see a cluster upgraded before there is anything to upgrade to.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { editedFiles } from '../../mutants/workspace.js'
import { compiledProgram, ROOT } from './built.js'
import { EDITS } from './next-level-edits.js'

/** Set by the mutants' tool: a mutant lives in the present program, and the next one is the same for all of them. */
export const NEXT_PROGRAM_VARIABLE = 'TNL_NEXT_PROGRAM'

const COPIED = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'] as const

/** The root of the built program. */
export async function nextLevelProgram(): Promise<string> {
  const given = process.env[NEXT_PROGRAM_VARIABLE] ?? ''
  return given === '' ? compiledProgram(`next-level-${hashOfSources()}`, prepare) : given
}

/** Throws if one of the edits no longer fits the sources. */
async function prepare(folder: string): Promise<void> {
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true })
  for (const [file, text] of await editedFiles(ROOT, EDITS)) await writeFile(join(folder, file), text)
  // `tnl status` shows which program a node runs.
  const manifest = join(folder, 'package.json')
  const fields = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  await writeFile(manifest, JSON.stringify({ ...fields, version: `${fields.version}-next` }, null, 2))
}

/** What makes the program: the sources, how they are compiled, and the edits. */
function hashOfSources(): string {
  const hash = createHash('sha256').update(JSON.stringify(EDITS))
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
