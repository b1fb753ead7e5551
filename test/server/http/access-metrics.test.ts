/** The hash of the auth file as a number: nodes with the same file show the same, and those with another one another. */
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { readAuth } from '../../../src/server/access/auth-schema.js'
import { addAccessMetrics } from '../../../src/server/http/access-metrics.js'

async function shown(authHash: string | null): Promise<number> {
  const registry = new Registry()
  const none = () => 0
  const counts = { authFileFailures: none, failedAttempts: none, lostAuditLines: none, isAuthFileBad: () => false }
  addAccessMetrics(registry, { authHash: () => authHash, ...counts })
  const line = (await registry.metrics()).split('\n').find((each) => each.startsWith('tnl_auth_file_hash '))
  return Number(line?.split(' ')[1])
}

function hashOf(text: string): string {
  const read = readAuth(text)
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return read.data.hash
}

it('is exact, and differs where one character does', async () => {
  const [one, other] = [hashOf("anonymous: { may: { 'a/': see } }\n"), hashOf("anonymous: { may: { 'b/': see } }\n")]
  expect((await shown(one)).toString(16).padStart(12, '0')).toBe(one.slice(0, 12))
  expect(await shown('ffffffffffffffff')).toBe(2 ** 48 - 1)
  expect(await shown(one)).not.toBe(await shown(other))
  expect(await shown(null)).toBe(0)
})
