/** `check,name:X,token:T` as the first line: the answer, and the connection is closed. It needs no session. */
import type { RequestId } from '../../../../locks/commands/commands.js'
import { errorReply, NO_QUORUM_TEXT, NO_REQUEST } from '../../replies.js'
import { readCheck, staleReply, validReply } from '../check.js'
import { RequestError } from '../request.js'
import { readId } from '../values.js'
import type { ClassicRequest } from './request.js'

export const check: ClassicRequest = {
  action: 'check',
  needs: { verb: 'see', of: 'name' },
  unauthorized: (line, why) => errorReply(line.number('id') ?? NO_REQUEST, 'unauthorized', why),
  perform: (client, line) => {
    const { connection, context } = client
    let id: RequestId = NO_REQUEST
    try {
      id = readId(line) ?? NO_REQUEST
      const { name, token } = readCheck(line)
      const unknown = errorReply(id, 'no-quorum', NO_QUORUM_TEXT)
      client.read((isConfirmed) => {
        if (!isConfirmed) connection.close(unknown)
        else if (!context.reads.reports.isCurrent(name, token)) connection.close(staleReply(id))
        else connection.close(connection.speak(validReply(id)) ? undefined : unknown)
      })
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      connection.close(errorReply(id, error.code, error.message))
    }
  },
}
