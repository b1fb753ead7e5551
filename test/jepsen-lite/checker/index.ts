import type { Finding, HistoryEvent, Workload } from '../types.js'
import { checkBeliefs } from './beliefs.js'
import { checkCurrentTokens } from './current-tokens.js'
import { checkExactlyOnce } from './exactly-once.js'
import { checkFifo } from './fifo.js'
import { checkFreezes } from './freezes.js'
import { checkOverlap } from './holders.js'
import { checkMarks } from './marks.js'
import { checkLinearizable } from './mutex.js'
import { readHistory } from './operations.js'
import { checkFenced, checkUnguarded } from './registers.js'
import { checkAllOrNothing, checkPassing } from './several-names.js'
import { checkSwappedPrograms } from './swapped-programs.js'
import { checkTimes } from './times.js'
import { checkTokens } from './tokens.js'

export { checkRecovery } from './availability.js'

/** All that holds of exclusive locks, whatever a workload does with them. Throws MalformedHistory. */
export function checkLocks(history: readonly HistoryEvent[]): Finding[] {
  const read = readHistory(history)
  const findings = [
    ...checkOverlap(read),
    ...checkTokens(read),
    ...checkFifo(read),
    ...checkExactlyOnce(read),
    ...checkUnguarded(read),
    ...checkFenced(read),
    ...checkLinearizable(read),
  ]
  return inOrderOf(history, findings)
}

/** All that holds of locks of every kind: modes, permits, several at once, times, marks, and what operators do to them. */
export function checkClaims(history: readonly HistoryEvent[]): Finding[] {
  const read = readHistory(history)
  const findings = [
    ...checkBeliefs(read),
    ...checkTokens(read),
    ...checkPassing(read),
    ...checkAllOrNothing(read),
    ...checkExactlyOnce(read),
    ...checkMarks(read),
    ...checkFreezes(read),
    ...checkTimes(read),
    ...checkCurrentTokens(read),
  ]
  return inOrderOf(history, findings)
}

/** What the workloads say of their own events, the order of tokens across all of them, and what an upgrade promises. */
export function checkAll(history: readonly HistoryEvent[], workloads: readonly Workload[]): Finding[] {
  const own = workloads.flatMap((workload) =>
    workload.check(history.filter((event) => event.workload === workload.name)),
  )
  const reported = new Set(own.map(({ check, what }) => `${check} ${what}`))
  const tokens = checkTokens(readHistory(history)).filter(({ check, what }) => !reported.has(`${check} ${what}`))
  return [...own, ...inOrderOf(history, [...tokens, ...checkSwappedPrograms(history)])]
}

/** The same, with the offending lines once each and in the order of the history. */
function inOrderOf(history: readonly HistoryEvent[], findings: readonly Finding[]): Finding[] {
  if (findings.length === 0) return []
  const position = new Map(history.map((event, index) => [event, index]))
  const positionOf = (event: HistoryEvent): number => position.get(event) ?? history.length
  return findings.map((finding) => ({
    ...finding,
    events: [...new Set(finding.events)].sort((a, b) => positionOf(a) - positionOf(b)),
  }))
}
