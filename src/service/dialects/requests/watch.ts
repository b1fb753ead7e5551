/** `watch,id:N,name:X` or `prefix:P`, `[,since:I.K]`: what happens from now on, or from that position on. */
import type { Line } from '../../../protocol/line.js'
import { WATCHES_MAX_COUNT, WATCHES_PER_CONNECTION_MAX_COUNT } from '../../limits.js'
import { type Position, parsePosition } from '../../reads/positions.js'
import type { Target } from '../../reads/watch-targets.js'
import { shownId } from '../replies.js'
import type { SessionRequest } from './request.js'
import { fail, readName, readPrefix } from './values.js'

export const watch: SessionRequest = {
  action: 'watch',
  needs: { verb: 'see', of: 'target' },
  perform: (session, line, id) => {
    const { watches } = session.context.reads
    const { connection } = session
    const target = readTarget(line)
    const since = readSince(line)
    const request = session.nameRead(id)
    const begun = watches.add(connection, request, shownId(request), target)
    if (begun === null) {
      fail('limit', `at most ${WATCHES_PER_CONNECTION_MAX_COUNT} watches a connection, ${WATCHES_MAX_COUNT} a node`)
    }
    session.read(
      id,
      () => watches.begin(begun, since),
      () => watches.end(connection, request),
    )
  },
}

function readTarget(line: Line): Target {
  if (!line.has('prefix')) return { text: readName(line), isPrefix: false }
  if (line.has('name')) fail('bad-request', 'watch: a name or a prefix, not both')
  return { text: readPrefix(line, null), isPrefix: true }
}

function readSince(line: Line): Position | null {
  const text = line.get('since')
  if (text === undefined) return null
  return parsePosition(text) ?? fail('bad-request', 'since: a position I.K of an earlier answer')
}
