/**
 * `unlock,id:N,name:X[,token:T][,session:ID,secret:K]`: ends a loose hold, whoever took it. Without a token only if there is
 * but one; with a session and its secret only one that this session took.
 */
import { SERVICE_LEVEL } from '../../../feature-level.js'
import { CommandType } from '../../../locks/commands/commands.js'
import { actsForAnyone } from './needs.js'
import { hashSecret } from './opening.js'
import type { SessionRequest } from './request.js'
import { fail, readName, readNumber } from './values.js'

export const unlock: SessionRequest = {
  action: 'unlock',
  needs: { verb: 'lock', of: 'name' },
  level: SERVICE_LEVEL,
  perform: (session, line, id) => {
    const name = readName(line)
    const token = readNumber(line, 'token', 0)
    const owner = readNumber(line, 'session', 0)
    const secret = line.get('secret') ?? ''
    if ((owner === 0) !== (secret === '')) fail('bad-request', 'unlock: session and secret belong together')
    const secretHash = owner === 0 ? '' : hashSecret(secret)
    const wallMs = session.context.clock.wallNow()
    const { caller, context } = session
    const ofAnyone = actsForAnyone(context.access.policy, caller, [name])
    session.propose(id, { type: CommandType.unlock, name, token, owner, secretHash, ofAnyone, wallMs })
  },
}
