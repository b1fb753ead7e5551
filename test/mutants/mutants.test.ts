import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EDITS } from '../kit/programs/next-level-edits.js'
import { type Effort, run, testsFor } from './killers.js'
import { likelyTests } from './likely-tests.js'
import { MUTANTS } from './list/index.js'
import type { AppliedMutant } from './mutant.js'
import { runProcess } from './process.js'
import { applyEdit, applyEdits, copySources, editedFiles, ROOT } from './workspace.js'

const COMPILER_LIMIT_MS = 60_000
const KILL_TIMEOUT_MS = 120_000
const EFFORT: Effort = { seeds: [], trials: 1 }

let place = ''
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'tnl-mutants-test-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

const applied = MUTANTS.filter((mutant) => 'edits' in mutant)

describe('the list of mutants', () => {
  it('has each id once', () => {
    const ids = MUTANTS.map(({ id }) => id)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  })

  it.each(applied.map((mutant) => [mutant.id, mutant] as const))('%s applies to the sources', async (_, mutant) => {
    await editedFiles(ROOT, mutant.edits)
    expect(testsFor(mutant)).not.toEqual([])
  })

  it('every mutant can be parsed: one that cannot would be killed by anything', async () => {
    for (const { id, edits } of applied) {
      for (const [file, text] of await editedFiles(ROOT, edits)) {
        const path = join(place, id, file)
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, text)
      }
    }
    const options = {
      include: ['**/*.ts'],
      compilerOptions: { noEmit: true, noCheck: true, noResolve: true, types: [] },
    }
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify(options))
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { code, output } = await runProcess([tsc, '-p', place], { cwd: place, limitMs: COMPILER_LIMIT_MS })
    expect(output).toBe('')
    expect(code).toBe(0)
  })
})

it('the edits of the next feature level apply to the sources', async () => {
  expect((await editedFiles(ROOT, EDITS)).size).toBeGreaterThan(0)
})

describe('an edit', () => {
  const edit = { file: 'a.ts', find: 'one', replace: 'two' }

  it('replaces the one place where its text occurs, as it stands', () => {
    expect(applyEdit('just one.', { ...edit, replace: "$& $'" })).toBe("just $& $'.")
  })

  it('is refused where its text does not occur exactly once, or changes nothing', () => {
    expect(() => applyEdit('none', { ...edit, find: 'two' })).toThrow('a.ts: "two" occurs 0 times')
    expect(() => applyEdit('one and one', edit)).toThrow('occurs 2 times')
    expect(() => applyEdit('one', { ...edit, replace: 'one' })).toThrow('changes nothing')
  })
})

describe('the tool', () => {
  const planted: AppliedMutant = {
    id: 'planted',
    title: 'one voter less than a majority is enough',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/core/quorum/majority.ts',
        find: 'return Math.floor(voters / 2) + 1',
        replace: 'return Math.max(1, Math.floor(voters / 2))',
      },
    ],
  }

  it('kills a planted mutant and leaves sources without one alone', { timeout: KILL_TIMEOUT_MS }, async () => {
    const root = join(place, 'planted')
    const tests = { all: ['test/raft/core/quorum.test.ts'] }
    await copySources(ROOT, root)
    expect(await run('tests', root, tests, EFFORT)).toEqual({ killed: false, by: '' })
    await applyEdits(root, planted.edits)
    const outcome = await run('tests', root, tests, EFFORT)
    expect(outcome?.killed).toBe(true)
    expect(outcome?.by).toContain('test/raft/core/quorum.test.ts')
  })
})

describe('the tests that run first', () => {
  const edits = [{ file: 'src/raft/core/quorum/majority.ts', find: '', replace: '' }]
  const tests = ['test/raft/core', 'test/tidy/rings.test.ts']

  it('are the one that noticed the mutant last, and those that import an edited file', () => {
    const first = 'test/raft/core/elections.test.ts'
    const likely = likelyTests(ROOT, { edits }, tests, first)
    expect(likely[0]).toBe(first)
    expect(likely).toContain('test/raft/core/quorum.test.ts')
  })

  it('are among those of the mutant, and exist', () => {
    expect(likelyTests(ROOT, { edits }, ['test/tidy'], 'test/raft/core/gone.test.ts')).toEqual([])
  })
})
