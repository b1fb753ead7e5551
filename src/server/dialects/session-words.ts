/** The lines that a session's connection receives (contract §2.2). */
import type { RequestId } from '../../locks/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import { formatSeconds } from './fields.js'
import { formatLine, type Pair } from './line.js'

export type ErrorCode =
  | 'bad-name'
  | 'bad-request'
  | 'deadlock'
  | 'limit'
  | 'limit-mismatch'
  | 'no-quorum'
  | 'not-holder'
  | 'session-expired'
  | 'unauthorized'
  | 'busy'

/** Requests that came without `id:N` have negative ids inside the node; the client does not see them. */
function idPair(request: RequestId): Pair {
  return ['id', request < 0 ? undefined : request]
}

export function formatError(request: RequestId, code: ErrorCode, message: string): string {
  return formatLine('err', idPair(request), ['code', code], ['message', message])
}

export function formatWelcome(
  view: { readonly session: number; readonly leaseMs: number },
  secret: string,
  node: string,
  leader: string,
  resumed: boolean,
): string {
  return formatLine(
    'welcome',
    ['session', view.session],
    ['secret', secret],
    ['node', node],
    ['leader', leader],
    ['lease', formatSeconds(view.leaseMs)],
    ['resumed', resumed ? 'yes' : undefined],
  )
}

/** What a resumed session still has, and the word that ends the list. */
export function formatHoldings({ held, queued }: SessionView): string {
  const locks = held.map(({ name, mode, token }) =>
    formatLine('held', ['name', name], ['mode', mode], ['token', token]),
  )
  const waiting = queued.map(({ request, name, position }) => formatQueued(request, name, position))
  return `${locks.join('')}${waiting.join('')}ready\n`
}

export function formatQueued(request: RequestId, name: string, position: number): string {
  return formatLine('queued', idPair(request), ['name', name], ['position', position])
}

export function formatAnswer(request: RequestId, answer: Answer): string {
  const id = idPair(request)
  switch (answer.kind) {
    case 'granted':
      return formatLine('ok', id, ['name', answer.name], ['token', answer.token])
    case 'not-granted':
      return formatLine('not-granted', id, ['name', answer.name], ['reason', answer.reason], ['holder', answer.holder])
    case 'released':
      return formatLine('released', id, ['name', answer.name])
    case 'cancelled':
      return formatLine('cancelled', id)
    case 'error':
      return formatError(request, answer.code, answer.message)
  }
}
