/** Who imports whom, read from the sources. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = normalize(join(dirname(fileURLToPath(import.meta.url)), '../..'))

export interface Import {
  /** A path from the root for files of the repository, a bare name for packages. */
  readonly target: string
  /** Gone after compilation. */
  readonly typeOnly: boolean
}

/** TypeScript files below a folder, as paths from the root. */
export const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))

export const importsOf = (file: string): Import[] => importsIn(readFileSync(join(ROOT, file), 'utf8'), file)

export function importsIn(text: string, file: string): Import[] {
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:([^'"]*?)from\s+)?'([^']+)'/gms)]
  return found.map(([, type, names = '', target = '']) => ({
    target: target.startsWith('.') ? sourceOf(normalize(join(dirname(file), target))) : target,
    typeOnly: type !== undefined || /^\{(?:\s*type\s[^,}]+,?)+\s*\}\s*$/.test(names),
  }))
}

/** What is compiled to this file. */
function sourceOf(file: string): string {
  const [plain, page] = [file.replace(/\.js$/, '.ts'), file.replace(/\.js$/, '.tsx')]
  return existsSync(join(ROOT, page)) ? page : plain
}

/** Groups of files each of which leads to all others of its group. */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const reach = new Map([...graph.keys()].map((file) => [file, reachable(graph, file)] as const))
  const groups = new Set<string>()
  for (const [file, others] of reach) {
    if (!others.has(file)) continue
    groups.add(
      [...others]
        .filter((other) => reach.get(other)?.has(file) === true)
        .sort()
        .join('\n'),
    )
  }
  return [...groups].map((group) => group.split('\n'))
}

function reachable(graph: ReadonlyMap<string, readonly string[]>, from: string): Set<string> {
  const seen = new Set<string>()
  const next = [...(graph.get(from) ?? [])]
  for (let file = next.pop(); file !== undefined; file = next.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    next.push(...(graph.get(file) ?? []))
  }
  return seen
}
