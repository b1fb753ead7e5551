/** Metrics of who may what: files that cannot be used, attempts that failed, and what of the audit is missing. */
import { Counter, Gauge, type Registry } from 'prom-client'

export interface AccessCounts {
  /** The auth file says something else than what is in force. */
  isAuthFileBad(): boolean
  authFileFailures(): number
  failedAttempts(): number
  lostAuditLines(): number
}

export function addAccessMetrics(registry: Registry, counts: AccessCounts): void {
  const registers = [registry]
  const bad: Gauge = new Gauge({
    name: 'tnl_auth_file_bad',
    help: '1 while the auth file has changed and cannot be used: what was in force before stays so',
    registers,
    collect: () => bad.set(counts.isAuthFileBad() ? 1 : 0),
  })
  const counter = (name: string, help: string, read: () => number): void => {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        made.reset()
        made.inc(read())
      },
    })
  }
  counter('tnl_auth_file_failures_total', 'Times that the auth file was read and could not be used', () =>
    counts.authFileFailures(),
  )
  counter('tnl_auth_failed_attempts_total', "Tokens shown to this node that were nobody's", () =>
    counts.failedAttempts(),
  )
  counter('tnl_audit_lost_lines_total', 'Lines of the audit that could not be written', () => counts.lostAuditLines())
}
