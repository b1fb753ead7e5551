/** Metrics of who may what: files that cannot be used, attempts that failed, and what of the audit is missing. */
import { Counter, Gauge, type Registry } from 'prom-client'

export interface AccessCounts {
  /** Of the auth file in force: hexadecimal digits, the beginning of its SHA-256; null: there is none. */
  authHash(): string | null
  /** The auth file says something else than what is in force. */
  isAuthFileBad(): boolean
  authFileFailures(): number
  failedAttempts(): number
  lostAuditLines(): number
}

/** So many digits are a whole number that is exact: Alertmanager shows the hash of its configuration like this. */
const HASH_DIGITS = 12

export function addAccessMetrics(registry: Registry, counts: AccessCounts): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) })
  }
  gauge(
    'tnl_auth_file_bad',
    '1 while the auth file has changed and cannot be used: what was in force before stays so',
    () => (counts.isAuthFileBad() ? 1 : 0),
  )
  gauge('tnl_auth_file_hash', 'Of the auth file in force, to compare nodes; 0: there is none', () =>
    numberOf(counts.authHash()),
  )
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

function numberOf(hash: string | null): number {
  return hash === null ? 0 : Number.parseInt(hash.slice(0, HASH_DIGITS), 16)
}
