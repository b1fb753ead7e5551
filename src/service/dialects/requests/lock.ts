/** `lock,id:N,name:X[,wait:S|forever][,delay:S][,meta:TEXT]`: asks for a lock, and waits for it if told to. */
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import { LOCK_DELAY_MAX_MS } from '../../../protocol/limits.js'
import type { Line } from '../../../protocol/line.js'
import { type NeutralReply, neutral, type PositiveReply, positive } from '../../../protocol/replies.js'
import { parseWaitMs } from '../../../protocol/values.js'
import { shownId } from '../replies.js'
import type { LockBody, SessionRequest } from './request.js'
import { fail, failUnsupported, readName, readSecondsMs, refuseUnsupported } from './values.js'

/** A lock without its `ttl`, say, would be another lock than the one that was asked for. */
const KEYS_TO_COME = ['permits', 'limit', 'holding', 'min-hold', 'ttl', 'loose', 'once', 'once-ttl'] as const

export const lock: SessionRequest = {
  action: 'lock',
  perform: (session, line, id) => session.proposeLock(id, read(line, session.context.clock.wallNow())),
}

function read(line: Line, wallMs: number): LockBody {
  refuseUnsupported(line, KEYS_TO_COME)
  if (line.get('mode') === 'shared') failUnsupported('mode:shared')
  if ((line.get('mode') ?? 'exclusive') !== 'exclusive') fail('bad-request', 'mode: exclusive or shared')
  if (line.all('name').length > 1) failUnsupported('more than one name')
  const name = readName(line)
  const waitMs = parseWaitMs(line.get('wait'))
  if (waitMs === null) return fail('bad-request', 'wait: seconds or forever')
  if (waitMs === Number.POSITIVE_INFINITY) fail('limit', 'wait is too long: use wait:forever')
  const delayMs = readSecondsMs(line, 'delay') ?? 0
  if (delayMs > LOCK_DELAY_MAX_MS) fail('limit', `delay: at most ${LOCK_DELAY_MAX_MS / 1000} seconds`)
  return { type: CommandType.lock, name, waitMs, meta: line.get('meta') ?? '', delayMs, wallMs }
}

/** It waits. `position` 1 is the next one. */
export function queuedReply(request: RequestId, name: string, position: number): PositiveReply {
  return positive('queued', { id: shownId(request), name, position })
}

export type Granted = Extract<Answer, { readonly kind: 'granted' }>

export function grantedReply(request: RequestId, { name, token }: Granted): PositiveReply {
  return positive('ok', { id: shownId(request), name, token })
}

export function notGrantedReply(
  request: RequestId,
  { name, reason, holder }: Extract<Answer, { readonly kind: 'not-granted' }>,
): NeutralReply {
  return neutral('not-granted', { id: shownId(request), name, reason, holder })
}
