/** `release`: gives the lock back, or the place in its queue. */
import { type NeutralReply, neutral } from '../../../../protocol/replies.js'
import { NOT_GRANTED } from './lock.js'
import type { ClassicRequest } from './request.js'

export const release: ClassicRequest = {
  action: 'release',
  needs: 'nothing',
  perform: (client) => client.giveUp(),
}

const RELEASED = neutral('released')

/** Once it is applied. A client that gives up its place has asked for a lock and gets none. */
export function givenUpReply(held: boolean): NeutralReply {
  return held ? RELEASED : NOT_GRANTED
}
