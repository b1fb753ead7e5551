/** Every request of the session dialect, registered: what opens a session, what is asked in one, what it is answered with. */
import type { RequestId } from '../../../locks/commands/commands.js'
import type { Answer } from '../../../locks/effects.js'
import type { Line } from '../../../protocol/line.js'
import type { NeutralReply } from '../../../protocol/replies.js'
import { deadlockWords, formerDeadlockWords, type Sees } from '../../reads/deadlock-words.js'
import { errorReply } from '../replies.js'
import { ADMIN_REQUESTS, unknown } from './admin.js'
import { bye } from './bye.js'
import { cancel, cancelledReply } from './cancel.js'
import { check } from './check.js'
import { hello } from './hello.js'
import { freezes, history, marks, sessions, who, why } from './info.js'
import { keepalive } from './keepalive.js'
import { doneReply, type Granted, lock, notGrantedReply } from './lock.js'
import { locks } from './locks.js'
import type { OpeningRequest } from './opening.js'
import { OPERATORS_REQUESTS, operatorsReply } from './operators.js'
import { queues } from './queues.js'
import { release, releasedReply } from './release.js'
import type { SessionRequest } from './request.js'
import { resume } from './resume.js'
import { snapshot } from './snapshot.js'
import { unlock } from './unlock.js'
import { watch } from './watch.js'

const byAction = <Request extends { readonly action: string }>(...requests: readonly Request[]) =>
  new Map(requests.map((request) => [request.action, request]))

/** The first line of a session's connection. */
export const OPENINGS: ReadonlyMap<string, OpeningRequest> = byAction(hello, resume)
const READS: readonly SessionRequest[] = [
  ...[check, locks, watch, queues, snapshot],
  ...[who, why, history, sessions, marks, freezes],
]
/** Later lines. */
export const REQUESTS: ReadonlyMap<string, SessionRequest> = byAction(
  lock,
  release,
  unlock,
  cancel,
  keepalive,
  bye,
  ...OPERATORS_REQUESTS,
  ...ADMIN_REQUESTS,
  ...READS,
)

/** Whether a connection that begins with this line speaks the session dialect. */
export function opensSession({ action }: Line): boolean {
  return OPENINGS.has(action)
}

export function openingFor({ action }: Line): OpeningRequest | undefined {
  return OPENINGS.get(action)
}

export function requestFor({ action }: Line): Omit<SessionRequest, 'action'> {
  return REQUESTS.get(action) ?? unknown
}

/** How an answer of the state is told to whoever `sees` these names. A grant is not among these, because it is a claim. */
export function answerReply(request: RequestId, answer: Exclude<Answer, Granted>, sees: Sees): NeutralReply {
  switch (answer.kind) {
    case 'not-granted':
      return notGrantedReply(request, answer, sees)
    case 'done':
      return doneReply(request, answer, sees)
    case 'released':
      return releasedReply(request, answer)
    case 'cancelled':
      return cancelledReply(request)
    case 'error':
      return errorOf(request, answer, sees)
    case 'deadlock':
      return errorReply(request, 'deadlock', deadlockWords(answer, sees))
    default:
      return operatorsReply(request, answer)
  }
}

function errorOf(
  request: RequestId,
  { code, message }: Extract<Answer, { readonly kind: 'error' }>,
  sees: Sees,
): NeutralReply {
  if (code === 'deadlock') return errorReply(request, code, formerDeadlockWords(message, sees))
  return errorReply(request, code === 'permits' ? 'limit' : code, message)
}
