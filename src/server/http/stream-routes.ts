/** Paths that answer with a stream of events. */
import { isNamePrefix } from '../../protocol/values.js'
import { WATCHES_MAX_COUNT } from '../../service/limits.js'
import { parsePosition } from '../../service/reads/positions.js'
import { type Answer, failure } from './answers.js'
import type { EventStream } from './event-stream.js'
import type { Asker } from './http-access.js'
import { NO_QUORUM, type ReadSources } from './read-routes.js'
import { beginWatch } from './watch-stream.js'

/** Begins to feed a stream; what it returns ends that. */
export type Feeding = (stream: EventStream) => () => void

/** `lastEventId`: where a browser's stream was broken off; it counts more than what the address says. */
export type StreamRoute = (
  query: URLSearchParams,
  lastEventId: string | null,
  asker: Asker,
) => Promise<Answer | Feeding>

export function watchRoute({ reads }: ReadSources): StreamRoute {
  return async (query, lastEventId, asker) => {
    const prefix = query.get('prefix') ?? ''
    if (!isNamePrefix(prefix)) {
      return failure(400, 'bad-request', 'prefix: the beginning of lock names, or empty for all')
    }
    const refusal = asker.refusalUnder(prefix)
    if (refusal !== null) return refusal
    const sinceText = lastEventId ?? query.get('since')
    const since = sinceText === null ? null : parsePosition(sinceText)
    if (sinceText !== null && since === null) {
      return failure(400, 'bad-request', 'since: a position I.K of an earlier event')
    }
    const isStale = query.get('stale') === 'yes'
    if (!isStale && !(await new Promise<boolean>((resolve) => reads.confirmPaced(resolve)))) return NO_QUORUM
    if (reads.watches.count >= WATCHES_MAX_COUNT)
      return failure(503, 'limit', `at most ${WATCHES_MAX_COUNT} watches a node`)
    return (stream) => beginWatch(reads, stream, prefix, since) ?? (() => undefined)
  }
}
