/** `release,id:N,name:X[,token:T]`: gives a lock back. With a token, only the hold that has it. */
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import { type NeutralReply, neutral } from '../../../protocol/replies.js'
import { shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readName, readNumber, refuseUnsupported } from './values.js'

export const release: SessionRequest = {
  action: 'release',
  perform: (session, line, id) => {
    refuseUnsupported(line, ['done'])
    session.propose(id, { type: CommandType.release, name: readName(line), token: readNumber(line, 'token', 0) })
  },
}

export function releasedReply(
  request: RequestId,
  { name }: Extract<Answer, { readonly kind: 'released' }>,
): NeutralReply {
  return neutral('released', { id: shownId(request), name })
}
