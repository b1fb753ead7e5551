/** The lines that a session's connection receives (docs/protocol.md). */
import type { RequestId } from '../../locks/commands/commands.js'
import type { Answer, SessionView } from '../../locks/effects.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import { joined, type NeutralReply, neutral, type PositiveReply, positive } from '../../protocol/replies.js'
import { formatSeconds } from '../../protocol/values.js'
import { FEATURE_LEVEL } from '../limits.js'
import type { OpeningRefusal } from '../sessions/attachment.js'

/** Errors that concern no request of the client: the id is left out. */
export const NO_REQUEST: RequestId = -1

/** Requests that came without `id:N` have negative ids inside the node; the client does not see them. */
function shown(request: RequestId): RequestId | undefined {
  return request < 0 ? undefined : request
}

type Granted = Extract<Answer, { kind: 'granted' }>

export const BUSY_TEXT = 'more is waiting than can be stored soon; try again later'

export function formatError(request: RequestId, code: ErrorCode, message: string): NeutralReply {
  return neutral('err', { id: shown(request), code, message })
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

export function formatWelcome(welcome: Welcome): PositiveReply {
  const { resumedAttempt } = welcome
  return positive('welcome', {
    session: welcome.session,
    secret: welcome.secret,
    node: welcome.node,
    leader: welcome.leader,
    lease: formatSeconds(welcome.leaseMs),
    cluster: welcome.clusterId,
    level: FEATURE_LEVEL,
    relayed: welcome.isRelayed ? 'yes' : undefined,
    attempt: resumedAttempt ?? undefined,
    resumed: resumedAttempt === null ? undefined : 'yes',
  })
}

/** `cluster`, so that a client is not led from one cluster into another by an address that changed hands. */
export function formatRedirect(address: string, clusterId: string): NeutralReply {
  return neutral('redirect', { address, cluster: clusterId })
}

/** `cluster`: a client that asks at an address which changed hands must not take a stranger's word for the end of its session. */
export function formatRefusal(refusal: OpeningRefusal, clusterId: string): NeutralReply {
  switch (refusal.kind) {
    case 'expired': {
      const message = 'no such session, or it has expired'
      return neutral('err', { code: 'session-expired', message, cluster: clusterId })
    }
    case 'full':
      return formatError(NO_REQUEST, 'limit', 'the cluster has as many sessions as it may have')
    case 'outdated': {
      const message = 'the session was resumed with this attempt or a later one'
      return neutral('err', { code: 'superseded', attempt: refusal.attempt, message })
    }
  }
}

export function formatLost(name: string, token: number, reason: string): NeutralReply {
  return neutral('lost', { name, token, reason })
}

export function formatJeopardy(remainingMs: number): NeutralReply {
  return neutral('jeopardy', { remaining: formatSeconds(remainingMs) })
}

/** Where to resume; null: this node knows of no place. */
export function formatMoved(address: string | null): NeutralReply | undefined {
  return address === null ? undefined : neutral('moved', { address })
}

/** What a resumed session still has, and the word that ends the list. */
export function formatHoldings({ held, queued }: SessionView): PositiveReply {
  const locks = held.map(({ name, mode, token }) => positive('held', { name, mode, token }))
  const waiting = queued.map(({ request, name, position }) => formatQueued(request, name, position))
  return joined(...locks, ...waiting, positive('ready'))
}

export function formatQueued(request: RequestId, name: string, position: number): PositiveReply {
  return positive('queued', { id: shown(request), name, position })
}

export function formatGrant(request: RequestId, { name, token }: Granted): PositiveReply {
  return positive('ok', { id: shown(request), name, token })
}

/** Every answer that claims nothing. */
export function formatAnswer(request: RequestId, answer: Exclude<Answer, Granted>): NeutralReply {
  const id = shown(request)
  switch (answer.kind) {
    case 'not-granted':
      return neutral('not-granted', { id, name: answer.name, reason: answer.reason, holder: answer.holder })
    case 'released':
      return neutral('released', { id, name: answer.name })
    case 'cancelled':
      return neutral('cancelled', { id })
    case 'error':
      return formatError(request, answer.code, answer.message)
  }
}
