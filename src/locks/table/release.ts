/** Giving locks back: by the holder, who must name the right one (mutant M69); by anyone, if it is loose; by an operator's force. */

import { utf8Length } from '../../bytes/utf8.js'
import { failure } from '../answers.js'
import type { ForceRelease, Release, Token, Unlock } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import { REASON_MAX_BYTES } from '../limits.js'
import type { Hold, LockEntry, Session } from '../state/entities.js'
import type { ApplyContext } from '../state/state.js'
import { letGoMs } from '../state/terms.js'
import { endHold, passOn } from './ends.js'
import { removeHold } from './fit.js'
import { setMark } from './marks.js'

/** `token` 0 stands for the only hold of the name that the session has. */
export function releaseLock(context: ApplyContext, session: Session, command: Release): Answer {
  const { name, token, done } = command
  context.state.sawWallTime(command.wallMs)
  const found = token === 0 ? onlyHoldOf(context, session, name) : holdOf(context, session, name, token)
  if ('kind' in found) return found
  const hold = found
  if (done) {
    const refusal = markFor(hold)
    if (refusal !== null) return refusal
    setMark(context, hold)
  }
  if (hold.phase === 'held') endHold(context, hold, 'released')
  // Its client has heard that it lost the lock, or asks for the same: in any case it believes no longer.
  else passOn(context, hold, false)
  return { kind: 'released', name }
}

/** A mark says that the command ran under a lock that was held all the time: never of a hold that has ended. */
function markFor({ phase, terms, lock }: Hold): Answer | null {
  if (terms === null || terms.once === '') return failure('bad-request', `${lock.name} was not asked for with once`)
  return phase === 'held' ? null : failure('not-holder', `${lock.name} was lost before it was done`)
}

function holdOf({ state }: ApplyContext, session: Session, name: string, token: Token): Hold | Answer {
  const hold = state.holds.get(name, token)
  if (hold !== null && hold.session === session) return hold
  const lock = state.locks.get(name)
  const own = lock === undefined ? [] : holdsOf(lock, session)
  const [first] = own
  if (first === undefined) return notHeld(name)
  return failure('not-holder', `${name} is held under token ${first.token}, not ${token}`)
}

function onlyHoldOf({ state }: ApplyContext, session: Session, name: string): Hold | Answer {
  const lock = state.locks.get(name)
  const own = lock === undefined ? [] : holdsOf(lock, session)
  const [only] = own
  if (only !== undefined && own.length === 1) return only
  const current = own.filter(({ phase }) => phase === 'held')
  if (current.length > 1) return failure('bad-request', `this session has several holds of ${name}: say the token`)
  return current[0] ?? own[0] ?? notHeld(name)
}

function notHeld(name: string): Answer {
  return failure('not-holder', `this session does not hold ${name}`)
}

/** In the order of tokens. Looks through the shorter of the two lists. */
function holdsOf(lock: LockEntry, session: Session): Hold[] {
  const found: Hold[] = []
  if (lock.holdCount <= session.heldCount) {
    for (let hold = lock.firstHold; hold !== null; hold = hold.next) if (hold.session === session) found.push(hold)
  } else {
    for (let hold = session.firstHeld; hold !== null; hold = hold.nextOfSession)
      if (hold.lock === lock) found.push(hold)
  }
  return found
}

/** Ends a loose hold. Whoever names its session has to know that session's secret; anybody else has to be of its identity. */
export function unlock(context: ApplyContext, session: Session, command: Unlock): Answer {
  const { name, token, owner, secretHash, ofAnyone } = command
  context.state.sawWallTime(command.wallMs)
  const lock = context.state.locks.get(name)
  const loose: Hold[] = []
  for (const hold of lock?.holds() ?? []) {
    if (hold.phase !== 'held' || hold.terms?.loose !== true || (token !== 0 && hold.token !== token)) continue
    if (owner !== 0 && (hold.owner?.session !== owner || hold.owner.secretHash !== secretHash)) continue
    // As though it were not there: nobody learns of other people's holds.
    if (owner === 0 && !ofAnyone && hold.owner?.identity !== session.identity) continue
    loose.push(hold)
    if (loose.length > 1) break
  }
  const [hold] = loose
  if (hold === undefined) {
    const which = token === 0 ? 'no loose hold' : `no loose hold with token ${token}`
    return failure('not-holder', `${name} has ${which}`)
  }
  if (loose.length > 1) return failure('not-holder', `${name} has several loose holds: say the token`)
  endHold(context, hold, 'unlocked')
  return { kind: 'released', name }
}

/** Breaks one hold; tails and loose holds go at once, because nobody believes in them by a session's lease. */
export function forceRelease(context: ApplyContext, session: Session, command: ForceRelease): Answer {
  const { name, token, reason, now } = command
  const { state } = context
  state.sawWallTime(command.wallMs)
  const hold = state.holds.get(name, token)
  if (utf8Length(reason) > REASON_MAX_BYTES) return failure('limit', `a reason has at most ${REASON_MAX_BYTES} bytes`)
  if (hold === null) return failure('not-holder', `no hold of ${name} has token ${token}`)
  const bound = hold.session
  const withinMs = bound === null || now ? 0 : letGoMs(bound.terms, state.nodeLeaseMs)
  if (hold.phase === 'tail') removeHold(context, hold)
  else if (hold.phase === 'held') endHold(context, hold, 'forced', session.label, reason)
  // Lost by now, if it is there and no tail.
  if (now && hold.session !== null) passOn(context, hold, false)
  return { kind: 'forced', name, token, withinMs }
}
