/**
 * What operators ask of the locks themselves: `.force-release`, `.resize`, `.freeze`, `.thaw`, `.forget`. They are numbered
 * commands of the operator's session, like `lock`, so each has its effect once. They need the verb `break`.
 */
import { utf8Length } from '../../../bytes/utf8.js'
import { SERVICE_LEVEL } from '../../../feature-level.js'
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import { PERMITS_MAX, REASON_MAX_BYTES } from '../../../locks/limits.js'
import type { Line } from '../../../protocol/line.js'
import { type NeutralReply, neutral } from '../../../protocol/replies.js'
import { formatSeconds, isLockName } from '../../../protocol/values.js'
import { shownId } from '../replies.js'
import type { Subject } from './needs.js'
import type { RequestBody, SessionRequest } from './request.js'
import { fail, readName, readNumber, readPositive, readPrefix, readSecondsMs, readYesNo } from './values.js'

const forceRelease = operators('.force-release', 'name', (line, wallMs) => ({
  type: CommandType.forceRelease,
  name: readName(line),
  token: readNumber(line, 'token', null),
  reason: readReason(line),
  now: readYesNo(line, 'now'),
  wallMs,
}))

const resize = operators('.resize', 'name', (line) => ({
  type: CommandType.resize,
  name: readName(line),
  limit: readLimit(line),
}))

const freeze = operators('.freeze', 'prefix', (line, wallMs) => {
  // Empty: all names. It must be said, so that a key that was left out or misspelt does not freeze the whole cluster.
  const prefix = readPrefix(line, null)
  const untilWallMs = readSecondsMs(line, 'until')
  // A time that has passed is a slip, such as seconds from now, and no freeze.
  const isOver = untilWallMs !== null && untilWallMs <= wallMs
  return { type: CommandType.freeze, prefix, untilWallMs: untilWallMs ?? 0, isOver, reason: readReason(line), wallMs }
})

const thaw = operators('.thaw', 'prefix', (line) => ({ type: CommandType.thaw, prefix: readPrefix(line, null) }))

const forget = operators('.forget', 'key', (line) => {
  const key = line.get('key') ?? ''
  if (!isLockName(key)) fail('bad-request', 'key: of a mark, which is written like the name of a lock')
  return { type: CommandType.forget, key }
})

export const OPERATORS_REQUESTS: readonly SessionRequest[] = [forceRelease, resize, freeze, thaw, forget]

function operators(action: string, of: Subject, read: (line: Line, wallMs: number) => RequestBody): SessionRequest {
  return {
    action,
    level: SERVICE_LEVEL,
    needs: { verb: 'break', of },
    perform: (session, line, id) => session.propose(id, read(line, session.context.clock.wallNow())),
  }
}

function readReason(line: Line): string {
  const reason = line.get('reason') ?? ''
  if (reason === '') fail('bad-request', 'reason: some words for whoever is refused or loses a lock')
  if (utf8Length(reason) > REASON_MAX_BYTES) fail('limit', `reason: at most ${REASON_MAX_BYTES} bytes`)
  return reason
}

/** 0 takes the pin away. */
function readLimit(line: Line): number {
  if (readYesNo(line, 'reset')) return line.has('limit') ? fail('bad-request', 'reset: not together with limit') : 0
  const limit = readPositive(line, 'limit')
  return limit > PERMITS_MAX ? fail('limit', `limit: at most ${PERMITS_MAX}`) : limit
}

type OfOperators = Extract<Answer, { readonly kind: 'forced' | 'resized' | 'frozen' | 'thawed' | 'forgotten' }>

export function operatorsReply(request: RequestId, answer: OfOperators): NeutralReply {
  const id = shownId(request)
  switch (answer.kind) {
    case 'forced':
      return neutral('forced', { id, name: answer.name, token: answer.token, within: formatSeconds(answer.withinMs) })
    case 'resized':
      return answer.limit === 0
        ? neutral('resized', { id, name: answer.name, reset: 'yes' })
        : neutral('resized', { id, name: answer.name, limit: answer.limit })
    case 'frozen':
      return neutral('frozen', { id, prefix: answer.prefix })
    case 'thawed':
      return neutral('thawed', { id, prefix: answer.prefix })
    case 'forgotten':
      return neutral('forgotten', { id, key: answer.key })
  }
}
