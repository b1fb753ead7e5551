import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import {
  boolArg,
  type Directive,
  intArg,
  parseDirectiveLine,
  parseDirectives,
  rewriteText,
  runFile,
  runOwnFile,
  runText,
  stringArg,
} from '../../scenarios/datadriven.js'

const echo = ({ input }: Directive) => input

describe('directive lines', () => {
  it.each([
    ['cmd', 'cmd', []],
    ['  cmd  a   b ', 'cmd', [['a'], ['b']]],
    ['cmd a=1 b= c', 'cmd', [['a', '1'], ['b', ''], ['c']]],
    ['cmd a=(1,2, 3) b', 'cmd', [['a', '1', '2', '3'], ['b']]],
    ['cmd a=(x + (y, z), f((1)))', 'cmd', [['a', 'x + (y, z)', 'f((1))']]],
    ['cmd a=()', 'cmd', [['a', '']]],
  ])('%s', (text, cmd, args) => {
    const parsed = parseDirectiveLine(text)
    expect(parsed.cmd).toBe(cmd)
    expect(parsed.args.map(({ key, vals }) => [key, ...vals])).toEqual(args)
  })

  it.each(['cmd a=(1,2', 'cmd a=((1)', 'cmd =1'])('%s is refused with its place', (text) => {
    expect(() => parseDirectiveLine(text, 'f.txt:3')).toThrow(/f\.txt:3: cannot parse directive at column \d+/)
  })

  it('have typed arguments', () => {
    const [directive] = parseDirectives('cmd n=-3 yes=true no=false list=(1,2) flag\n', 'f') as [Directive]
    expect([intArg(directive, 'n'), boolArg(directive, 'yes'), boolArg(directive, 'no')]).toEqual([-3, true, false])
    expect([intArg(directive, 'x'), boolArg(directive, 'x'), stringArg(directive, 'x')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(() => stringArg(directive, 'list')).toThrow('one value')
    expect(() => stringArg(directive, 'flag')).toThrow('one value')
    expect(() => boolArg(directive, 'n')).toThrow('true or false')
    expect(() => intArg(directive, 'yes')).toThrow('not an integer')
  })
})

const SCENARIO = `# A comment,
# kept.

subtest first

first a=1 \\
  b=2

input with

a blank line

----
out
put

second
----
----
one

----
two
----
----

# Before the last.
third
----
end
`

describe('scenario files', () => {
  it('are read stanza by stanza', () => {
    expect(
      parseDirectives(SCENARIO, 'f').map(({ args, ...rest }) => ({ ...rest, keys: args.map(({ key }) => key) })),
    ).toEqual([
      { cmd: 'subtest', keys: ['first'], input: '', expected: null, line: 4 },
      { cmd: 'first', keys: ['a', 'b'], input: 'input with\n\na blank line', expected: 'out\nput\n', line: 6 },
      { cmd: 'second', keys: [], input: '', expected: 'one\n\n----\ntwo\n', line: 17 },
      { cmd: 'third', keys: [], input: '', expected: 'end\n', line: 28 },
    ])
  })

  it('come out of a rewrite unchanged when the outputs are as expected', () => {
    const asExpected = ({ expected }: Directive) => expected ?? ''
    expect(rewriteText(SCENARIO, 'f', asExpected)).toBe(SCENARIO)
    expect(runText(SCENARIO, 'f', asExpected)).toEqual({ name: 'f', passed: 3, failed: [] })
  })

  it('get new outputs by a rewrite, fenced when they have blank lines', () => {
    const text = 'a\nx\n----\nold\n\n# between\nb\n'
    expect(rewriteText(text, 'f', ({ cmd }) => (cmd === 'a' ? 'p\n\nq' : 'r'))).toBe(
      'a\nx\n----\n----\np\n\nq\n----\n----\n\n# between\nb\n----\nr\n',
    )
  })

  it('of our own are rewritten in place when asked for, and only then', () => {
    const directory = mkdtempSync(join(tmpdir(), 'scenarios-'))
    const path = join(directory, 'own.txt')
    try {
      writeFileSync(path, 'a\nnew\n----\nold\n')
      expect(runOwnFile(path, echo).failed).toHaveLength(1)
      vi.stubEnv('UPDATE_SCENARIOS', '1')
      expect(runFile(path, echo).failed).toHaveLength(1)
      expect(readFileSync(path, 'utf8')).toBe('a\nnew\n----\nold\n')
      expect(runOwnFile(path, echo)).toEqual({ name: 'own.txt', passed: 1, failed: [] })
      expect(readFileSync(path, 'utf8')).toBe('a\nnew\n----\nnew\n')
    } finally {
      vi.unstubAllEnvs()
      rmSync(directory, { recursive: true })
    }
  })

  it('report each case that differs with its place', () => {
    const text = 'a\nx\n----\nx\n\nb\ny\n----\nz\n'
    expect(runText(text, 'dir/f.txt', echo)).toEqual({
      name: 'f.txt',
      passed: 1,
      failed: [{ file: 'dir/f.txt', line: 6, cmd: 'b', expected: 'z\n', actual: 'y\n' }],
    })
  })

  it('compare after normalizing both sides', () => {
    expect(runText('a\nX\n----\nx\n', 'f', echo, (output) => output.toLowerCase()).failed).toEqual([])
  })

  it('fail a case whose handler throws, with or without an expectation, and go on', () => {
    const fail = ({ cmd, input }: Directive) => {
      if (cmd === 'bad') throw new Error('broken')
      return input
    }
    const { passed, failed } = runText('bad\n----\nx\n\ngood\ny\n----\ny\n\nbad', 'f', fail)
    expect([passed, failed.length]).toEqual([1, 2])
    expect(failed[0]?.actual).toContain('broken')
  })
})
