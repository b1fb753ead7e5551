/** `.stats`: the original's counters, and the status of the cluster, as JSON. */
import { neutralJson } from '../../../../protocol/replies.js'
import type { ClassicRequest } from './request.js'

export const stats: ClassicRequest = {
  action: '.stats',
  perform: ({ context, connection }) => {
    const { requests, acquired, notAcquired } = context.counters.report()
    connection.close(
      neutralJson('stats', {
        lock_count: context.state.lockCount,
        requests_count: requests,
        lock_acquired_count: acquired,
        lock_not_acquired_count: notAcquired,
        ...context.operations.describe(),
      }),
    )
  },
}
