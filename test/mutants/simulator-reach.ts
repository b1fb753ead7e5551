/**
 * Which seeds of the simulator can notice a mutant at all. A run is determined by its seed and the code that it passes: where
 * it passes none of the edited lines it is, event by event, the run without the mutant, and trying it again would prove nothing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Edit } from './mutant.js'
import { runProcess } from './process.js'
import { ROOT } from './workspace.js'

/** The process that counts what seeds run, as arguments of Node. */
export const PROBE = ['--no-opt', '--no-maglev', '--import', 'tsx', 'test/mutants/simulator-lines.ts']
const KEPT = join(ROOT, 'test-results', 'simulator-lines.json')
/** With its counters a seed takes a second; the machine may have other work. */
const LIMIT_PER_SEED_MS = 20_000
const START_MS = 240_000

/** Seeds that ran a line, ascending; `always`: it belongs to a module's own code, which is in force in every seed. */
export type LineReach = 'always' | readonly number[]

/** What `simulator-lines.ts` measured; only files that were loaded, only lines that have code. */
export interface SimulatorLines {
  /** What each seed from 1 on came to, without a mutant. */
  readonly hashes: readonly string[]
  /** The first thing that went wrong without a mutant. */
  readonly violation: string | null
  readonly files: Readonly<Record<string, Readonly<Record<number, LineReach>>>>
}

/**
 * What the first seeds, perhaps more than `seeds`, do in the sources under `root`, whose hash tells whether an earlier
 * measurement still holds.
 */
export async function simulatorLines(root: string, sources: string, seeds: number): Promise<SimulatorLines> {
  const kept = existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as Kept) : null
  if (kept !== null && kept.sources === sources && kept.lines.hashes.length >= seeds) return kept.lines
  const file = join(root, 'simulator-lines.json')
  const ended = await runProcess([...PROBE, String(seeds), file], {
    cwd: root,
    limitMs: START_MS + seeds * LIMIT_PER_SEED_MS,
  })
  if (ended.code !== 0) throw new Error(`the simulator did not come to an end: ${ended.output}`)
  const lines = JSON.parse(readFileSync(file, 'utf8')) as SimulatorLines
  mkdirSync(dirname(KEPT), { recursive: true })
  writeFileSync(KEPT, JSON.stringify({ sources, lines } satisfies Kept))
  return lines
}

interface Kept {
  readonly sources: string
  readonly lines: SimulatorLines
}

/** Of the seeds that were measured, those that run an edited line or one beside it, ascending. */
export function seedsThatReach(root: string, edits: readonly Edit[], { hashes, files }: SimulatorLines): number[] {
  const reached = new Set<number>()
  for (const edit of edits) {
    const lines = files[edit.file]
    if (lines === undefined) continue
    for (const line of editedLines(readFileSync(join(root, edit.file), 'utf8'), edit)) {
      const reach = lines[line] ?? []
      if (reach === 'always') return hashes.map((_, at) => at + 1)
      for (const seed of reach) reached.add(seed)
    }
  }
  return [...reached].sort((one, other) => one - other)
}

/**
 * The lines that an edit changes, from 1 on, and the line of code before them, which may decide whether they run: in
 * `if (one &&` / `two)` the second line is passed over while `one` is false, and an edit of it may still turn the whole.
 * What only puts something in runs if the code before or behind it does.
 */
function editedLines(text: string, { find, replace }: Edit): number[] {
  const shorter = Math.min(find.length, replace.length)
  let same = 0
  while (same < shorter && find[same] === replace[same]) same++
  let sameAtEnd = 0
  while (sameAtEnd < shorter - same && find.at(-1 - sameAtEnd) === replace.at(-1 - sameAtEnd)) sameAtEnd++
  const begin = text.indexOf(find)
  const all = text.split('\n')
  const lineAt = (offset: number) => text.slice(0, offset).split('\n').length
  const codeFrom = (line: number, step: 1 | -1) => {
    let at = line + step
    while (at > 1 && at < all.length && !isCode(all[at - 1] ?? '')) at += step
    return at
  }
  const first = codeFrom(lineAt(begin + same), -1)
  const changed = lineAt(begin + find.length - sameAtEnd)
  const last = same + sameAtEnd === find.length ? codeFrom(changed, 1) : changed
  return Array.from({ length: last - first + 1 }, (_, offset) => first + offset)
}

const isCode = (line: string): boolean => /\w/.test(line) && !/^\s*(?:\*|\/[/*])/.test(line)
