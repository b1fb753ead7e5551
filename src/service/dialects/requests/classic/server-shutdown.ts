/** `.server-shutdown`: ends the node's process in good order, if it may be asked to (`--allow-shutdown`), from its own machine. */
import { neutral, plainError } from '../../../../protocol/replies.js'
import type { ClassicRequest } from './request.js'

const SHUTTING_DOWN = neutral('shutting-down')
const NOT_ALLOWED = plainError('shutdown not allowed')

export const serverShutdown: ClassicRequest = {
  action: '.server-shutdown',
  needs: { cluster: 'shutdown' },
  unauthorized: () => NOT_ALLOWED,
  perform: ({ context, connection }) => {
    const { caller, remote } = connection
    context.audit.record({ caller, remote, action: serverShutdown.action, result: 'done' })
    connection.close(SHUTTING_DOWN)
    context.operations.shutdown()
  },
}
