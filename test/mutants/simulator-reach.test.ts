import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSeed } from '../sim/simulation.js'
import { edit } from './mutant.js'
import { runProcess } from './process.js'
import { type LineReach, PROBE, type SimulatorLines, seedsThatReach } from './simulator-reach.js'
import { ROOT } from './workspace.js'

const PROBE_TIMEOUT_MS = 120_000
const FILE = 'a.ts'
const TEXT = `const LIMIT = 3

/** Why. */
function f(one: boolean, two: boolean) {
  if (one &&
    two) {
    begin()
    // A remark.
    end()
  }
  last()
}
`
/** Which seeds ran which line of the text. */
const LINES: Record<number, LineReach> = { 1: 'always', 5: [1, 2], 6: [2], 7: [3], 9: [4], 11: [1, 2, 3] }

let place = ''
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'tnl-reach-test-'))
  await writeFile(join(place, FILE), TEXT)
})
afterAll(() => rm(place, { recursive: true, force: true }))

function seeds(find: string, replace: string): number[] {
  const lines: SimulatorLines = { hashes: ['', '', '', '', ''], violation: null, files: { [FILE]: LINES } }
  return seedsThatReach(place, [edit(FILE, find, replace)], lines)
}

describe('the seeds that can notice a mutant', () => {
  it('are those that run the edited line, or the line of code before it', () => {
    expect(seeds('last()', 'first()')).toEqual([1, 2, 3, 4])
    expect(seeds('    two) {', '    three) {')).toEqual([1, 2])
  })

  it('are those that run the code on either side of what is only put in', () => {
    expect(seeds('    begin()\n', '    begin()\n    middle()\n')).toEqual([3, 4])
  })

  it('do not depend on how much of the unchanged text an edit quotes', () => {
    expect(
      seeds(
        'if (one &&\n    two) {\n    begin()\n    // A remark.\n    end()',
        'if (one &&\n    two) {\n    begin()\n    // A remark.\n    finish()',
      ),
    ).toEqual([3, 4])
  })

  it("are all, where a module's own code is edited, and none in a file that is not loaded", () => {
    expect(seeds('LIMIT = 3', 'LIMIT = 4')).toEqual([1, 2, 3, 4, 5])
    const lines: SimulatorLines = { hashes: [''], violation: null, files: {} }
    expect(seedsThatReach(place, [edit(FILE, 'last', 'first')], lines)).toEqual([])
  })

  it('are measured by the real simulator', { timeout: PROBE_TIMEOUT_MS }, async () => {
    const out = join(place, 'lines.json')
    const options = { cwd: ROOT, limitMs: PROBE_TIMEOUT_MS }
    for (const flag of ['--no-opt', '--no-maglev']) {
      const optimised = PROBE.filter((word) => word !== flag)
      expect((await runProcess([...optimised, '1', out], options)).output).toContain('the counters miss calls')
    }
    expect((await runProcess([...PROBE, '1', out], options)).code).toBe(0)
    const lines = JSON.parse(await readFile(out, 'utf8')) as SimulatorLines
    expect(lines.hashes).toEqual([(await runSeed(1)).hash])
    const reach = (file: string, find: string) => seedsThatReach(ROOT, [edit(file, find, `${find} `)], lines)
    expect(reach('src/raft/core/raw-node.ts', '  step(')).toEqual([1])
    expect(reach('src/server/main.ts', 'import')).toEqual([])
  })
})
