/** `queues,id:N[,prefix:P]`: what is waited for most, and longest, as `info,id:N,{JSON}`. */
import { neutralJson } from '../../../protocol/replies.js'
import { TOP_QUEUES_COUNT } from '../../limits.js'
import { queuesJson } from '../../reads/report-json.js'
import { TopQueues } from '../../reads/top-queues.js'
import { NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { readPrefix } from './values.js'

export const queues: SessionRequest = {
  action: 'queues',
  needs: 'sight',
  perform: (session, line, id) => {
    const { caller, connection, context } = session
    const shown = shownId(id ?? NO_REQUEST)
    const prefix = readPrefix(line, '')
    session.read(id, () => {
      const done = session.goesOn()
      const told = (top: TopQueues): void => {
        connection.say(neutralJson('info', queuesJson(top, context.clock.wallNow()), { id: shown }))
        done()
      }
      const sees = context.access.policy.sees(caller)
      context.reads.queues.begin(new TopQueues(prefix, TOP_QUEUES_COUNT, told, sees))
    })
  },
}
