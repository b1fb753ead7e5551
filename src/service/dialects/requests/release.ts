/**
 * `release,id:N,name:X[,token:T][,done:yes]`: gives a lock back. With a token, only the hold that has it. `done:yes` also sets
 * the mark that the lock was asked with (`once`): only for a hold that is named, so that a success under a hold that was lost
 * meanwhile is never counted.
 */
import { SERVICE_LEVEL } from '../../../feature-level.js'
import { CommandType, type RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import { type NeutralReply, neutral } from '../../../protocol/replies.js'
import { shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { fail, readName, readNumber, readYesNo } from './values.js'

export const release: SessionRequest = {
  action: 'release',
  needs: 'nothing',
  keyLevels: { done: SERVICE_LEVEL },
  perform: (session, line, id) => {
    const name = readName(line)
    const token = readNumber(line, 'token', 0)
    const done = readYesNo(line, 'done')
    if (done && token === 0) fail('bad-request', 'done: needs token')
    session.propose(id, { type: CommandType.release, name, token, done, wallMs: session.context.clock.wallNow() })
  },
}

export function releasedReply(
  request: RequestId,
  { name }: Pick<Extract<Answer, { readonly kind: 'released' }>, 'name'>,
): NeutralReply {
  return neutral('released', { id: shownId(request), name })
}
