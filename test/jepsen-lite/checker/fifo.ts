import type { Finding } from '../types.js'
import {
  eventsOf,
  groupBy,
  lockKey,
  numberOf,
  type Operation,
  type ReadHistory,
  textOf,
  tokensOf,
} from './operations.js'

/** A waiter's clock may be this much faster than the harness's, and the wait is counted where it was asked for. */
const SHORTEST_WAIT = 0.85

/** One who had a place in the queue, acknowledged, before somebody else asked. */
export interface Waiter {
  readonly operation: Operation
  readonly queuedAt: number
  /** Its token, if it was served; otherwise the time until which it certainly waited. */
  readonly token: number
  readonly waitedUntil: number
}

/** First come, first served: nobody overtakes one who was told `queued` before he asked, unless that one gave up. */
export function checkFifo({ operations }: ReadHistory): Finding[] {
  const acquires = operations.filter(({ f }) => f === 'acquire')
  return [...groupBy(acquires, ({ invoke }) => lockKey(invoke)).values()].flatMap(checkLock)
}

function checkLock(acquires: readonly Operation[]): Finding[] {
  const waiters = acquires.flatMap((operation) => asWaiter(operation) ?? []).sort((a, b) => a.queuedAt - b.queuedAt)
  const served = acquires.filter(({ outcome, completion }) => outcome === 'ok' && completion?.value.token !== undefined)
  const findings: Finding[] = []
  let queued = 0
  let lastToken: Waiter | undefined
  let lastWaiting: Waiter | undefined
  for (const operation of served.sort((a, b) => a.invoke.time - b.invoke.time)) {
    for (; ; queued++) {
      const waiter = waiters[queued]
      if (waiter === undefined || waiter.queuedAt >= operation.invoke.time) break
      if (lastToken === undefined || waiter.token > lastToken.token) lastToken = waiter
      if (lastWaiting === undefined || waiter.waitedUntil > lastWaiting.waitedUntil) lastWaiting = waiter
    }
    const token = operation.completion?.value.token ?? 0
    const grantedAt = operation.completion?.time ?? Number.POSITIVE_INFINITY
    if (lastToken !== undefined && token < lastToken.token) findings.push(overtaking(operation, lastToken))
    else if (lastWaiting !== undefined && grantedAt < lastWaiting.waitedUntil) {
      findings.push(overtaking(operation, lastWaiting))
    }
  }
  return findings
}

const NEVER = Number.NEGATIVE_INFINITY

/** Null if it had no place, or it is unknown for how long. */
export function asWaiter(operation: Operation, nameIndex = 0): Waiter | null {
  const { notes, outcome, completion, invoke } = operation
  const queuedAt = notes.findLast(({ f }) => f === 'queued')?.time
  if (queuedAt === undefined) return null
  const token = completion === null ? undefined : tokensOf(completion)[nameIndex]
  if (outcome === 'ok' && token !== undefined) return { operation, queuedAt, token, waitedUntil: NEVER }
  const gaveUp = notes.some(({ f }) => f === 'cancel')
  const wait = numberOf(invoke, 'wait')
  if (outcome !== 'fail' || textOf(completion, 'reason') !== 'timeout' || gaveUp || wait === null) return null
  return { operation, queuedAt, token: NEVER, waitedUntil: invoke.time + SHORTEST_WAIT * wait * 1e6 }
}

export function overtaking(operation: Operation, { operation: waiter }: Waiter): Finding {
  const what = `${operation.name}: process ${operation.process} overtook process ${waiter.process}, which was in the queue before it asked`
  return { check: 'fifo', what, events: [...eventsOf(waiter), ...eventsOf(operation)] }
}
