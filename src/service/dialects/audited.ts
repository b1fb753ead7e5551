/** What of a session's requests is written down when it is answered: what operators do to locks, and grants if they are wanted. */
import { CommandType } from '../../locks/commands/commands.js'
import type { Answer } from '../../locks/effects.js'
import type { Audit, AuditRecord } from '../access/audit.js'
import type { Caller } from '../access/caller.js'
import type { RequestBody } from './requests/request.js'

/** Something that an operator asked for. */
export interface Operation {
  /** As its line says it. */
  readonly action: string
  /** The name, prefix or key that it is about. */
  readonly name: string
  /** The operator's words; empty: it gives none. */
  readonly reason: string
}

/** Null: what it does is not written down. */
export function operationOf(body: RequestBody): Operation | null {
  switch (body.type) {
    case CommandType.forceRelease:
      return { action: '.force-release', name: body.name, reason: body.reason }
    case CommandType.resize:
      return { action: '.resize', name: body.name, reason: '' }
    case CommandType.freeze:
      return { action: '.freeze', name: body.prefix, reason: body.reason }
    case CommandType.thaw:
      return { action: '.thaw', name: body.prefix, reason: '' }
    case CommandType.forget:
      return { action: '.forget', name: body.key, reason: '' }
    default:
      return null
  }
}

type Who = Pick<AuditRecord, 'remote'> & { readonly caller: Caller }

export function writeDown(audit: Audit, { caller, remote }: Who, operation: Operation | null, answer: Answer): void {
  if (answer.kind === 'granted') {
    if (!audit.wantsGrants) return
    for (const { name, token } of answer.grants) {
      audit.record({ caller, remote, action: 'lock', name, token, result: 'done' })
    }
  } else if (operation !== null) {
    const { action, name, reason } = operation
    const said = answer.kind === 'error' ? answer.message : reason
    audit.record({
      ...{ caller, remote, action, name },
      ...(answer.kind === 'forced' ? { token: answer.token } : {}),
      result: answer.kind === 'error' ? 'failed' : 'done',
      ...(said === '' ? {} : { reason: said }),
    })
  }
}
