import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Import, importsIn, importsOf, ROOT as root, sources } from './imports.js'
import { BASE, RINGS, type Ring, ringTable } from './rings.js'

const SMALL_FILES: readonly string[] = [...BASE.filter((path) => path.endsWith('.ts')), 'src/raft/limits.ts']

/** What is loaded by other means than an import: the package's exports, and a thread by its address. */
const ENTRIES: readonly string[] = [
  'src/client/index.ts',
  'src/client/heartbeat/thread-worker.ts',
  'src/server/access/auth-worker.ts',
]

function mayImport(ring: Ring, { target }: Import): boolean {
  if (target.startsWith('test/') || target.startsWith('scripts/')) return false
  if (target.startsWith('src/')) return [ring.folder, ...BASE, ...ring.knows].some((path) => target.startsWith(path))
  return ring.packages.some(
    (name) => name === '*' || name === target || (name === 'node:*' && target.startsWith('node:')),
  )
}

/** Ways to time, chance, promises and the machine. */
const MACHINE = [
  /\bDate\b/,
  /\bMath\.random\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /(?<![#.])\bprocess\b/,
  /\bperformance\b/,
  /\bcrypto\b/,
  /\bfetch\(/,
  /\brequire\(/,
  /\bimport\(/,
  /\bglobalThis\b/,
]
const PROMISES = [/\basync\b/, /\bawait\b/, /\bPromise\b/]

const uncommented = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')

function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [word] of text.matchAll(/[\w$]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

const QUOTED = /\/\*[\s\S]*?\*\/|\/\/.*$|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/gm

/** The code alone: without comments and without what is quoted. What a template asks for is code. */
const codeOf = (text: string): string =>
  text.replace(QUOTED, (quoted) => (quoted.match(/\$\{[^}]*\}?/g) ?? ["''"]).join('+'))

const bannedIn = ({ kind }: Ring): readonly RegExp[] =>
  kind === 'pure' ? [...MACHINE, ...PROMISES] : kind === 'still' ? MACHINE : []

describe('rings', () => {
  for (const ring of RINGS) {
    it(`${ring.folder} knows only what the table says`, () => {
      const files = sources(ring.folder)
      expect(files.length).toBeGreaterThan(0)
      const wrong = files.flatMap((file) =>
        importsOf(file)
          .filter((target) => !mayImport(ring, target))
          .map(({ target }) => `${file} imports ${target}`),
      )
      expect(wrong).toEqual([])
    })

    it.runIf(ring.kind !== 'machine')(
      `${ring.folder} has no clock, no randomness, no timers, no machine of its own`,
      () => {
        const banned = bannedIn(ring)
        const wrong = sources(ring.folder).flatMap((file) => {
          const code = codeOf(readFileSync(join(root, file), 'utf8'))
          return banned.filter((word) => word.test(code)).map((word) => `${file}: ${word}`)
        })
        expect(wrong).toEqual([])
      },
    )
  }

  it('cover every source file', () => {
    const homeless = sources('src').filter(
      (file) => !RINGS.some(({ folder }) => file.startsWith(folder)) && !SMALL_FILES.includes(file),
    )
    expect(homeless).toEqual([])
  })

  it('are the table of ARCHITECTURE.md', () => {
    expect(readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8')).toContain(ringTable())
  })

  it.each([
    "import { connect } from 'node:net'",
    'const now = Date.now()',
    'const chance = Math.random()',
    'setTimeout(() => undefined, 1)',
    `const text = \`it is \${Date.now()}\``,
    "const url = 'http://x' // a comment\nconst chance = Math.random()",
    "const url = 'http://x'; setTimeout(() => undefined, 1)",
  ])('a probe of `%s` is noticed', (line) => {
    for (const folder of ['src/service/', 'src/locks/', 'src/raft/core/']) {
      const ring = RINGS.find((each) => each.folder === folder)
      if (ring === undefined) throw new Error(`no ring ${folder}`)
      const wrong = importsIn(line, `${folder}probe.ts`).some((target) => !mayImport(ring, target))
      expect(wrong || bannedIn(ring).some((word) => word.test(codeOf(line))), folder).toBe(true)
    }
  })

  it('only the store touches level, only the transport and the client port open sockets', () => {
    const users = (name: string) =>
      sources('src')
        .filter((file) => importsOf(file).some((target) => target.target === name && !target.typeOnly))
        .map((file) => dirname(file))
    expect(new Set([...users('level'), ...users('classic-level')])).toEqual(new Set(['src/raft/store']))
    const allowed = ['src/sockets', 'src/raft/net', 'src/server', 'src/client', 'src/test-cluster', 'src/cli']
    const sockets = users('node:net').filter((folder) => !allowed.some((home) => `${folder}/`.startsWith(`${home}/`)))
    expect(sockets).toEqual([])
  })
})

describe('house rules', () => {
  const all = [...sources('src'), ...sources('test')]

  it('files stay at or below 400 lines', () => {
    const long = all
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
      .filter(({ lines }) => lines > 400)
    expect(long).toEqual([])
  })

  it('nothing is left to do later', () => {
    const marks = /\b(TODO|FIXME|XXX|HACK)\b/
    const here = relative(root, fileURLToPath(import.meta.url))
    expect(all.filter((file) => file !== here && marks.test(readFileSync(join(root, file), 'utf8')))).toEqual([])
  })

  /** What only tests use lives with them; `src/testing` is for the tests of others as well. */
  it('everything in src is used in src', () => {
    const files = sources('src').filter((file) => !file.startsWith('src/testing/'))
    const imported = new Set(files.flatMap((file) => importsOf(file).map(({ target }) => target)))
    const entries = ['package.json', 'scripts/bundle.js', ...sources('src/cli')]
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join()
    const isEntry = (file: string): boolean =>
      ENTRIES.includes(file) || entries.includes(basename(file).replace(/\.tsx?$/, '.js'))
    expect(files.filter((file) => !imported.has(file) && !isEntry(file))).toEqual([])

    const words = new Map(files.map((file) => [file, countWords(uncommented(readFileSync(join(root, file), 'utf8')))]))
    const users = new Map<string, number>()
    for (const counts of words.values()) for (const word of counts.keys()) users.set(word, (users.get(word) ?? 0) + 1)
    const unused = files.flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/^export (?:async )?(?:const|function|class) (\w+)/gm)]
        .map(([, name = '']) => name)
        .filter((name) => users.get(name) === 1 && words.get(file)?.get(name) === 1)
        .map((name) => `${file}: ${name}`),
    )
    expect(unused).toEqual([])
  })
})
