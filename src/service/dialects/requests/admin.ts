/** `.members`, `.transfer` and the like: handed to the administration, which answers, perhaps later. */
import { ADMIN_ACTIONS } from '../../administration/actions.js'
import type { SessionRequest } from './request.js'
import { fail } from './values.js'

export const ADMIN_REQUESTS: readonly SessionRequest[] = [...ADMIN_ACTIONS].map(([action, cluster]) => ({
  action,
  needs: { cluster },
  perform: ({ caller, context, connection }, line) => {
    const { remote } = connection
    context.operations.admin({ line, caller, remote, reply: (text) => connection.say(text) })
  },
}))

/** Anything else may be a token that went to the wrong place, and is not repeated. */
const WORD = /^\.?[a-z][a-z-]{0,31}$/

/** Whatever has no file of its own. */
export const unknown: Omit<SessionRequest, 'action'> = {
  needs: 'nothing',
  perform: (_session, { action }) =>
    fail('bad-request', WORD.test(action) ? `unknown action ${action}` : 'unknown action'),
}
