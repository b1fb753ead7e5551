/**
 * `check,id:N,name:X,token:T`: whether a hold with this token is current. For the resource that a lock protects: of a shared
 * lock or a semaphore several tokens are current at once. Also as the first line of a connection, which is then closed.
 */
import type { RequestId } from '../../../locks/commands/commands.js'
import type { Line } from '../../../protocol/line.js'
import { type NeutralReply, neutral, type PositiveReply, positive } from '../../../protocol/replies.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readName, readNumber } from './values.js'

export const check: SessionRequest = {
  action: 'check',
  needs: { verb: 'see', of: 'name' },
  perform: (session, line, id) => {
    const { name, token } = readCheck(line)
    const request = id ?? NO_REQUEST
    session.lookUp(id, () => {
      const isCurrent = session.context.reads.reports.isCurrent(name, token)
      if (isCurrent) session.connection.speak(validReply(request))
      else session.connection.say(staleReply(request))
    })
  },
}

/** Throws RequestError. */
export function readCheck(line: Line): { readonly name: string; readonly token: number } {
  return { name: readName(line), token: readNumber(line, 'token', null) }
}

/** It is current at some moment after the question, which the node may say only while its lease is in force. */
export function validReply(request: RequestId): PositiveReply {
  return positive('valid', { id: shownId(request) })
}

export function staleReply(request: RequestId): NeutralReply {
  return neutral('stale', { id: shownId(request) })
}
