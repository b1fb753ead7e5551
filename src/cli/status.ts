import { formatHostPort, type HostPort, parseHostPort } from '../address.js'
import type { StatusReport } from '../server/status.js'
import { CliExit, CommandFailure, explain } from './exit-codes.js'
import { LineClient } from './line-client.js'
import { formatTable } from './table.js'

export type NodeState =
  | { readonly endpoint: string; readonly report: StatusReport }
  | { readonly endpoint: string; readonly error: string }

/** Asks every endpoint, and every member that these know of, how it is. */
export async function collectStatus(endpoints: readonly HostPort[]): Promise<readonly NodeState[]> {
  const asked = new Map<string, NodeState>()
  let next = endpoints.map(formatHostPort)
  while (next.length > 0) {
    const states = await Promise.all(next.map((endpoint) => askStatus(endpoint)))
    for (const state of states) asked.set(state.endpoint, state)
    next = [...membersOf(states)].filter((address) => !asked.has(address))
  }
  return oneStatePerNode([...asked.values()])
}

export async function runStatus(endpoints: readonly HostPort[], asJson: boolean): Promise<void> {
  const states = await collectStatus(endpoints)
  process.stdout.write(asJson ? `${JSON.stringify(states, null, 2)}\n` : `${statusTable(states)}\n`)
  if (!states.some((state) => 'report' in state)) throw new CommandFailure(CliExit.noEndpoint, 'no endpoint answered')
}

export function statusTable(states: readonly NodeState[]): string {
  const commit = Math.max(0, ...states.map((state) => ('report' in state ? state.report.commit : 0)))
  const rows = states.map((state) => {
    if ('error' in state) return ['-', state.endpoint, 'unreachable', '', '', '', '', '', state.error]
    const { node, role, term, applied, lease, version } = state.report
    const numbers = [term, state.report.commit, applied, Math.max(0, commit - applied)].map(String)
    return [node, state.endpoint, role, ...numbers, lease > 0 ? `${lease.toFixed(1)} s` : 'none', version]
  })
  return formatTable([['NODE', 'ENDPOINT', 'ROLE', 'TERM', 'COMMIT', 'APPLIED', 'LAG', 'LEASE', 'VERSION'], ...rows])
}

/** Never rejects: a node that says nothing for `timeoutMs` counts as out of reach. */
export async function askStatus(endpoint: string, timeoutMs?: number): Promise<NodeState> {
  try {
    const client = await LineClient.open(parseHostPort(endpoint), timeoutMs)
    try {
      client.send('.stats')
      const answer = (await client.next()) ?? 'nothing'
      if (!answer.startsWith('stats,{')) return { endpoint, error: `answered ${answer}` }
      return { endpoint, report: readReport(answer.slice('stats,'.length)) }
    } finally {
      client.close()
    }
  } catch (error) {
    return { endpoint, error: explain(error) }
  }
}

/** An original 0.1.8 server answers too, with five of the keys. */
function readReport(json: string): StatusReport {
  const report: StatusReport = JSON.parse(json)
  if (typeof report.node !== 'string') throw new Error('not a node of a cluster (an original TcpNetLock server?)')
  return report
}

function* membersOf(states: readonly NodeState[]): Generator<string> {
  for (const state of states) {
    if ('report' in state) yield* state.report.members.flatMap(({ address }) => (address === null ? [] : [address]))
  }
}

/** One node may be reached under several names: the first one stays. */
function oneStatePerNode(states: readonly NodeState[]): readonly NodeState[] {
  const seen = new Set<string>()
  return states.filter((state) => {
    const key = 'report' in state ? state.report.node : state.endpoint
    return seen.has(key) ? false : seen.add(key)
  })
}
