/** Every rule, section, decision, mutant, invariant and file that a text names is in this repository. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from '../mutants/list/index.js'
import { longLines, readLibrary, readTexts, strayQuotes } from './quotes.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROSE_LINE_CHARACTERS = 130

const library = readLibrary(
  ROOT,
  MUTANTS.map(({ id }) => id),
)
/** Not what is written by tools, nor this test, which quotes what is not there on purpose. */
const isOurs = (file: string): boolean =>
  !/^(?:docs\/evidence\/(?:mutants|simulator)\.md|test\/tidy\/quotes)|\/data\//.test(file)
const texts = readTexts(
  ROOT,
  library,
  /^(?:(?:src|test|scripts|docs|deploy|bin)\/.*\.(?:ts|mts|js|c|md|sh|txt|yaml)|[^/]+\.md|\.ci\/run)$/,
).filter(({ file }) => isOurs(file))

it('finds what texts quote', () => {
  expect(texts.length).toBeGreaterThan(400)
  expect([...library.rules]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  expect(library.decisions.size).toBeGreaterThan(20)
  expect(library.invariants.size).toBe(14)
  expect(library.sections.get('rules.md')).toEqual(expect.arrayContaining(['Storage', 'Slow disks', 'Time']))
})

it('all that is quoted exists', () => {
  expect(texts.flatMap((text) => strayQuotes(text, library))).toEqual([])
})

it(`prose has at most ${PROSE_LINE_CHARACTERS} characters a line`, () => {
  const pages = texts.filter(({ file }) => file.endsWith('.md'))
  expect(pages.flatMap((page) => longLines(page, PROSE_LINE_CHARACTERS))).toEqual([])
})

it('no merge is half done', () => {
  expect(texts.filter(({ text }) => /^(?:<{7}|>{7}) /m.test(text)).map(({ file }) => file)).toEqual([])
})

describe('a probe is noticed', () => {
  it.each([
    '// rules.md rule 13',
    '// rules 2, 3 and 77',
    '// engine.md, Time',
    '// contract §2.2',
    '// see § 4',
    '// rules.md, Nonsense',
    '// protocol.md (Nonsense)',
    '// ADR 99',
    '// docs/adr/0099-nothing.md',
    '// (mutant M99)',
    '// noticed as X99',
    '// (I15)',
    '// see src/raft/core/nothing.ts',
    '// see `nothing-at-all.ts`',
    '/** `npm run nothing` */',
    'const x = 1 // rule 44',
  ])('%s', (text) => {
    expect(strayQuotes({ file: 'src/probe.ts', text }, library)).not.toEqual([])
  })

  it.each(['[x](docs/nothing.md)', '[x](docs/rules.md#rule-99)', '[x](#nowhere)'])('%s', (text) => {
    expect(strayQuotes({ file: 'README.md', text }, library)).not.toEqual([])
  })

  it.each([
    '// rules.md rule 5, and rules 1, 2 and 7; rules.md, Storage: ADR 4 (mutants M34, M35; I9), `raft.ts`, src/raft/core',
    "const rule = 'engine.md'",
  ])('and this passes: %s', (text) => {
    expect(strayQuotes({ file: 'src/probe.ts', text }, library)).toEqual([])
  })
})
