/** `.keepalive`, while holding or waiting. The answer is a claim (rule 2). */
import { positive } from '../../../../protocol/replies.js'
import type { ClassicRequest } from './request.js'

const ALIVE = positive('alive')

export const keepalive: ClassicRequest = {
  action: '.keepalive',
  needs: 'nothing',
  perform: ({ connection }) => {
    connection.speak(ALIVE)
  },
}
