/** What of reports about the whole cluster is for whom: whoever does not see all names is told no number of all of them. */
import type { VisibleNames } from '../../service/access/policy.js'
import type { StatusReport } from '../../service/status.js'
import type { Asker } from './http-access.js'
import type { PrefixLabels } from './prefix-labels.js'

type CountOfNames = 'lock_count' | 'waiters' | 'sessions'
export type ShownStatus = Omit<StatusReport, CountOfNames> & Partial<Pick<StatusReport, CountOfNames>>

export function statusFor(visible: VisibleNames, report: ShownStatus): ShownStatus {
  if (visible.isAll) return report
  const { lock_count: _, waiters: __, sessions: ___, ...rest } = report
  return rest
}

const METRICS_OF_ALL_NAMES = /^(?:tnl_locks|tnl_waiters|tnl_contended_locks|tnl_sessions) /
/** Of a label's value, in which Prometheus escapes quotes and backslashes; no prefix of names has either. */
const PREFIX = /[{,]prefix="([^"]*)"/

/** Lines of Prometheus' text. `labels`: which of their labels are for whom. */
export function metricsFor({ visible, sight }: Asker, text: string, labels: Pick<PrefixLabels, 'isFor'>): string {
  if (visible.isAll) return text
  const isShown = (line: string): boolean => {
    if (line.startsWith('#')) return true
    const [, prefix] = PREFIX.exec(line) ?? []
    return prefix === undefined ? !METRICS_OF_ALL_NAMES.test(line) : labels.isFor(sight, prefix)
  }
  return text.split('\n').filter(isShown).join('\n')
}
