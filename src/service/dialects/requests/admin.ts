/** `.members`, `.transfer` and the like: handed to the administration, which decides who may ask and answers, perhaps later. */
import type { Line } from '../../../protocol/line.js'
import type { RequestScope, SessionRequest } from './request.js'
import { fail } from './values.js'

/** Whatever has no file of its own: a line of the administration, or nothing that is known here. */
export const otherwise: Pick<SessionRequest, 'perform'> = {
  perform: (session, line) => {
    if (!line.action.startsWith('.') || !administer(session, line)) fail('bad-request', `unknown action ${line.action}`)
  },
}

function administer({ context, connection }: RequestScope, line: Line): boolean {
  const { loopback, remote } = connection
  return context.operations.admin({ line, loopback, remote, reply: (text) => connection.say(text) })
}
