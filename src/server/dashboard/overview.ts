/** What a dashboard shows of the whole: this node's view of the cluster, and where clients wait. */
import type { EventType } from '../../locks/effects.js'
import type { FreezeReport } from '../../locks/views/hold-report.js'
import type { QueueReport } from '../../locks/views/queues.js'
import type { VisibleNames } from '../../service/access/policy.js'
import type { ClientReads } from '../../service/reads/client-reads.js'
import { heldForSeconds } from '../../service/reads/lock-line.js'
import { TopQueues } from '../../service/reads/top-queues.js'
import { buildStatus, type StatusSources, whyNotReady } from '../../service/status.js'
import { type ShownStatus, statusFor } from '../http/shown-to.js'
import { FEED_MAX_FREEZES, FEED_MAX_QUEUES } from '../limits.js'

/** Of the names that a viewer sees. What is null is not for viewers who do not see all. */
export interface Overview {
  readonly status: ShownStatus
  /** Why this node should get no clients now; null: it is ready. */
  readonly unready: string | null
  /** Seconds since 1970, by this node's clock. */
  readonly now: number
  /** Of all locks, that this node has seen since its start. */
  readonly happened: Readonly<Record<EventType, number>> | null
  readonly contended: number
  readonly freezes: readonly FreezeRow[]
  readonly freezeCount: number
  /** Names with the longest queues, and those whose first waiter has waited longest. */
  readonly longest: readonly QueueRow[]
  readonly oldest: readonly QueueRow[]
}

export interface QueueRow {
  readonly name: string
  readonly waiters: number
  /** Seconds. */
  readonly waitedFor: number
  readonly waiter: string
  /** Empty: nobody has it, and it waits for somebody's other names, or for the end of a tail. */
  readonly holder: string
  readonly heldFor: number
  readonly holds: number
}

/** Unix seconds. */
export interface FreezeRow {
  readonly prefix: string
  readonly reason: string
  /** Left out: until it is thawed. */
  readonly until?: number
}

export interface OverviewSources {
  readonly status: StatusSources
  readonly reads: ClientReads
  wallNow(): number
}

/** Looks at all queues, which takes a while where there are many. */
export function makeOverview(
  sources: OverviewSources,
  visible: VisibleNames,
  done: (overview: Overview) => void,
): void {
  const top = new TopQueues('', FEED_MAX_QUEUES, (found) => done(overviewOf(sources, visible, found)), visible)
  sources.reads.queues.begin(top)
}

function overviewOf({ status, reads, wallNow }: OverviewSources, visible: VisibleNames, top: TopQueues): Overview {
  const nowMs = wallNow()
  const freezes = reads.reports.freezes(null).filter(({ prefix }) => visible.hasUnder(prefix))
  return {
    status: statusFor(visible, buildStatus(status)),
    unready: whyNotReady(status),
    now: nowMs / 1_000,
    happened: visible.isAll ? reads.happened() : null,
    contended: top.count,
    freezes: freezes.slice(0, FEED_MAX_FREEZES).map(freezeRow),
    freezeCount: freezes.length,
    longest: top.contended.map((queue) => rowOf(queue, nowMs)),
    oldest: top.oldest.map((queue) => rowOf(queue, nowMs)),
  }
}

function freezeRow({ prefix, reason, untilWallMs }: FreezeReport): FreezeRow {
  return { prefix, reason, ...(untilWallMs === 0 ? {} : { until: untilWallMs / 1_000 }) }
}

function rowOf(queue: QueueReport, nowMs: number): QueueRow {
  const { name, waiters, waiter, holder, holdCount } = queue
  return {
    name,
    waiters,
    waitedFor: heldForSeconds(queue.sinceWallMs, nowMs),
    waiter,
    holder,
    heldFor: holder === '' ? 0 : heldForSeconds(queue.heldSinceWallMs, nowMs),
    holds: holdCount,
  }
}
