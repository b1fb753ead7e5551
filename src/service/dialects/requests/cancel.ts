/** `cancel,id:N,request:M`: request M waits no longer, or watch M ends. Its own answer always comes before this one's. */
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import { type NeutralReply, neutral } from '../../../protocol/replies.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readRequestId } from './values.js'

export const cancel: SessionRequest = {
  action: 'cancel',
  needs: 'nothing',
  perform: (session, line, id) => {
    const target = readRequestId(line, 'request')
    const { connection, context } = session
    // The log knows of no watch.
    if (context.reads.watches.cancel(connection, target)) connection.say(cancelledReply(id ?? NO_REQUEST))
    else session.propose(id, { type: CommandType.cancel, target })
  },
}

export function cancelledReply(request: RequestId): NeutralReply {
  return neutral('cancelled', { id: shownId(request) })
}
