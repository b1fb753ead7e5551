/**
 * `.snapshot,id:N`: all that the cluster has agreed on, as the file of a snapshot (`tnl snapshot save`), in parts:
 *
 *     snapshot,id:N,cluster:ID,level:L,index:I,term:T,bytes:B
 *     part,id:N,offset:O,data:BASE64              in order, without a gap
 *     end,id:N,count:K                            K parts were sent, and that was all
 *
 * Any node sends it, and it has whatever was answered to anybody before it was asked for.
 */
import { neutral } from '../../../protocol/replies.js'
import { SNAPSHOT_SENDS_MAX_COUNT } from '../../limits.js'
import { errorReply, NO_REQUEST, shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { fail } from './values.js'

export const snapshot: SessionRequest = {
  action: '.snapshot',
  needs: { cluster: 'snapshot' },
  perform: (session, _line, id) => {
    const { caller, connection, context } = session
    const { remote } = connection
    const { snapshots } = context.reads
    const request = id ?? NO_REQUEST
    const shown = shownId(request)
    if (!snapshots.hasRoomFor(connection)) fail('busy', BUSY)
    session.read(id, () => {
      // Others may have been confirmed before.
      if (!snapshots.hasRoomFor(connection)) {
        connection.say(errorReply(request, 'busy', BUSY))
        return
      }
      const done = session.goesOn()
      const { clusterId: cluster, level } = context.state
      snapshots.begin(connection, {
        begin: ({ index, term }, bytes) => {
          context.audit.record({ caller, remote, action: snapshot.action, result: 'done' })
          connection.say(neutral('snapshot', { id: shown, cluster, level, index, term, bytes }))
        },
        part: (offset, bytes) =>
          connection.say(neutral('part', { id: shown, offset, data: Buffer.from(bytes).toString('base64') })),
        end: (count) => {
          connection.say(neutral('end', { id: shown, count }))
          done()
        },
        givenUp: () => {
          connection.say(errorReply(request, 'busy', 'nothing of the snapshot was read for too long'))
          done()
        },
      })
    })
  },
}

const BUSY = `at most ${SNAPSHOT_SENDS_MAX_COUNT} snapshots are sent by a node at once, and one on a connection`
