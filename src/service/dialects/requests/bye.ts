/** `bye`: the client is done, and everything is released. What it asked before is answered first (rule 5). */
import { neutral } from '../../../protocol/replies.js'
import type { SessionRequest } from './request.js'

export const bye: SessionRequest = {
  action: 'bye',
  needs: 'nothing',
  perform: (session) => session.bye(),
}

/** Once the end of the session is applied. */
export const BYE = neutral('bye')
