/** The lines that a session's connection receives (docs/protocol.md). */
import type { RequestId } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import { formatLine, type Pair } from '../../protocol/line.js'
import { formatSeconds } from '../../protocol/values.js'
import { FEATURE_LEVEL } from '../limits.js'
import type { OpeningRefusal } from '../sessions/attachment.js'

/** Errors that concern no request of the client: the id is left out. */
export const NO_REQUEST: RequestId = -1

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
  | 'superseded'
  | 'unsupported'
  | 'frozen'

/** Requests that came without `id:N` have negative ids inside the node; the client does not see them. */
function idPair(request: RequestId): Pair {
  return ['id', request < 0 ? undefined : request]
}

export const BUSY_TEXT = 'more is waiting than can be stored soon; try again later'

export function formatError(request: RequestId, code: ErrorCode, message: string): string {
  return formatLine('err', idPair(request), ['code', code], ['message', message])
}

export interface Welcome {
  readonly session: number
  readonly secret: string
  readonly node: string
  /** Empty while none is known. */
  readonly leader: string
  readonly leaseMs: number
  readonly clusterId: string
  readonly isRelayed: boolean
  /** The highest `attempt` that was applied; null if the session is a new one. */
  readonly resumedAttempt: number | null
}

export function formatWelcome(welcome: Welcome): string {
  const { resumedAttempt } = welcome
  return formatLine(
    'welcome',
    ['session', welcome.session],
    ['secret', welcome.secret],
    ['node', welcome.node],
    ['leader', welcome.leader],
    ['lease', formatSeconds(welcome.leaseMs)],
    ['cluster', welcome.clusterId],
    ['level', FEATURE_LEVEL],
    ['relayed', welcome.isRelayed ? 'yes' : undefined],
    ['attempt', resumedAttempt ?? undefined],
    ['resumed', resumedAttempt === null ? undefined : 'yes'],
  )
}

/** `cluster`, so that a client is not led from one cluster into another by an address that changed hands. */
export function formatRedirect(address: string, clusterId: string): string {
  return formatLine('redirect', ['address', address], ['cluster', clusterId])
}

/** `cluster`: a client that asks at an address which changed hands must not take a stranger's word for the end of its session. */
export function formatRefusal(refusal: OpeningRefusal, clusterId: string): string {
  switch (refusal.kind) {
    case 'expired': {
      const message = 'no such session, or it has expired'
      return formatLine('err', ['code', 'session-expired'], ['message', message], ['cluster', clusterId])
    }
    case 'full':
      return formatError(NO_REQUEST, 'limit', 'the cluster has as many sessions as it may have')
    case 'outdated': {
      const message = 'the session was resumed with this attempt or a later one'
      return formatLine('err', ['code', 'superseded'], ['attempt', refusal.attempt], ['message', message])
    }
  }
}

export function formatLost(name: string, token: number, reason: string): string {
  return formatLine('lost', ['name', name], ['token', token], ['reason', reason])
}

export function formatJeopardy(remainingMs: number): string {
  return formatLine('jeopardy', ['remaining', formatSeconds(remainingMs)])
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
