/**
 * `lock,name:X[,client-id:C][,wait:S|forever][,mode:shared | ,limit:M[,permits:N]][,fence:yes][,redirect:yes]`: the one lock of
 * this connection.
 */
import { SERVICE_LEVEL } from '../../../../feature-level.js'
import { CommandType, EXCLUSIVE, SHARED } from '../../../../locks/commands/commands.js'
import type { Answer } from '../../../../locks/effects.js'
import { PERMITS_MAX } from '../../../../locks/limits.js'
import type { Line } from '../../../../protocol/line.js'
import { type NeutralReply, neutral, type PositiveReply, plainError, positive } from '../../../../protocol/replies.js'
import { isClientId, isLockName, parseInteger, parseWaitMs, parseYesNo } from '../../../../protocol/values.js'
import { redirectAddress } from '../../redirects.js'
import { CLASSIC_NO_QUORUM } from '../../replies.js'
import { refusalByRules } from '../name-rules.js'
import type { ClassicAsk, ClassicRequest, ClassicScope } from './request.js'

const OK = positive('ok')
export const NOT_GRANTED = neutral('not-granted')
const LIMIT = plainError('limit')
const LIMIT_MISMATCH = plainError('limit mismatch')
const PERMITS_EXCEED_LIMIT = plainError('permits exceed limit')
/** Nothing was proposed: more waits already than can be stored soon. */
const BUSY = plainError('busy')

export const lock: ClassicRequest = {
  action: 'lock',
  needs: { verb: 'lock', of: 'asks' },
  keyLevels: { limit: SERVICE_LEVEL, permits: SERVICE_LEVEL },
  valueLevels: { 'mode:shared': SERVICE_LEVEL },
  perform,
}

function perform(client: ClassicScope, line: Line): void {
  const { context, connection } = client
  const asked = read(line, context.clock.wallNow())
  const refusal = typeof asked === 'string' ? asked : (refusalOfTerms(client, asked) ?? notHere(client, asked))
  if (refusal !== null) connection.close(refusal)
  else if (typeof asked !== 'string') client.ask(asked.body, asked.showsToken)
}

interface Asked {
  readonly body: ClassicAsk
  readonly showsToken: boolean
  readonly mayRedirect: boolean
}

/** What is asked, or the words for what is wrong. */
function read(line: Line, wallMs: number): Asked | NeutralReply {
  const name = line.get('name') ?? ''
  const clientId = line.get('client-id')
  if (!isLockName(name)) return plainError('invalid lock name')
  if (clientId !== undefined && !isClientId(clientId)) return plainError('invalid client id')
  const waitMs = parseWaitMs(line.get('wait'))
  if (waitMs === null || waitMs === Number.POSITIVE_INFINITY) return plainError('invalid wait')
  const showsToken = parseYesNo(line.get('fence'))
  if (showsToken === null) return plainError('invalid fence')
  const mayRedirect = parseYesNo(line.get('redirect'))
  if (mayRedirect === null) return plainError('invalid redirect')
  const asked = readAmount(line)
  if (typeof asked === 'string') return asked
  const { amount, limit } = asked
  const type = CommandType.openClassic
  const body = { type, clientId: clientId ?? '', name, waitMs, meta: '', delayMs: 0, wallMs, amount, limit }
  return { body, showsToken, mayRedirect }
}

/** What is asked of the name, or the words for what is wrong with it. */
function readAmount(line: Line): Pick<ClassicAsk, 'amount' | 'limit'> | NeutralReply {
  const mode = line.get('mode')
  if (mode !== undefined && ((mode !== 'shared' && mode !== 'exclusive') || line.has('limit'))) {
    return plainError('invalid mode')
  }
  if (!line.has('limit')) {
    if (line.has('permits')) return plainError('invalid permits')
    return { amount: mode === 'shared' ? SHARED : EXCLUSIVE, limit: 0 }
  }
  const limit = parseInteger(line.get('limit') ?? '') ?? 0
  const permits = line.has('permits') ? (parseInteger(line.get('permits') ?? '') ?? 0) : 1
  if (limit === 0) return plainError('invalid limit')
  if (permits === 0) return plainError('invalid permits')
  return limit > PERMITS_MAX || permits > PERMITS_MAX ? LIMIT : { amount: permits, limit }
}

/** By the rules for names of the auth file. */
function refusalOfTerms({ context, connection }: ClassicScope, { body }: Asked): NeutralReply | null {
  const { name, amount, limit, meta, delayMs, waitMs } = body
  const asked = { asks: [{ name, amount, limit }], ttlMs: 0, minHoldMs: 0, delayMs, meta, waitMs }
  const refusal = refusalByRules(context, connection, asked)
  return refusal === null ? null : plainError(refusal.text)
}

/** Null, or where else to ask, or why not now. */
function notHere({ context, connection }: ClassicScope, { body, mayRedirect }: Asked): NeutralReply | null {
  const address = redirectAddress(context, connection, mayRedirect)
  if (address !== null) return neutral('redirect', { address })
  const isServing = context.right.serving()
  if (isServing && !context.attachments.isBusy) return null
  context.counters.failed(body.name, isServing ? 'busy' : 'no-quorum')
  return isServing ? BUSY : CLASSIC_NO_QUORUM
}

export function grantedReply(token: number, showsToken: boolean): PositiveReply {
  return showsToken ? positive('ok', { token }) : OK
}

export function refusedReply(answer: Answer): NeutralReply {
  if (answer.kind !== 'error') return NOT_GRANTED
  switch (answer.code) {
    case 'limit-mismatch':
      return LIMIT_MISMATCH
    case 'permits':
      return PERMITS_EXCEED_LIMIT
    case 'limit':
      return LIMIT
    default:
      return plainError(answer.message)
  }
}
