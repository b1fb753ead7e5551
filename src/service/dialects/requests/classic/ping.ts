/** `.ping`: is anybody there? Claims nothing about any lock. */
import { neutral } from '../../../../protocol/replies.js'
import type { ClassicRequest } from './request.js'

const PONG = neutral('pong')

export const ping: ClassicRequest = {
  action: '.ping',
  needs: 'nothing',
  perform: ({ connection }) => connection.close(PONG),
}
