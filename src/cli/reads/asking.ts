/** Questions of the session dialect that change nothing: one session, at the first endpoint that serves. */
import { formatHostPort, type HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { type Line, parseLine } from '../../protocol/line.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { ClusterRefusal, CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { LineClient } from '../shared/line-client.js'

/** A node without a quorum says so after its request timeout (5 s): that should be heard. */
const ANSWER_TIMEOUT_MS = 7_000

/** Runs `ask` in a session at the first endpoint where it comes to an end. */
export async function asking<T>(
  { endpoints, credentials }: ClusterAccess,
  ask: (client: LineClient) => Promise<T>,
): Promise<T> {
  const failures: string[] = []
  let older = 0
  for (const endpoint of endpoints) {
    try {
      return await inSession(endpoint, credentials, ask)
    } catch (error) {
      if (error instanceof CommandFailure) throw error
      if (error instanceof OlderServer) older += 1
      failures.push(`${formatHostPort(endpoint)}: ${explain(error)}`)
    }
  }
  const words = failures.join('; ')
  if (older > 0 && older === failures.length) throw new CommandFailure(TnlExit.refused, words)
  throw new CommandFailure(TnlExit.noEndpoint, `no endpoint answered: ${words}`)
}

/** Another node may be newer: a cluster is upgraded one by one. */
class OlderServer extends Error {
  override readonly name = 'OlderServer'
  readonly code = 'TNL_OLDER_SERVER'
}

export async function inSession<T>(
  endpoint: HostPort,
  credentials: Credentials | undefined,
  ask: (client: LineClient) => Promise<T>,
): Promise<T> {
  const client = await LineClient.open(endpoint, credentials, ANSWER_TIMEOUT_MS)
  try {
    const welcome = await client.hello()
    if (welcome.action === 'bad-action') throw new OlderServer('an original TcpNetLock server, which cannot be asked')
    if (welcome.action !== 'welcome') throw new Error(reasonOf(welcome))
    return await ask(client)
  } finally {
    client.send('bye')
    client.close()
  }
}

/** Why a node does not serve, in words. */
function reasonOf(line: Line): string {
  const message = line.get('message') ?? (line.get('code') || line.rest || line.action)
  return line.get('code') === 'no-quorum' ? `no quorum (${message})` : message
}

/** The next line about request `id`, as it was sent. A node without a quorum is no answer: another may have one. */
export async function nextOf(client: LineClient, id: number): Promise<string> {
  for (;;) {
    const text = await client.next()
    if (text === null) throw new Error('the node closed the connection')
    // The JSON of an `info` is not cut into keys.
    if (text.startsWith(`info,id:${id},`)) return text
    const line = parseLine(text)
    if (line?.get('id') !== String(id)) continue
    if (line.action !== 'err') return text
    const [code, message] = [line.get('code') ?? 'err', line.get('message') ?? '']
    if (code === 'no-quorum') throw new Error(reasonOf(line))
    if (code === 'bad-request' && message.startsWith('unknown action')) {
      throw new OlderServer(`${message}: this node runs a version before 0.4, which knows no such question`)
    }
    throw new ClusterRefusal(code, message)
  }
}

/** What an `info` says. */
export async function askInfo<T>(access: ClusterAccess, request: string): Promise<T> {
  return asking(access, async (client) => {
    client.send(request.replace(/^[a-z]+/, '$&,id:1'))
    const text = await nextOf(client, 1)
    return JSON.parse(text.slice(text.indexOf('{'))) as T
  })
}
