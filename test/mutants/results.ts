/** What is known about each mutant, kept between runs, and the table of it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { KILLERS, killersFor, type Outcome } from './killers.js'
import type { AppliedMutant, KillerName, Mutant } from './mutant.js'
import { ROOT } from './workspace.js'

const RESULTS = join(ROOT, 'test-results', 'mutants.json')
/** A row a line: what a fresh clone begins with, so that a few mutants can be tried again and the table stays whole. */
const EVIDENCE = join(ROOT, 'docs', 'evidence', 'mutants.jsonl')

/** Sources that passed these checks without a mutant. */
export interface Baseline {
  readonly sources: string
  readonly checks: readonly string[]
}

interface Row {
  /** Of the edits: a mutant that was changed has to be tried again. */
  readonly edits: string
  readonly outcomes: Partial<Record<KillerName, Outcome>>
}

interface Contents {
  baseline: Baseline | null
  readonly rows: Record<string, Row>
}

export type Verdict = 'killed' | 'explained' | 'survived' | 'not tried'

export class Results {
  #contents = load()

  get baseline(): Baseline | null {
    return this.#contents.baseline
  }

  setBaseline(baseline: Baseline): void {
    this.#change((contents) => {
      contents.baseline = baseline
    })
  }

  /** Keeps what other killers said about the same edits. */
  record(mutant: AppliedMutant, outcomes: Row['outcomes']): void {
    this.#change((contents) => {
      contents.rows[mutant.id] = { edits: digest(mutant), outcomes: { ...this.outcomesOf(mutant), ...outcomes } }
    })
  }

  outcomesOf(mutant: AppliedMutant): Row['outcomes'] {
    const row = this.#contents.rows[mutant.id]
    return row?.edits === digest(mutant) ? row.outcomes : {}
  }

  /** The test file that noticed it last, perhaps with other edits. */
  lastNoticedBy({ id }: Mutant): string | null {
    return testFile(this.#contents.rows[id]?.outcomes.tests?.by ?? '')
  }

  /** A mutant survives when every check that can reach it was tried. */
  verdict(mutant: Mutant): Verdict {
    if ('notApplicable' in mutant) return 'explained'
    const outcomes = Object.values(this.outcomesOf(mutant))
    if (outcomes.some(({ killed }) => killed)) return 'killed'
    if (mutant.equivalent !== undefined) return 'explained'
    const isTried = killersFor(mutant).every((name) => this.outcomesOf(mutant)[name] !== undefined)
    return isTried ? 'survived' : 'not tried'
  }

  /** For later clones. Rows of mutants that are gone, or were changed, are left out. */
  publish(mutants: readonly Mutant[]): void {
    const lines = mutants.flatMap((mutant) => {
      const outcomes = 'edits' in mutant ? this.outcomesOf(mutant) : {}
      const isKnown = 'edits' in mutant && Object.keys(outcomes).length > 0
      return isKnown ? [`${JSON.stringify({ id: mutant.id, edits: digest(mutant), outcomes })}\n`] : []
    })
    writeFileSync(EVIDENCE, lines.join(''))
  }

  /** Another run may have written meanwhile. */
  #change(change: (contents: Contents) => void): void {
    this.#contents = load()
    change(this.#contents)
    mkdirSync(dirname(RESULTS), { recursive: true })
    writeFileSync(RESULTS, `${JSON.stringify(this.#contents, null, 2)}\n`)
  }
}

function load(): Contents {
  if (existsSync(RESULTS)) return JSON.parse(readFileSync(RESULTS, 'utf8')) as Contents
  const lines = existsSync(EVIDENCE) ? readFileSync(EVIDENCE, 'utf8').split('\n').filter(Boolean) : []
  const published = lines.map((line) => JSON.parse(line) as Row & { readonly id: string })
  return { baseline: null, rows: Object.fromEntries(published.map(({ id, ...row }) => [id, row])) }
}

function digest({ edits }: AppliedMutant): string {
  return createHash('sha256').update(JSON.stringify(edits)).digest('hex').slice(0, 16)
}

const testFile = (by: string): string | null => /^test\/[^:]+\.ts/.exec(by)?.[0] ?? null

/** What noticed the mutant, or after how many seeds; `-` for a check that noticed nothing. */
function cell(name: KillerName, outcome: Outcome | undefined): string {
  if (outcome === undefined) return ''
  if (name === 'simulator') {
    if (outcome.killed) return `seed ${outcome.seeds}`
    const { seeds, reached } = outcome
    return reached === 0 ? `no seed of ${seeds} runs it` : `not in ${seeds}, ${reached ?? 'some'} run it`
  }
  if (!outcome.killed) return '-'
  if (name === 'tests') return testFile(outcome.by)?.replace(/^test\/(.+?)(\.test)?\.ts$/, '$1') ?? 'yes'
  return name === 'scenarios' ? outcome.by : 'yes'
}

