/** The examples of docs/coming-from.md, one after the other, on a real cluster: they must print what the page says. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { TRANSPORT } from '../kit/transport.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 60_000
const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly bin: Record<string, string> }
const page = readFileSync(join(ROOT, 'docs/coming-from.md'), 'utf8')

interface Example {
  readonly section: string
  readonly language: string
  readonly code: string
  /** Lines, or patterns between slashes. */
  readonly expected: readonly string[]
}

function* examplesOf(text: string): Generator<Example> {
  let section = ''
  for (const [, heading, language, code] of text.matchAll(/^## (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) section = heading
    if (language === undefined || code === undefined) continue
    const expected = [...code.matchAll(/(?:#|\/\/)=> (.*)$/gm)].map(([, words = '']) => words)
    yield { section, language, code, expected }
  }
}

/** The shell of the original's example speaks TCP by itself. */
const isPlain = ({ code }: Example): boolean => code.includes('/dev/tcp/')
const EXAMPLES = [...examplesOf(page)]

let cluster: TestCluster
let dir = ''

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-coming-from-'))
  mkdirSync(join(dir, 'bin'))
  for (const [name, file] of Object.entries(bin)) {
    const shim = join(dir, 'bin', name)
    const runs = file.endsWith('.js') ? `'${process.execPath}' ` : ''
    writeFileSync(shim, `#!/bin/sh\nexec ${runs}'${join(ROOT, file)}' "$@"\n`)
    chmodSync(shim, 0o755)
  }
  mkdirSync(join(dir, 'node_modules'))
  symlinkSync(ROOT, join(dir, 'node_modules', 'tcpnetlock'), 'dir')
  cluster = await TestCluster.start()
  await cluster.untilRisen()
})

afterAll(async () => {
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

function run({ language, code }: Example): { stdout: string; stderr: string; status: number | null } {
  const env = {
    ...process.env,
    PATH: `${join(dir, 'bin')}${delimiter}${process.env.PATH}`,
    TNL_ENDPOINTS: cluster.endpoints,
    TCPNETLOCK_PORT: String(cluster.node(0).port),
  }
  const script = join(dir, language === 'js' ? 'example.mjs' : 'example.sh')
  writeFileSync(script, code)
  const [program, words] = language === 'js' ? [process.execPath, []] : ['bash', ['-euo', 'pipefail']]
  return spawnSync(program, [...words, script], { cwd: dir, env, encoding: 'utf8' })
}

const isLike = (line: string, expected: string): boolean =>
  expected.startsWith('/') && expected.endsWith('/') ? new RegExp(expected.slice(1, -1)).test(line) : line === expected

describe('docs/coming-from.md', () => {
  it('has an example for each that people come from', () => {
    const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    const shown = new Set(EXAMPLES.map(({ section }) => section))
    expect(sections.filter((section) => !shown.has(section ?? ''))).toEqual(['What is not here'])
    expect(EXAMPLES.every(({ expected }) => expected.length > 0)).toBe(true)
  })

  const played = EXAMPLES.filter((example) => TRANSPORT === 'plain' || !isPlain(example))
  it.each(played.map((example) => [example.section, example] as const))('%s', { timeout: TIMEOUT_MS }, (_, example) => {
    const { stdout, stderr, status } = run(example)
    const lines = stdout.trimEnd().split('\n')
    const isAsExpected =
      lines.length === example.expected.length && lines.every((line, at) => isLike(line, example.expected[at] ?? ''))
    expect({ status, said: isAsExpected ? example.expected : lines, stderr }).toEqual({
      status: 0,
      said: example.expected,
      stderr: expect.any(String),
    })
  })
})
