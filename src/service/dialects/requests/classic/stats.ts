/** `.stats`: the original's counters, and the status of the cluster, as JSON. */
import { neutralJson } from '../../../../protocol/replies.js'
import type { ClassicRequest, ClassicScope } from './request.js'

export const stats: ClassicRequest = {
  action: '.stats',
  needs: 'sight',
  perform: (client) => {
    const { context, connection } = client
    const sees = context.access.policy.sees(connection.caller)
    if (sees.isAll) {
      tell(client, { lock_count: context.state.lockCount })
      return
    }
    // Names that the client may not see count in no number. To count the others takes as long as to list them.
    let count = 0
    client.list({
      ...{ prefix: '', only: null, pattern: null, after: null, most: Number.POSITIVE_INFINITY, sees },
      line: ({ state }) => {
        if (state === 'held') count += 1
      },
      end: () => tell(client, { lock_count: count, sessions: undefined, waiters: undefined }),
    })
  },
}

function tell({ context, connection }: ClassicScope, seen: Readonly<Record<string, unknown>>): void {
  const { requests, acquired, notAcquired } = context.counters.report()
  connection.close(
    neutralJson('stats', {
      lock_count: 0,
      requests_count: requests,
      lock_acquired_count: acquired,
      lock_not_acquired_count: notAcquired,
      ...context.operations.describe(),
      ...seen,
    }),
  )
}
