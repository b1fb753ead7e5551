import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'
import { Role } from '../../raft/core/types.js'
import { type NodeCounts, type StatusSources, whyNotReady } from '../../service/status.js'
import type { PrefixLabels } from './prefix-labels.js'

/** From a fast disk's sync to one that is about to be replaced. */
const APPEND_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** What is not in a status. */
export interface CountedElsewhere {
  proposals(): number
  /** Frames and messages of peers. */
  dropped(): number
  /** Commands of the log. */
  ignored(): number
  /** The cluster's feature level. */
  level(): number
  /** Names that somebody waits for. */
  contended(): number
  /** When a whole saved snapshot was last sent; 0: not since the start. */
  snapshotSentUnixMs(): number
  /** Brings up to date what is read of all queues. */
  survey(): Promise<void>
  /** Of the metrics of locks. */
  readonly labels: Pick<PrefixLabels, 'isFor'>
}

/** What `/metrics` shows, in Prometheus' units. Whatever is a state is read when it is asked for. */
export class ServerMetrics {
  readonly #leaderChanges: Counter
  readonly #appends: Histogram
  readonly #survey: () => Promise<void>
  readonly labels: CountedElsewhere['labels']

  constructor(
    readonly registry: Registry,
    sources: StatusSources,
    counted: CountedElsewhere,
  ) {
    collectDefaultMetrics({ register: this.registry })
    this.#leaderChanges = new Counter({
      name: 'tnl_raft_leader_changes_total',
      help: 'Changes of the leader that this node saw',
      registers: [this.registry],
    })
    this.#appends = new Histogram({
      name: 'tnl_log_append_seconds',
      help: 'Time of one synced write to the log',
      buckets: APPEND_BUCKETS_SECONDS,
      registers: [this.registry],
    })
    this.#survey = () => counted.survey()
    this.labels = counted.labels
    this.#addRaft(sources, counted)
    this.#addCounts(sources, counted)
  }

  async text(): Promise<string> {
    await this.#survey()
    return this.registry.metrics()
  }

  /** Another node leads now; losing sight of a leader is not a change yet. */
  leaderChanged(): void {
    this.#leaderChanges.inc()
  }

  appended(durationMs: number): void {
    this.#appends.observe(durationMs / 1000)
  }

  #addRaft(sources: StatusSources, { proposals, dropped, ignored, level }: CountedElsewhere): void {
    this.#gauge('tnl_raft_is_leader', '1 at the leader', () => (sources.node()?.role === Role.leader ? 1 : 0))
    this.#gauge('tnl_raft_has_leader', '1 where a leader is known', () => (sources.node()?.leader == null ? 0 : 1))
    this.#gauge('tnl_raft_term', 'Term of this node', () => sources.node()?.term ?? 0)
    this.#gauge('tnl_raft_commit_index', 'Last entry known to be committed', () => sources.node()?.commitIndex ?? 0)
    this.#gauge('tnl_raft_applied_index', 'Last entry applied here', () => sources.node()?.appliedIndex ?? 0)
    this.#gauge('tnl_raft_last_index', 'Last entry of the log here', () => sources.node()?.lastIndex ?? 0)
    this.#gauge(
      'tnl_raft_snapshot_index',
      'Last entry in the newest snapshot',
      () => sources.node()?.snapshotIndex ?? 0,
    )
    this.#counter('tnl_raft_proposals_total', 'Commands that this node proposed', proposals)
    this.#counter('tnl_peer_frames_dropped_total', 'Frames and messages of peers of a kind unknown here', dropped)
    this.#counter('tnl_commands_ignored_total', 'Commands of the log that no program can have meant', ignored)
    this.#gauge('tnl_feature_level', 'Feature level of the cluster', level)
  }

  #addCounts(sources: StatusSources, { contended, snapshotSentUnixMs }: CountedElsewhere): void {
    const count = (key: keyof NodeCounts) => () => sources.counts()[key]
    this.#gauge('tnl_ready', '1 while /readyz says so', () => (whyNotReady(sources) === null ? 1 : 0))
    this.#gauge(
      'tnl_lease_remaining_seconds',
      'For how long this node may speak',
      () => sources.leaseRemainingMs() / 1000,
    )
    this.#gauge('tnl_locks', 'Locks held in the cluster', count('locks'))
    this.#gauge('tnl_sessions', 'Sessions in the cluster', count('sessions'))
    this.#gauge('tnl_waiters', 'Requests that wait for a lock in the cluster', count('waiters'))
    this.#gauge('tnl_contended_locks', 'Locks in the cluster that somebody waits for', contended)
    this.#gauge(
      'tnl_snapshot_sent_timestamp_seconds',
      'When this process last sent a whole snapshot to be saved; 0: not since its start',
      () => snapshotSentUnixMs() / 1000,
    )
    this.#gauge('tnl_connections', 'Client connections at this node', count('connections'))
    this.#counter('tnl_requests_total', 'Requests of clients at this node', count('requests'))
    this.#counter('tnl_grants_total', 'Locks granted to clients at this node', count('granted'))
    this.#counter(
      'tnl_deadlock_searches_given_up_total',
      'Requests that wait unexamined: the search for a deadlock met its bound',
      count('unexamined'),
    )
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.registry], collect: () => gauge.set(read()) })
  }

  /** A counter that is kept elsewhere. */
  #counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset()
        counter.inc(read())
      },
    })
  }
}
