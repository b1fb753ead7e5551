/** Every command of `tnl`: JSON, endpoints, exit statuses, its row in docs/cli.md, and the nearest word for whoever mistypes. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createTnl, SISTERS } from '../../src/cli/tnl/tnl-command.js'

/** Prints a script, which is no JSON. */
const WITHOUT_JSON = ['tnl completion']
/** They make a cluster, or work where none runs. */
const WITHOUT_ENDPOINTS = [
  'tnl token new',
  'tnl auth check',
  'tnl cluster',
  'tnl snapshot inspect',
  'tnl snapshot restore',
  'tnl recover',
]

function* leaves(command: Command, path: string): Generator<readonly [string, Command]> {
  const children = command.commands.filter((child) => !(child.name() in SISTERS))
  for (const child of children) yield* leaves(child, `${path} ${child.name()}`)
  if (children.length === 0) yield [path, command]
}

const LEAVES = [...leaves(createTnl(), 'tnl')]
const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

/** What is said on stderr, and the status for it. */
async function refusalOf(...words: readonly string[]): Promise<{ said: string; status: number }> {
  const tnl = createTnl()
  let said = ''
  const quiet = (command: Command): void => {
    command.configureOutput({ writeErr: (text) => (said += text), writeOut: () => {} })
    command.commands.forEach(quiet)
  }
  quiet(tnl)
  const error: unknown = await tnl.parseAsync(words, { from: 'user' }).catch((thrown: unknown) => thrown)
  return { said, status: Number((error as { exitCode?: number }).exitCode) }
}

/** Two neighbours swapped; a letter too few where that changes nothing. */
function mistyped(word: string): string {
  const swapped = `${word.slice(0, -2)}${word.at(-1)}${word.at(-2)}`
  return swapped === word ? word.slice(0, -1) : swapped
}

describe.each(LEAVES)('%s', (path, command) => {
  const [, ...words] = path.split(' ')
  const flags = command.options.map(({ long, short }) => long ?? short)

  it('says what it did as JSON, whose shape is on the page', () => {
    if (WITHOUT_JSON.includes(path)) return
    expect(flags).toContain('--json')
    const rows = page.split('\n').filter((line) => line.startsWith('| `tnl '))
    expect(rows.filter((row) => row.split('|')[1]?.includes(`\`${path}\``))).toHaveLength(1)
  })

  it('can be told whom to ask', () => {
    if (!WITHOUT_ENDPOINTS.includes(path)) expect(flags).toContain('--endpoints')
  })

  it('has its exit statuses in its help', () => {
    let text = ''
    command.configureOutput({ writeOut: (said) => (text += said) }).outputHelp()
    expect(text.match(/\nExit status: /g)).toHaveLength(1)
    // What is written below the options is as wide as a terminal is at least, examples excepted.
    const [, behind = ''] = text.split('\nExit status: ')
    expect(behind.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('tells who mistypes it, or a flag of it, the nearest word', async () => {
    const last = words.at(-1) ?? ''
    const { said, status } = await refusalOf(...words.slice(0, -1), mistyped(last))
    expect(said).toMatch(new RegExp(`Did you mean (one of .*)?${last}\\?`))
    expect(status).not.toBe(0)
    for (const flag of flags) {
      if (flag === undefined || flag === null || flag.length < 5) continue
      expect((await refusalOf(...words, mistyped(flag))).said).toContain('Did you mean ')
    }
  })
})

it('the page has no command that is none', () => {
  const named = [...page.matchAll(/^\| (`tnl [^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(tnl [^`]+)`/g)].map(([, name]) => name),
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((name) => !LEAVES.some(([path]) => path === name))).toEqual([])
})

it.each([
  [['bench', '--names', 'dsitinct'], 'Did you mean distinct?'],
  [['bench', '--dialect', 'clasic'], 'Did you mean classic?'],
  [['completion', 'zhs'], 'Did you mean zsh?'],
  [['members', 'prmote', 'n4'], 'Did you mean promote?'],
  [['upgrade', 'finsh'], 'Did you mean finish?'],
  [['snapshto'], 'Did you mean snapshot?'],
])('%j', async (words, said) => {
  expect((await refusalOf(...words)).said).toContain(said)
})
