/** `cancel,id:N,request:M`: request M waits no longer. Its own answer, `not-granted` or `ok`, always comes before this one's. */
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import { type NeutralReply, neutral } from '../../../protocol/replies.js'
import { shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readRequestId } from './values.js'

export const cancel: SessionRequest = {
  action: 'cancel',
  perform: (session, line, id) =>
    session.propose(id, { type: CommandType.cancel, target: readRequestId(line, 'request') }),
}

export function cancelledReply(request: RequestId): NeutralReply {
  return neutral('cancelled', { id: shownId(request) })
}
