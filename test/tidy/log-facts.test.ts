/** No fact of a log line has the name of what every line has: a collector that reads `level` or `node` would believe the second. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))
const OF_EVERY_LINE = ['level', 'time', 'pid', 'node', 'msg', 'hostname']
/** `log('info', 'words', { facts })` and `log.info({ facts }, 'words')`. */
const CALL =
  /\blog\(\s*'(?:debug|info|warn|error)',[^{};]*(\{[^}]*\})|\b(?:log|logger)\.(?:debug|info|warn|error)\(\s*(\{[^}]*\})/g

const factsIn = (source: string): string[] => [...source.matchAll(CALL)].map(([, one, other]) => one ?? other ?? '')

it('facts have names of their own', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const facts = files.flatMap((file) =>
    factsIn(readFileSync(join(SOURCES, file), 'utf8')).map((text) => ({ file, text })),
  )
  expect(facts.length).toBeGreaterThan(15)
  const wrong = facts.filter(({ text }) =>
    OF_EVERY_LINE.some((name) => new RegExp(`[{,]\\s*${name}\\s*[:,}]`).test(text)),
  )
  expect(wrong).toEqual([])
})

it('a wrong one would be seen', () => {
  const [one = '', other = ''] = factsIn(
    "log('warn', 'ran out', { node: owner, epoch })\nlogger.info({ a, level }, 'x')",
  )
  expect([one, other]).toEqual(['{ node: owner, epoch }', '{ a, level }'])
})
