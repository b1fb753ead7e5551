import { formatHostPort, parseHostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import type { MemberReport, StatusReport } from '../../service/status.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { LineClient } from '../shared/line-client.js'
import { formatTable } from '../shared/table.js'

export type NodeState =
  | { readonly endpoint: string; readonly report: StatusReport }
  /** `node`: the member that advertises this endpoint, once another node has told. */
  | { readonly endpoint: string; readonly error: string; readonly node?: string }

/** Asks every endpoint, and every member that these know of, how it is. Who says nothing for `timeoutMs` is out of reach. */
export async function collectStatus(access: ClusterAccess, timeoutMs?: number): Promise<readonly NodeState[]> {
  const { endpoints, credentials } = access
  const asked = new Map<string, NodeState>()
  let next = endpoints.map(formatHostPort)
  while (next.length > 0) {
    const states = await Promise.all(next.map((endpoint) => askStatus(endpoint, credentials, timeoutMs)))
    for (const state of states) asked.set(state.endpoint, state)
    next = [...membersOf(asked.values())]
      .flatMap(({ address }) => address ?? [])
      .filter((address) => !asked.has(address))
  }
  for (const state of await askBesidePeers(access, [...asked.values()], timeoutMs)) asked.set(state.endpoint, state)
  return oneStatePerNode([...asked.values()])
}

/**
 * What a node advertises is meant for its clients, who may be elsewhere: inside a container of the compose file every
 * node's `localhost:PORT` leads to the container itself. The peer's host name does lead to the node, and its client port
 * is most often the one that was asked for.
 */
async function askBesidePeers(
  { endpoints, credentials }: ClusterAccess,
  states: readonly NodeState[],
  timeoutMs: number | undefined,
): Promise<readonly NodeState[]> {
  const reached = new Set(states.flatMap((state) => ('report' in state ? state.report.node : [])))
  const ports = new Set(endpoints.map(({ port }) => port))
  const missing = [...new Map([...membersOf(states)].map((member) => [member.node, member])).values()].filter(
    ({ node }) => !reached.has(node),
  )
  const candidates = missing.flatMap(({ peer }) =>
    [...ports].map((port) => formatHostPort({ host: parseHostPort(peer).host, port })),
  )
  const found = await Promise.all(candidates.map((endpoint) => askStatus(endpoint, credentials, timeoutMs)))
  // Any node may listen there: who answers says which one it is.
  return found.filter((state) => 'report' in state && missing.some(({ node }) => node === state.report.node))
}

export async function runStatus(access: ClusterAccess, asJson: boolean): Promise<void> {
  const states = await collectStatus(access)
  const auth = authLine(states)
  const text = auth === null ? statusTable(states) : `${statusTable(states)}\n\n${auth}`
  process.stdout.write(asJson ? `${JSON.stringify(states, null, 2)}\n` : `${text}\n`)
  if (states.some((state) => 'report' in state)) return
  const errors = states.flatMap((state) => ('error' in state ? state.error : []))
  const refusal = errors.find(isRefusal)
  if (refusal !== undefined) throw new CommandFailure(TnlExit.refused, refusal)
  throw new CommandFailure(TnlExit.noEndpoint, 'no endpoint answered')
}

/** It is there, and does not tell this client. */
const isRefusal = (error: string): boolean => error.startsWith('unauthorized')

/** `LEVEL`: the cluster's feature level, as the node has applied it. `KNOWS`: its program's. */
const COLUMNS = 'NODE ENDPOINT ROLE TERM COMMIT APPLIED LAG LEASE LEVEL KNOWS VERSION'.split(' ')

/** Nodes up to 0.2.0 say nothing. */
const levelWord = (level: number | undefined): string => (level === undefined ? '-' : String(level))

export function statusTable(states: readonly NodeState[]): string {
  const commit = Math.max(0, ...states.map((state) => ('report' in state ? state.report.commit : 0)))
  const rows = states.map((state) => {
    if ('error' in state) {
      const role = isRefusal(state.error) ? 'refused' : 'unreachable'
      return [state.node ?? '-', state.endpoint, role, '', '', '', '', '', '', '', whyNot(state, states)]
    }
    const { node, role, term, applied, lease, level, knows, version } = state.report
    const numbers = [term, state.report.commit, applied, Math.max(0, commit - applied)].map(String)
    const right = lease > 0 ? `${lease.toFixed(1)} s` : 'none'
    return [node, state.endpoint, role, ...numbers, right, levelWord(level), levelWord(knows), version]
  })
  return formatTable([COLUMNS, ...rows])
}

/** Which auth file is in force, by its hash: the same on every node, or some node lets in whom others do not. Null: none. */
export function authLine(states: readonly NodeState[]): string | null {
  const reports = states.flatMap((state) => ('report' in state ? state.report : []))
  // Nodes up to 0.3.0 have none, and say nothing.
  const files = reports.map(({ node, auth }) => ({ node, auth: auth ?? 'none' }))
  const hashes = new Set(files.map(({ auth }) => auth))
  if (!reports.some(({ auth }) => typeof auth === 'string')) return null
  if (hashes.size === 1) return `auth file ${[...hashes].join()} on every node that answered`
  return `the auth files differ: ${files.map(({ node, auth }) => `${node} ${auth}`).join(', ')}`
}

/** Never rejects: a node that says nothing for `timeoutMs` counts as out of reach. */
export async function askStatus(endpoint: string, credentials?: Credentials, timeoutMs?: number): Promise<NodeState> {
  try {
    const client = await LineClient.open(parseHostPort(endpoint), credentials, timeoutMs)
    try {
      return { endpoint, report: readReport(await client.stats()) }
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

function* membersOf(states: Iterable<NodeState>): Generator<MemberReport> {
  for (const state of states) if ('report' in state) yield* state.report.members
}

/** One node may be reached, or missed, under several names: an answer counts more than silence, then the first one. */
function oneStatePerNode(states: readonly NodeState[]): readonly NodeState[] {
  const nodeAt = new Map([...membersOf(states)].map(({ address, node }) => [address, node]))
  const named = states.map((state) => {
    const node = nodeAt.get(state.endpoint)
    return 'report' in state || node === undefined ? state : { ...state, node }
  })
  const answered = new Set(named.flatMap((state) => ('report' in state ? state.report.node : [])))
  const seen = new Set<string>()
  return named.filter((state) => {
    if ('error' in state && state.node !== undefined && answered.has(state.node)) return false
    const key = 'report' in state ? state.report.node : (state.node ?? state.endpoint)
    return seen.has(key) ? false : seen.add(key)
  })
}

/** The error, and whether the node lives all the same: the leader may hear a node that cannot be reached from here. */
function whyNot(
  { error, node }: { readonly error: string; readonly node?: string },
  states: readonly NodeState[],
): string {
  const leaders = states.flatMap((state) => ('report' in state && state.report.role === 'leader' ? state.report : []))
  const isHeard = leaders.some(({ progress }) => progress.some((peer) => peer.node === node && peer.active))
  return isHeard ? `${error} (from here; the leader hears ${node})` : error
}
