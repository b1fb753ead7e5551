/** What texts of this repository quote (rules, sections, decisions, mutants, invariants, files), and whether it exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'

/** A text file of the repository, by its path from the root. */
export interface Text {
  readonly file: string
  readonly text: string
}

/** All that may be quoted. */
export interface Library {
  /** Paths of files and folders from the root. */
  readonly paths: ReadonlySet<string>
  /** By the name of the page: the headings and bold beginnings of its paragraphs. */
  readonly sections: ReadonlyMap<string, readonly string[]>
  /** By the path of a page: the anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlyMap<string, ReadonlySet<string>>
  readonly rules: ReadonlySet<number>
  readonly decisions: ReadonlySet<number>
  readonly invariants: ReadonlySet<number>
  readonly mutants: ReadonlySet<string>
  readonly scripts: ReadonlySet<string>
}

const SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', 'test-results', 'coverage'])

export function pathsBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return []
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    return entry.isDirectory() ? [path, ...pathsBelow(root, path)] : [path]
  })
}

/** A heading's text, without marks, and its anchor. */
const HEADING = /^#+ (.*)$/gm
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
const plain = (markdown: string): string => markdown.replace(/[*`]|\.$/g, '').trim()

export function readLibrary(root: string, mutants: Iterable<string>): Library {
  const paths = new Set(pathsBelow(root))
  const pages = [...paths].filter((path) => path.endsWith('.md'))
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const headings = (text: string): string[] => [...text.matchAll(HEADING)].map(([, heading = '']) => heading)
  const bold = (text: string): string[] =>
    [...text.matchAll(/^(?:[-*>] )?\*\*([^*]+)\*\*/gm)].map(([, lead = '']) => lead)
  const numbers = (text: string, pattern: RegExp): Set<number> =>
    new Set([...text.matchAll(pattern)].map(([, number]) => Number(number)))
  return {
    paths,
    sections: new Map(
      pages.map((path) => [basename(path), [...headings(read(path)), ...bold(read(path))].map(plain)] as const),
    ),
    anchors: new Map(pages.map((path) => [path, new Set(headings(read(path)).map(anchorOf))] as const)),
    rules: numbers(read('docs/rules.md'), /^### Rule (\d+):/gm),
    decisions: numbers([...paths].join('\n'), /^docs\/adr\/0*(\d+)-[a-z0-9-]+\.md$/gm),
    invariants: invariantsOf(read('docs/ARCHITECTURE.md')),
    mutants: new Set(mutants),
    scripts: new Set(Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)),
  }
}

/** Rows of the table that begin `| I7 |` or `| I2–I4 |`. */
function invariantsOf(page: string): Set<number> {
  const numbers = new Set<number>()
  for (const [, from, to] of page.matchAll(/^\| I(\d+)(?:–I(\d+))? \|/gm)) {
    for (let number = Number(from); number <= Number(to ?? from); number++) numbers.add(number)
  }
  return numbers
}

/** Comments alone, of a source file; all of any other. Lines keep their numbers. */
export function wordsOf({ file, text }: Text): string {
  if (!/\.(ts|js|mts|c)$/.test(file)) return text
  let inBlock = false
  const comments = text.split('\n').map((line) => {
    const opens = /^\s*\/\*/.test(line)
    const isComment = inBlock || opens || /^\s*\/\//.test(line)
    inBlock = (inBlock || opens) && !line.includes('*/')
    if (isComment) return line
    return / \/\/ (.*)$/.exec(line)?.[1] ?? (/\/\*\* .* \*\/$/.test(line) ? line : '')
  })
  return comments.join('\n')
}

type Check = (text: Text, words: string, library: Library) => string[]

const matches = (words: string, pattern: RegExp): string[][] => [...words.matchAll(pattern)].map((match) => [...match])

/** Books of the workplace, which no reader of the repository has. */
const FOREIGN = /\bengine\.md\b|\braft-reference\b|\bfield-notes\b|\bcontract(?:\.md)? ?(?:§|[A-Z]\d)|§ ?\d|\bB11\b/gi
const foreignBooks: Check = (_, words) => matches(words, FOREIGN).map(([quote]) => `another book: ${quote}`)

/** `rule 5`, `rules 2, 3`, `rules 5, 9 and 11`, `rules 1 to 3`. */
const RULES = /\brules? (\d+(?:(?:, | and |, and | to |–)\d+)*)\b(?!\.\d)/gi
const rules: Check = (_, words, library) =>
  matches(words, RULES).flatMap(([, list = '']) =>
    matches(list, /\d+/g)
      .filter(([number]) => !library.rules.has(Number(number)))
      .map(([number]) => `rule ${number}`),
  )

/** `rules.md, Storage` and `protocol.md (Lines)`: what follows begins with the name of a section. */
const SECTIONS = /\b([a-zA-Z]+\.md)(?:, | \()(?!rules? \d)([A-Z]\w+(?: \w+){0,4})/g
const sections: Check = (_, words, library) =>
  matches(words, SECTIONS).flatMap(([quote = '', page = '', words = '']) => {
    const known = library.sections.get(page)
    if (known === undefined) return [`page ${page}`]
    const first = words.split(' ')[0] ?? ''
    return known.some((name) => words.startsWith(name) || name.startsWith(first)) ? [] : [`section ${quote}`]
  })

const decisions: Check = (_, words, library) =>
  matches(words, /\bADRs? (\d+(?:(?:, | and )\d+)*)/g).flatMap(([, list = '']) =>
    matches(list, /\d+/g)
      .filter(([number]) => !library.decisions.has(Number(number)))
      .map(([number]) => `ADR ${number}`),
  )

const mutants: Check = (_, words, library) =>
  [
    ...matches(words, /\bmutants? ((?:[A-Z]\d\w*(?:, | and )?)+)/g).flatMap(([, list = '']) =>
      matches(list, /\w*\d\w*/g),
    ),
    ...matches(words, /(?<![\w$/.-])[MXYZ]\d{2,3}[a-z]?\b(?![.-]\d)/g),
  ]
    .filter(([id = '']) => !library.mutants.has(id))
    .map(([id]) => `mutant ${id}`)

const invariants: Check = (_, words, library) =>
  matches(words, /(?<![\w$/.-])I(\d{1,2})\b(?![.-]\d)/g)
    .filter(([, number]) => !library.invariants.has(Number(number)))
    .map(([quote]) => `invariant ${quote}`)

/** `src/raft/core/raft.ts` anywhere, and `raft.ts` in back quotes: the end of some path of the repository. */
const PATHS = /(?<![\w/.@-])((?:src|test|docs|scripts|deploy|bin)\/[\w./-]*\w)/g
const FILES = /`((?:[\w.-]+\/)*[\w-]+(?:\.[a-z-]+)*\.(?:ts|js|c|sh|md|py|yaml))`/g
/** Made while something runs. */
const MADE = /^(?:test-results|dist)\//
const files: Check = (_, words, { paths, decisions }) => {
  const isThere = (path: string): boolean =>
    paths.has(path) ||
    decisions.has(Number(/^docs\/adr\/0*(\d+)$/.exec(path)?.[1] ?? Number.NaN)) ||
    [...paths].some((each) => each.endsWith(`/${path}`))
  const isQuotable = (path: string): boolean => isThere(path) || isThere(path.replace(/\.js$/, '.ts'))
  const quoted = [...matches(words, PATHS), ...matches(words, FILES)].map(([, path = '']) => path)
  return [...new Set(quoted)].filter((path) => !MADE.test(path) && !isQuotable(path)).map((path) => `file ${path}`)
}

/** Links of a page: files beside it, and anchors in them. */
const LINKS = /\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)/g
const links: Check = ({ file }, words, library) =>
  !file.endsWith('.md')
    ? []
    : matches(words, LINKS).flatMap(([, path = '', anchor]) => {
        const target = path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/, '')
        if (!library.paths.has(target)) return [`link ${path}`]
        const known = anchor === undefined || library.anchors.get(target)?.has(anchor) === true
        return known ? [] : [`anchor ${path}#${anchor}`]
      })

const scripts: Check = (_, words, library) =>
  matches(words, /\bnpm run (?:-s )?([a-z][\w:-]*)/g)
    .filter(([, name = '']) => !library.scripts.has(name))
    .map(([quote]) => `${quote}`)

const CHECKS: readonly Check[] = [foreignBooks, rules, sections, decisions, mutants, invariants, files, links, scripts]

/** What a text quotes and the library does not have. */
export function strayQuotes(text: Text, library: Library): string[] {
  const words = wordsOf(text)
  return CHECKS.flatMap((check) => check(text, words, library)).map((quote) => `${text.file}: ${quote}`)
}

/** Lines of prose that are too long to read, as `file:line`. Rows of tables, code and pictures cannot be broken. */
export function longLines({ file, text }: Text, limit: number): string[] {
  let isCode = false
  return text.split('\n').flatMap((line, at) => {
    if (line.startsWith('```')) isCode = !isCode
    const isProse = !isCode && !/^(?:\||<| {4})/.test(line)
    return isProse && line.length > limit ? [`${file}:${at + 1}`] : []
  })
}

export function readTexts(root: string, library: Library, pattern: RegExp): Text[] {
  return [...library.paths]
    .filter((file) => pattern.test(file) && existsSync(join(root, file)))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
}
