/** What a node says of itself to Prometheus. */
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { KEEPER_TOKEN } from './accounts.js'
import type { FuzzedNode } from './fuzzed-node.js'

export interface Counts {
  readonly connections: number
  readonly sessions: number
  readonly locks: number
  readonly waiters: number
}

const KINDS = ['connections', 'sessions', 'locks', 'waiters'] as const
const ANSWER_MAX_MS = 20_000

export async function countsOf(node: FuzzedNode): Promise<Counts> {
  const page = await metricsOf(node)
  const [connections = 0, sessions = 0, locks = 0, waiters = 0] = KINDS.map((kind) =>
    Number(new RegExp(`^tnl_${kind} (\\d+)$`, 'm').exec(page)?.[1] ?? Number.NaN),
  )
  return { connections, sessions, locks, waiters }
}

function metricsOf({ ports, kind }: FuzzedNode): Promise<string> {
  const headers = kind.hasAccounts ? { authorization: `Bearer ${KEEPER_TOKEN}` } : {}
  // Whether the certificate is good is what the honest client looks at.
  const options = {
    host: '127.0.0.1',
    port: ports.http,
    path: '/metrics',
    headers,
    agent: false,
    timeout: ANSWER_MAX_MS,
  }
  return new Promise((resolve, reject) => {
    const asked = kind.isTls ? requestTls({ ...options, rejectUnauthorized: false }) : request(options)
    asked.on('error', reject)
    asked.on('timeout', () => asked.destroy(new Error('/metrics does not answer')))
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text.slice(0, 300)))))
      response.on('error', reject)
    })
    asked.end()
  })
}
