/** `.keepalive`: a sign of life. The answer is a claim (rule 2), and extends what the client may believe (rule 6). */
import { positive } from '../../../protocol/replies.js'
import type { SessionRequest } from './request.js'

const ALIVE = positive('alive')

export const keepalive: SessionRequest = {
  action: '.keepalive',
  needs: 'nothing',
  perform: ({ connection }) => {
    connection.speak(ALIVE)
  },
}
