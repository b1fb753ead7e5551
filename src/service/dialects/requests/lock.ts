/**
 * `lock,id:N,name:X[,name:Y…][,mode:M | ,limit:L[,permits:P]][,wait:S|forever][,holding:…][,delay:S][,min-hold:S]
 * [,ttl:S[,loose:yes]][,once:KEY[,once-ttl:S]][,meta:TEXT]`: asks for locks, all or nothing, and waits for them if told to.
 */
import { SERVICE_LEVEL } from '../../../feature-level.js'
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import type { Line } from '../../../protocol/line.js'
import {
  joined,
  type NeutralReply,
  neutral,
  type PositiveReply,
  positive,
  withNews,
} from '../../../protocol/replies.js'
import { formatSeconds } from '../../../protocol/values.js'
import type { Sees } from '../../reads/deadlock-words.js'
import type { QueuedPlace } from '../../sessions/attachment.js'
import { lostReply, shownId } from '../replies.js'
import { needsServiceLevel, readAsks } from './asks.js'
import { readTerms } from './lock-terms.js'
import { actsForAnyone } from './needs.js'
import { releasedReply } from './release.js'
import type { LockBody, RequestScope, SessionRequest } from './request.js'
import { fail } from './values.js'

const KEYS_OF_SERVICE = ['limit', 'permits', 'holding', 'min-hold', 'ttl', 'loose', 'once', 'once-ttl'] as const

export const lock: SessionRequest = {
  action: 'lock',
  needs: { verb: 'lock', of: 'asks' },
  keyLevels: Object.fromEntries(KEYS_OF_SERVICE.map((key) => [key, SERVICE_LEVEL])),
  valueLevels: { 'mode:shared': SERVICE_LEVEL },
  perform: (session, line, id) => {
    session.proposeLock(id, read(line, session))
  },
}

function read(line: Line, { caller, context }: RequestScope): LockBody {
  const { level } = context.state
  const lack = level < SERVICE_LEVEL ? needsServiceLevel(line) : null
  if (lack !== null) fail('unsupported', lack)
  const asks = readAsks(line)
  const terms = readTerms(line, context.clock.wallNow(), (names) => actsForAnyone(context.access.policy, caller, names))
  const [first] = asks
  if (level >= SERVICE_LEVEL || first === undefined) return Object.assign(terms, { type: CommandType.ask, asks })
  const { waitMs, meta, delayMs, wallMs } = terms
  return { type: CommandType.lock, name: first.name, waitMs, meta, delayMs, wallMs }
}

/** It waits. `position` 1 is the next one. */
export function queuedReply(request: RequestId, { name, position, limit }: QueuedPlace): PositiveReply {
  return positive('queued', { id: shownId(request), name, position, limit: limitShown(limit) })
}

export type Granted = Extract<Answer, { readonly kind: 'granted' }>

/** One line a name. What has ended since is told with it: a claim that is no longer true must not stand alone. */
export function grantedReply(request: RequestId, { grants }: Granted): PositiveReply {
  const id = shownId(request)
  const held = grants.map(({ name, token, limit }) => positive('ok', { id, name, token, limit: limitShown(limit) }))
  const ended: NeutralReply[] = []
  for (const { name, token, ended: how } of grants) {
    if (how === 'released') ended.push(releasedReply(request, { name }))
    else if (how !== null) ended.push(lostReply(name, token, how))
  }
  return withNews(joined(...held), ended)
}

/** Who may lock a name without seeing it is not told who has it. */
export function notGrantedReply(
  request: RequestId,
  { name, reason, holder, holders, forMs, message }: Extract<Answer, { readonly kind: 'not-granted' }>,
  sees: Sees,
): NeutralReply {
  const isSeen = sees(name)
  return neutral('not-granted', {
    id: shownId(request),
    name,
    reason,
    holder: holder === '' || !isSeen ? undefined : holder,
    holders: holders > 1 && isSeen ? holders : undefined,
    for: reason === 'delayed' ? formatSeconds(forMs) : undefined,
    message: message === '' ? undefined : message,
  })
}

/** The mark was there already. `since`: unix seconds. */
export function doneReply(
  request: RequestId,
  { key, sinceWallMs, holder }: Extract<Answer, { readonly kind: 'done' }>,
  sees: Sees,
): NeutralReply {
  const by = sees(key) ? holder : undefined
  return neutral('done', { id: shownId(request), key, since: formatSeconds(sinceWallMs), holder: by })
}

const limitShown = (limit: number): number | undefined => (limit === 0 ? undefined : limit)
