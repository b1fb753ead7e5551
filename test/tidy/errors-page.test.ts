/** docs/errors.md and docs/protocol.md name every code and every exit status that the sources know. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ClientExit } from '../../src/cli/client/hold.js'
import { DoExit } from '../../src/cli/do/exit-codes.js'
import { CliExit } from '../../src/cli/shared/exit-codes.js'
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
  const words = readFileSync(join(ROOT, 'src/service/dialects/session-replies.ts'), 'utf8')
  const [, list = ''] = /export type ErrorCode =\s*((?:\| '[a-z-]+'\s*)+)/.exec(words) ?? []
  const codes = [...list.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code)
  expect(codes).toContain('no-quorum')
  const text = page('protocol.md')
  expect(codes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([])
})

it('names every exit status', () => {
  const text = page('errors.md')
  const tables = { DoExit, ExitCode, CliExit, ClientExit }
  for (const [name, statuses] of Object.entries(tables)) {
    for (const status of Object.values(statuses))
      expect(text, `${name} ${status}`).toMatch(new RegExp(`\\b${status}\\b`))
  }
})
