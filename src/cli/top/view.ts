/** What `tnl top` shows, as data. Rates are per second; null: nothing to compare with yet. */
import type { NodeState } from '../admin/status.js'
import type { Queues } from './queue-reader.js'

export interface NodeView {
  readonly endpoint: string
  readonly node: string | null
  /** Why it cannot be reached; else null, and all below is known. */
  readonly error: string | null
  readonly role: string
  readonly applied: number
  readonly lag: number
  /** Seconds for which it may speak. */
  readonly lease: number
  readonly connections: number
  readonly requestsPerSecond: number | null
  readonly version: string
}

export interface View {
  readonly at: Date
  readonly cluster: string | null
  readonly leader: string | null
  readonly term: number
  readonly level: number
  readonly locks: number
  readonly sessions: number
  readonly waiters: number
  readonly requestsPerSecond: number | null
  readonly grantsPerSecond: number | null
  readonly refusalsPerSecond: number | null
  readonly nodes: readonly NodeView[]
  readonly queues: Queues | null
  /** What kept it from being whole. */
  readonly problem: string | null
}

type Reported = Extract<NodeState, { readonly report: unknown }>

const isReport = (state: NodeState): state is Reported => 'report' in state

interface Counted {
  readonly atMs: number
  readonly uptime: number
  readonly requests: number
  readonly granted: number
  readonly refused: number
}

/** Makes views of what nodes say, each with the rates since the one before. */
export class Viewer {
  readonly #counted = new Map<string, Counted>()

  view(states: readonly NodeState[], queues: Queues | null, problem: string | null, atMs: number): View {
    const reports = states.filter(isReport).map(({ report }) => report)
    // Two may say that they lead: the one with the higher term does.
    const best = [...reports].sort((a, b) => rank(b) - rank(a) || b.term - a.term || b.applied - a.applied)[0]
    const rates = new Map(states.filter(isReport).map((state) => [state.endpoint, this.#ratesOf(state, atMs)]))
    const commit = Math.max(0, ...reports.map((report) => report.commit))
    const nodes = states.map((state) => nodeView(state, commit, rates.get(state.endpoint)?.requests ?? null))
    return {
      at: new Date(),
      cluster: best?.cluster ?? null,
      leader: best?.leader ?? null,
      term: best?.term ?? 0,
      level: best?.level ?? 0,
      locks: best?.lock_count ?? 0,
      sessions: best?.sessions ?? 0,
      waiters: best?.waiters ?? 0,
      requestsPerSecond: sum([...rates.values()].map(({ requests }) => requests)),
      grantsPerSecond: sum([...rates.values()].map(({ granted }) => granted)),
      refusalsPerSecond: sum([...rates.values()].map(({ refused }) => refused)),
      nodes: nodes.sort((a, b) => ((a.node ?? a.endpoint) < (b.node ?? b.endpoint) ? -1 : 1)),
      queues,
      problem,
    }
  }

  #ratesOf(
    { endpoint, report }: Reported,
    atMs: number,
  ): Readonly<Record<'requests' | 'granted' | 'refused', number | null>> {
    const now: Counted = {
      atMs,
      uptime: report.uptime,
      requests: report.requests_count,
      granted: report.lock_acquired_count,
      refused: report.lock_not_acquired_count,
    }
    const before = this.#counted.get(endpoint)
    this.#counted.set(endpoint, now)
    // A process that was started anew counts from 0.
    const isSame = before !== undefined && before.uptime <= now.uptime && before.requests <= now.requests
    const seconds = isSame ? (atMs - before.atMs) / 1000 : 0
    const rate = (key: 'requests' | 'granted' | 'refused'): number | null =>
      isSame && seconds > 0 ? (now[key] - before[key]) / seconds : null
    return { requests: rate('requests'), granted: rate('granted'), refused: rate('refused') }
  }
}

const rank = ({ role }: { readonly role: string }): number => (role === 'leader' ? 1 : 0)

function nodeView(state: NodeState, commit: number, requestsPerSecond: number | null): NodeView {
  if (!isReport(state)) {
    const { endpoint, node = null, error } = state
    const unknown = { role: 'unreachable', applied: 0, lag: 0, lease: 0, connections: 0, version: '' }
    return { endpoint, node, error, ...unknown, requestsPerSecond: null }
  }
  const { node, role, applied, lease, connections, version } = state.report
  const lag = Math.max(0, commit - applied)
  return {
    endpoint: state.endpoint,
    node,
    error: null,
    role,
    applied,
    lag,
    lease,
    connections,
    requestsPerSecond,
    version,
  }
}

/** Of those that are known; null if none is. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}
