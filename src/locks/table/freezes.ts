/**
 * Freezes: names that begin with a frozen prefix get no new hold. Holders and places stay, time goes on.
 *
 * A request of which some names are frozen and some are not would keep the free ones from everybody for as long as the freeze
 * lasts: its place counts as granted there. So it never waits. To see why others may not pass it instead, consider a request
 * for x and y with x frozen: whoever passed it at y could ask for x next, and the thaw would close a cycle that no search saw.
 */
import { utf8Length } from '../../bytes/utf8.js'
import { answer, failure } from '../answers.js'
import type { CommandNamed, Freeze } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import { FREEZES_MAX, NAME_MAX_BYTES, REASON_MAX_BYTES } from '../limits.js'
import { comesBefore, type LockRequest, type Session } from '../state/entities.js'
import type { FreezeEntry } from '../state/standing.js'
import type { ApplyContext, LockState } from '../state/state.js'
import { tellEvent } from './events.js'
import { leaveQueues } from './fit.js'

/** The oldest freeze of a prefix of this name, or null. */
export function freezeOf(state: LockState, name: string): FreezeEntry | null {
  let found: FreezeEntry | null = null
  for (const freeze of state.freezes.values()) {
    if (!name.startsWith(freeze.prefix)) continue
    if (found === null || freeze.generation < found.generation) found = freeze
  }
  return found
}

/** A request that waits has all of its names frozen, or none. */
export function isFrozen(state: LockState, request: LockRequest): boolean {
  return state.freezes.size > 0 && freezeOf(state, request.first.lock.name) !== null
}

export function frozenRefusal(name: string, { reason }: FreezeEntry): Answer {
  return { kind: 'not-granted', name, reason: 'frozen', holder: '', holders: 0, forMs: 0, message: reason }
}

export function freeze(context: ApplyContext, session: Session, command: Freeze): Answer {
  const { prefix, reason, untilWallMs, wallMs } = command
  const { state, effects, index } = context
  state.sawWallTime(wallMs)
  const refusal = refuse(state, command)
  if (refusal !== null) return refusal
  const generation = state.draw(index)
  state.freezes.set(prefix, { prefix, generation, reason, sinceWallMs: wallMs, untilWallMs, by: session.label })
  effects.push({ kind: 'frozen', prefix, generation, untilWallMs })
  tellEvent(context, 'frozen', prefix, 0, session.who)
  endMixed(context)
  return { kind: 'frozen', prefix }
}

function refuse(state: LockState, { prefix, isOver, reason }: Freeze): Answer | null {
  if (isOver) return failure('bad-request', 'until: had passed by the clock of the node that was asked (unix seconds)')
  if (utf8Length(prefix) > NAME_MAX_BYTES) return failure('limit', `a prefix has at most ${NAME_MAX_BYTES} bytes`)
  if (utf8Length(reason) > REASON_MAX_BYTES) return failure('limit', `a reason has at most ${REASON_MAX_BYTES} bytes`)
  if (state.freezes.size < FREEZES_MAX || state.freezes.has(prefix)) return null
  return failure('limit', `${FREEZES_MAX} prefixes are frozen, and no more can be`)
}

export function thaw(context: ApplyContext, session: Session, { prefix }: CommandNamed<'thaw'>): Answer {
  if (!context.state.freezes.has(prefix)) return failure('bad-request', `the prefix '${prefix}' is not frozen`)
  endFreeze(context, prefix, session.label)
  return { kind: 'thawed', prefix }
}

/** By the leader's wall clock its time is over. */
export function freezeOver(context: ApplyContext, { prefix, generation }: CommandNamed<'freezeOver'>): void {
  const entry = context.state.freezes.get(prefix)
  if (entry?.generation === generation && entry.untilWallMs > 0) endFreeze(context, prefix, '')
}

function endFreeze(context: ApplyContext, prefix: string, by: string): void {
  const { state } = context
  state.freezes.delete(prefix)
  tellEvent(context, 'thawed', prefix, 0, by)
  endMixed(context)
  for (const request of state.frozenDue) {
    if (isFrozen(state, request)) continue
    state.frozenDue.delete(request)
    state.due.add(request)
  }
}

/** Ends the requests of which this change has left some names frozen and some not, in the order in which they were made. */
function endMixed(context: ApplyContext): void {
  const { state } = context
  const mixed: [LockRequest, Answer][] = []
  for (const request of state.several) {
    const frozen = firstFrozen(state, request)
    if (frozen !== null && frozen.count < request.places.length) mixed.push([request, frozen.refusal])
  }
  mixed.sort(([a], [b]) => (comesBefore(a, b) ? -1 : 1))
  for (const [request, refusal] of mixed) {
    leaveQueues(context, request)
    answer(context, request.session, request.request, refusal)
  }
}

function firstFrozen(state: LockState, { places }: LockRequest): { count: number; refusal: Answer } | null {
  let count = 0
  let refusal: Answer | null = null
  for (const { lock } of places) {
    const entry = freezeOf(state, lock.name)
    if (entry === null) continue
    count += 1
    refusal ??= frozenRefusal(lock.name, entry)
  }
  return refusal === null ? null : { count, refusal }
}
