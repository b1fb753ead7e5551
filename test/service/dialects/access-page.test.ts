/** docs/protocol.md has each request where its need is. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FIRST_REQUESTS, LATER_REQUESTS } from '../../../src/service/dialects/requests/classic/table.js'
import type { Need } from '../../../src/service/dialects/requests/needs.js'
import { REQUESTS } from '../../../src/service/dialects/requests/table.js'

function verbOf(needs: Need): string {
  if (typeof needs === 'string') return needs === 'sight' ? 'see' : needs
  return 'cluster' in needs ? needs.cluster : needs.verb
}

it('the table of who may ask is that of the requests', () => {
  const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Who may ask'), page.indexOf('## Classic dialect'))
  const rows = section.split('\n').filter((row) => /^\| (?:nothing|`)/.test(row))
  const needs = new Map(
    [...FIRST_REQUESTS, ...LATER_REQUESTS, ...REQUESTS].map(([action, request]) => [action, request.needs]),
  )
  const listed: string[] = []
  for (const row of rows) {
    const [, verbs = '', requests = ''] = row.split('|')
    for (const [, action = ''] of requests.matchAll(/`([^`]+)`/g)) {
      listed.push(action)
      expect(verbs, action).toContain(verbOf(needs.get(action) ?? 'nothing'))
    }
  }
  expect(listed.sort()).toEqual([...needs.keys()].sort())
})
