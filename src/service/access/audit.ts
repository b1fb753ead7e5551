/** What is written down of who did what. The sink is the server's; it never throws and never waits. */
import type { Caller } from './caller.js'

export interface AuditRecord {
  readonly caller: Caller
  /** HOST:PORT of the client. */
  readonly remote: string
  /** The word of the line (`lock`, `.freeze`), or `GET /v1/locks`. */
  readonly action: string
  /** Of a lock, or the prefix, member or key that it is about; several names: the first that was refused. */
  readonly name?: string
  /** Fencing token of the hold. */
  readonly token?: number
  /** `refused`: the caller may not. `failed`: it may, and something else was in the way. */
  readonly result: 'done' | 'refused' | 'failed'
  /** Of a refusal or failure, or what an operator gave (`reason:` of a freeze). Never a token of an identity, or a line. */
  readonly reason?: string
}

export interface Audit {
  /** Grants are written down too (`--audit-grants`); otherwise only administration, breaks, freezes and refusals are. */
  readonly wantsGrants: boolean
  record(record: AuditRecord): void
}

export const NO_AUDIT: Audit = { wantsGrants: false, record: () => undefined }
