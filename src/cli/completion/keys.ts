/** Names of locks for a shell that completes one: soon or not at all, and never a word of an error. */
import type { HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { escapeValue, parseLine } from '../../protocol/line.js'
import { isNamePrefix } from '../../protocol/values.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { LineClient } from '../shared/line-client.js'
import { KEY_ANSWER_TIMEOUT_MS, KEYS_SHOWN_COUNT } from './limits.js'

/** The first names that begin with `prefix`, sorted. */
export async function printKeys({ endpoints, credentials }: ClusterAccess, prefix: string): Promise<void> {
  if (!isNamePrefix(prefix)) return
  for (const endpoint of endpoints) {
    try {
      const names = await askNames(endpoint, credentials, prefix)
      process.stdout.write(names.map((name) => `${name}\n`).join(''))
      return
    } catch {
      // The next one may answer.
    }
  }
}

async function askNames(endpoint: HostPort, credentials: Credentials | undefined, prefix: string): Promise<string[]> {
  const client = await LineClient.open(endpoint, credentials, KEY_ANSWER_TIMEOUT_MS)
  try {
    const welcome = await client.hello()
    if (welcome.action !== 'welcome') throw new Error(welcome.action)
    client.send(`locks,id:1,prefix:${escapeValue(prefix)}`)
    const names = new Set<string>()
    for (;;) {
      const line = parseLine((await client.next()) ?? '')
      if (line?.action !== 'lock' || names.size === KEYS_SHOWN_COUNT) return [...names]
      names.add(line.get('name') ?? '')
    }
  } finally {
    client.send('bye')
    client.close()
  }
}
