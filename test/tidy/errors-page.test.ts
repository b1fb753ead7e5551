/** docs/errors.md and docs/protocol.md name every code and every exit status that the sources know. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ClientExit, DoExit, LockExit, TnlExit } from '../../src/cli/shared/exit-statuses.js'
import { ADMIN_CODES } from '../../src/protocol/admin-codes.js'
import { ERROR_CODES } from '../../src/protocol/error-codes.js'
import { POSITIVE_WORDS } from '../../src/protocol/replies.js'
import { ExitCode } from '../../src/server/exit-codes.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const page = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8')

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))

it('names every code of an error class', () => {
  const codes = sources.flatMap((source) => [...source.matchAll(/code = '(TNL_[A-Z_]+)'/g)].map(([, code]) => code))
  expect(codes.length).toBeGreaterThan(10)
  const text = page('errors.md')
  expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([])
})

it('names every code of the session dialect', () => {
  const text = page('protocol.md')
  expect(ERROR_CODES.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([])
})

const STATUSES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'tnl-do': DoExit,
  'tnl-client': ClientExit,
  tnl: TnlExit,
  'tnl lock': LockExit,
  'tnl-server': ExitCode,
}

it.each(Object.entries(STATUSES))('lists the exit statuses of %s, and no other', (program, statuses) => {
  const [, section = ''] = page('errors.md').split(`## Exit status of \`${program}\`\n`)
  const [rows = ''] = section.split('\n## ')
  const listed = [...rows.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell = '']) => cell.split(', ').map(Number))
  expect(new Set(listed)).toEqual(new Set(Object.values(statuses)))
  expect(listed.length).toBe(new Set(listed).size)
})

it('names every code of administration, and whether to try again', () => {
  const rows = page('protocol.md').split('\n')
  for (const [code, { again }] of Object.entries(ADMIN_CODES)) {
    const row = rows.find((line) => line.startsWith(`| \`${code}\` |`))
    expect(row, code).toMatch(again ? /\| yes \|$/ : /\| no \|$/)
  }
})

it('the words that claim a lease are those of the rule and of the glossary', () => {
  expect(page('rules.md')).toContain(`Positive words (\`${POSITIVE_WORDS.join(' ')}\`)`)
  expect(page('glossary.md')).toContain(`\`${POSITIVE_WORDS.join(' ')}\``)
})
