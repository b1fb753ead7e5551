/** Giving locks back: one by its holder, who must name the right one (mutant M69), or all when a session ends. */
import { answer, failure } from '../answers.js'
import type { RequestId, Token } from '../commands/commands.js'
import type { Session } from '../state/entities.js'
import type { ApplyContext } from '../state/state.js'
import { beginDelay } from './delay.js'
import { passOn, takeAway } from './grants.js'
import { leaveQueue } from './queue.js'
import { isNew } from './requests.js'

/** `token` 0 stands for whatever token the session holds the name under. */
export function releaseLock(
  context: ApplyContext,
  session: Session,
  request: RequestId,
  name: string,
  token: Token,
): void {
  if (!isNew(context, session, request)) return
  const lock = context.state.locks.get(name)
  if (lock === undefined || lock.holder !== session) {
    answer(context, session, request, failure('not-holder', `this session does not hold ${name}`))
  } else if (token !== 0 && token !== lock.token) {
    answer(context, session, request, failure('not-holder', `${name} is held under token ${lock.token}, not ${token}`))
  } else {
    takeAway(context, lock)
    answer(context, session, request, { kind: 'released', name })
    passOn(context, lock)
  }
}

/** Silently, because the session is ending: gives back what it holds, in the order of the tokens, and leaves all queues. */
export function dropAll(context: ApplyContext, session: Session, unclean: boolean): void {
  while (session.firstWait !== null) leaveQueue(context, session.firstWait)
  for (let lock = session.firstHeld; lock !== null; lock = session.firstHeld) {
    takeAway(context, lock)
    if (unclean && lock.delayMs > 0) {
      beginDelay(context, lock)
    } else {
      passOn(context, lock)
    }
  }
}
