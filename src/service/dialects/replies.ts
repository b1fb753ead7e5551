/** Replies that belong to no single request (docs/protocol.md). Those of a request stand in its file, in `requests/`. */
import type { RequestId, Token } from '../../locks/commands/commands.js'
import type { LossReason } from '../../locks/effects.js'
import type { ErrorCode } from '../../protocol/error-codes.js'
import { type NeutralReply, neutral, plainError, positive } from '../../protocol/replies.js'
import { formatSeconds } from '../../protocol/values.js'

// ------------------------------------------------------------------------------------------------- any connection

/** Before the first line is complete nobody knows the dialect, so these are errors in both. */
export const BAD_REQUEST = neutral('bad-request')
export const LINE_TOO_LONG = plainError('line too long')
/** What was asked for cannot be written into the log. */
export const UNUSABLE = neutral('err', { code: 'bad-request', message: 'a value that cannot be stored' })

// ------------------------------------------------------------------------------------------------ classic dialect

/** No leader is known, or the fate of the request is not: nothing is claimed. */
export const CLASSIC_NO_QUORUM = plainError('no quorum')
/** Says neither what is missing nor what there is. */
export const CLASSIC_UNAUTHORIZED = plainError('unauthorized')

// ------------------------------------------------------------------------------------------------ session dialect

/** Errors that concern no request of the client: the id is left out. */
export const NO_REQUEST: RequestId = -1

/** Requests that came without `id:N` have negative ids inside the node; the client does not see them. */
export function shownId(request: RequestId): RequestId | undefined {
  return request < 0 ? undefined : request
}

export function errorReply(request: RequestId, code: ErrorCode, message: string): NeutralReply {
  return neutral('err', { id: shownId(request), code, message })
}

export const NO_QUORUM_TEXT = 'no leader, or no answer in time'
export const NO_QUORUM = errorReply(NO_REQUEST, 'no-quorum', NO_QUORUM_TEXT)
export const BUSY_TEXT = 'more is waiting than can be stored soon; try again later'

/** The token or certificate of a living connection was taken away. */
export const REVOKED = errorReply(
  NO_REQUEST,
  'unauthorized',
  'what this connection has proven is not accepted any more',
)

export const SAFE = positive('safe')

export function jeopardyReply(remainingMs: number): NeutralReply {
  return neutral('jeopardy', { remaining: formatSeconds(remainingMs) })
}

export function lostReply(name: string, token: Token, reason: LossReason): NeutralReply {
  return neutral('lost', { name, token, reason })
}

/** Where to resume; undefined if this node knows of no place. */
export function movedReply(address: string | null): NeutralReply | undefined {
  return address === null ? undefined : neutral('moved', { address })
}
