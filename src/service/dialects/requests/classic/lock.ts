/** `lock,name:X[,client-id:C][,wait:S|forever][,fence:yes][,redirect:yes]`: the one lock of this connection. */
import type { Answer } from '../../../../locks/effects.js'
import type { Line } from '../../../../protocol/line.js'
import { type NeutralReply, neutral, type PositiveReply, plainError, positive } from '../../../../protocol/replies.js'
import { isClientId, isLockName, parseWaitMs, parseYesNo } from '../../../../protocol/values.js'
import { redirectAddress } from '../../redirects.js'
import { CLASSIC_NO_QUORUM } from '../../replies.js'
import type { ClassicAsk, ClassicRequest, ClassicScope } from './request.js'

/** Additions of the protocol that this version does not know: an error, never silently ignored. */
const KEYS_TO_COME = ['permits', 'limit'] as const

const OK = positive('ok')
export const NOT_GRANTED = neutral('not-granted')
const LIMIT = plainError('limit')
/** Nothing was proposed: more waits already than can be stored soon. */
const BUSY = plainError('busy')

export const lock: ClassicRequest = { action: 'lock', perform }

function perform(client: ClassicScope, line: Line): void {
  const { context, connection } = client
  const asked = read(line, context.clock.wallNow())
  const refusal = typeof asked === 'string' ? asked : notHere(client, asked.mayRedirect)
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
  const mode = line.get('mode') ?? 'exclusive'
  if (mode === 'shared') return plainError('mode not supported yet')
  if (mode !== 'exclusive') return plainError('invalid mode')
  for (const key of KEYS_TO_COME) if (line.has(key)) return plainError(`${key} not supported yet`)
  const body = { clientId: clientId ?? '', name, waitMs, meta: '', delayMs: 0, wallMs }
  return { body, showsToken, mayRedirect }
}

/** Null, or where else to ask, or why not now. */
function notHere({ context, connection }: ClassicScope, mayRedirect: boolean): NeutralReply | null {
  const address = redirectAddress(context, connection, mayRedirect)
  if (address !== null) return neutral('redirect', { address })
  if (!context.right.serving()) return CLASSIC_NO_QUORUM
  return context.attachments.isBusy ? BUSY : null
}

export function grantedReply(token: number, showsToken: boolean): PositiveReply {
  return showsToken ? positive('ok', { token }) : OK
}

export function refusedReply(answer: Answer): NeutralReply {
  if (answer.kind !== 'error') return NOT_GRANTED
  return answer.code === 'limit' ? LIMIT : plainError(answer.message)
}
