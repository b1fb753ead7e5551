/** What `hello` and `resume` have in common: how a session is opened here, or why it is not. */

import { sha256 } from '../../../digest.js'
import { CommandType, type Open, type OpeningHeader, type Resume } from '../../../locks/commands/commands.js'
import type { Random } from '../../../platform.js'
import type { Line } from '../../../protocol/line.js'
import { type NeutralReply, neutral, type PositiveReply, positive } from '../../../protocol/replies.js'
import { formatSeconds } from '../../../protocol/values.js'
import type { Caller } from '../../access/caller.js'
import type { Policy } from '../../access/policy.js'
import type { OpeningRefusal } from '../../sessions/attachment.js'
import type { ConnectionContext } from '../connection-context.js'
import { type ClientPlace, redirectAddress } from '../redirects.js'
import { BUSY_TEXT, errorReply, NO_QUORUM, NO_REQUEST } from '../replies.js'
import type { LevelNeeds } from './level.js'

/** A first line that opens a session. Throws RequestError. */
export interface OpeningRequest extends LevelNeeds {
  readonly action: string
  read(line: Line, random: Random): Opening
}

/** Whose it will be is added when it is proposed. */
type OpeningBody =
  | Omit<Open, keyof OpeningHeader | 'identity'>
  | Omit<Resume, keyof OpeningHeader | 'identity' | 'asAnyone'>

export interface Opening {
  readonly body: OpeningBody
  /** False: a session that exists is resumed. */
  readonly isNew: boolean
  /** What resumes the session; the state keeps only its hash. */
  readonly secret: string
  /** 0 for a resume: the state knows. */
  readonly leaseMs: number
  readonly mayRedirect: boolean
  /** The client's own end of the connection as it sees it, or `unknown`; undefined if it does not say. */
  readonly from: string | undefined
}

export function openingBy(body: OpeningBody, caller: Caller, policy: Policy): OpeningRequestBody {
  const { id: identity } = caller
  if (body.type === CommandType.open) return { ...body, identity }
  return { ...body, identity, asAnyone: policy.hash === null }
}

type OpeningRequestBody = Omit<Open, keyof OpeningHeader> | Omit<Resume, keyof OpeningHeader>

const BUSY = errorReply(NO_REQUEST, 'busy', BUSY_TEXT)

/**
 * Why a session is not opened here; null: it is. `hello` may be sent to the leader, and is new work that a busy cluster
 * refuses; `resume` never, for it may have little time left.
 */
export function openingRefusal(
  context: ConnectionContext,
  client: ClientPlace,
  { isNew, mayRedirect }: Opening,
): NeutralReply | null {
  const address = isNew ? redirectAddress(context, client, mayRedirect) : null
  // `cluster`, so that a client is not led from one cluster into another by an address that changed hands.
  if (address !== null) return neutral('redirect', { address, cluster: context.state.clusterId })
  if (!context.right.serving()) return NO_QUORUM
  return isNew && context.attachments.isBusy ? BUSY : null
}

export const OTHER_IDENTITY_TEXT = 'resume: the session is of another identity'

/**
 * The opening was applied and opens nothing. `cluster`: a client that asks at an address which changed hands must not take a
 * stranger's word for the end of its session.
 */
export function refusedReply(refusal: OpeningRefusal, clusterId: string): NeutralReply {
  switch (refusal.kind) {
    case 'expired': {
      const message = 'no such session, or it has expired'
      return neutral('err', { code: 'session-expired', message, cluster: clusterId })
    }
    case 'forbidden':
      return errorReply(NO_REQUEST, 'unauthorized', OTHER_IDENTITY_TEXT)
    case 'full':
      return errorReply(NO_REQUEST, 'limit', 'the cluster has as many sessions as it may have')
    case 'outdated': {
      const message = 'the session was resumed with this attempt or a later one'
      return neutral('err', { code: 'superseded', attempt: refusal.attempt, message })
    }
  }
}

export interface Welcome {
  readonly session: number
  readonly secret: string
  readonly node: string
  /** Empty while none is known. */
  readonly leader: string
  readonly leaseMs: number
  readonly clusterId: string
  /** The cluster's feature level: what requests may use. */
  readonly level: number
  readonly isRelayed: boolean
  /** The highest `attempt` that was applied; null if the session is a new one. */
  readonly resumedAttempt: number | null
}

export function welcomeReply(welcome: Welcome): PositiveReply {
  const { resumedAttempt } = welcome
  return positive('welcome', {
    session: welcome.session,
    secret: welcome.secret,
    node: welcome.node,
    leader: welcome.leader,
    lease: formatSeconds(welcome.leaseMs),
    cluster: welcome.clusterId,
    level: welcome.level,
    relayed: welcome.isRelayed ? 'yes' : undefined,
    attempt: resumedAttempt ?? undefined,
    resumed: resumedAttempt === null ? undefined : 'yes',
  })
}

/** The state keeps no secrets, only this. 16 bytes, hex. */
export function hashSecret(secret: string): string {
  return sha256(secret).toString('hex').slice(0, 32)
}