export function describe(mutant: Mutant, results: Results): string {
  if ('notApplicable' in mutant) return `${mutant.id}  not applicable: ${mutant.notApplicable}`
  const outcomes = results.outcomesOf(mutant)
  const said = KILLERS.flatMap((name) => {
    const outcome = outcomes[name]
    return outcome === undefined ? [] : [`${name} ${cell(name, outcome)}${outcome.killed ? ` [${outcome.by}]` : ''}`]
  })
  return `${mutant.id}  ${results.verdict(mutant)}  ${said.join('; ')}`
}

const inCell = (text: string): string => text.replaceAll('|', '\\|')

function tableRow(mutant: AppliedMutant, results: Results): string {
  const outcomes = results.outcomesOf(mutant)
  const verdict = results.verdict(mutant)
  const reach = killersFor(mutant)
  const cells = KILLERS.map((name) =>
    reach.includes(name) && outcomes[name] === undefined ? 'not tried' : inCell(cell(name, outcomes[name])),
  )
  const note = verdict === 'killed' ? '' : ` (${verdict})`
  return `| ${mutant.id}${note} | ${inCell(mutant.title)} | ${mutant.rule} | ${cells.join(' | ')} |`
}

export function page(mutants: readonly Mutant[], results: Results): string {
  const applied = mutants.filter((mutant) => 'edits' in mutant)
  const equivalent = applied.filter((mutant) => mutant.equivalent !== undefined)
  const inapplicable = mutants.filter((mutant) => 'notApplicable' in mutant)
  const reasons = [
    ...equivalent.map(({ id, title, equivalent }) => `| ${id} | ${inCell(title)} | ${inCell(equivalent ?? '')} |`),
    ...inapplicable.map(({ id, title, notApplicable }) => `| ${id} | ${inCell(title)} | ${inCell(notApplicable)} |`),
  ]
  return `# Mutants

Generated by \`npm run mutants -- --write\`; do not edit. Each mutant is a bug that is put into a copy of the sources; they are in
[test/mutants/list](../../test/mutants/list). \`source\` says which rule it breaks: a rule or section of [rules.md](../rules.md), an
invariant of [ARCHITECTURE.md](../ARCHITECTURE.md), \`others\` for a bug that other Raft implementations had, or \`own\`.

How to read the table, and what it does not say:

1. A cell says what noticed the mutant: a scenario file, the first test file that failed, the simulator's first seed with a
   violation, the storage torture; \`-\` noticed nothing, and an empty cell is out of reach of that check.
2. The checks are tried from left to right, and most mutants are done with their first kill: \`not tried\` means that an earlier
   column had noticed it already, and says nothing about the later one.
3. \`not in 200, 37 run it\` means that of the simulator's first 200 seeds 37 run the edited lines, and none of them showed
   anything: the bug needs a rarer schedule, or its effect is something that no check there looks at (a message to a person,
   a bound that no client there comes near). The other 163 pass the lines by and are, event by event, the runs without the bug.
   For some 65 mutants (November 2026) a seed was not run either where a probe beside the edited code had shown, by hand, that
   both versions come to the same all along.
4. A kill shows that this edit of this line is noticed; it does not show that its neighbours would be, of which
   [the mutation tool](mutation.md) tries a sample.
5. All of these are bugs that somebody had or could imagine, one at a time: the table cannot say anything about bugs that
   nobody thought of, which is what the simulator's seeds and jepsen-lite are for.

${summary(mutants, results)}.

| mutant | what it breaks | source | scenarios | tests | simulator | storage torture |
|---|---|---|---|---|---|---|
${applied.map((mutant) => tableRow(mutant, results)).join('\n')}

## Without a kill, and why

| mutant | what it would break | why there is nothing to kill |
|---|---|---|
${reasons.join('\n')}
`
}

export function summary(mutants: readonly Mutant[], results: Results): string {
  const count = (verdict: Verdict) => mutants.filter((mutant) => results.verdict(mutant) === verdict).length
  const untried = count('not tried')
  const text = `${count('killed')} killed, ${count('explained')} explained, ${count('survived')} survived`
  return untried === 0 ? text : `${untried} not tried; ${text}`
}
