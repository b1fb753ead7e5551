/** `resume,session:ID,secret:K[,attempt:N][,from:HOST:PORT]`: a session comes back on this connection, with all that it has. */
import { CommandType } from '../../../locks/commands/commands.js'
import type { SessionView } from '../../../locks/effects.js'
import { RESUME_ATTEMPT_MAX } from '../../../locks/limits.js'
import type { Line } from '../../../protocol/line.js'
import { joined, type PositiveReply, positive, withNews } from '../../../protocol/replies.js'
import { parseInteger } from '../../../protocol/values.js'
import { lostReply } from '../replies.js'
import { queuedReply } from './lock.js'
import { hashSecret, type Opening, type OpeningRequest } from './opening.js'
import { fail, readNumber } from './values.js'

export const resume: OpeningRequest = { action: 'resume', read }

function read(line: Line): Opening {
  const session = parseInteger(line.get('session') ?? '')
  const secret = line.get('secret') ?? ''
  if (session === null || secret === '') return fail('bad-request', 'resume needs session and secret')
  return {
    body: { type: CommandType.resume, session, secretHash: hashSecret(secret), attempt: readAttempt(line) },
    isNew: false,
    secret,
    leaseMs: 0,
    mayRedirect: false,
    from: line.get('from'),
  }
}

/** 0: the client does not count. */
function readAttempt(line: Line): number {
  if (!line.has('attempt')) return 0
  const attempt = readNumber(line, 'attempt', null)
  if (attempt < 1 || attempt > RESUME_ATTEMPT_MAX) fail('bad-request', `attempt: from 1 to ${RESUME_ATTEMPT_MAX}`)
  return attempt
}

/**
 * What a resumed session still has, and the word that ends the list. It follows `welcome`. What it has lost and nobody has
 * got yet is told before that word: whoever prolongs its belief by it has read what it must no longer believe (rule 12).
 */
export function holdingsReply({ held, queued, ending }: SessionView): PositiveReply {
  const locks = held.map(({ name, mode, token, permits, limit }) =>
    positive('held', { name, mode, token, ...(limit === 0 ? {} : { permits, limit }) }),
  )
  const waiting = queued.map((place) => queuedReply(place.request, place))
  const lost = ending.map(({ name, token, reason }) => lostReply(name, token, reason))
  return joined(withNews(joined(...locks, ...waiting), lost), positive('ready'))
}
