/** Done-marks: the word that something was done, set with the release of the lock under which it was (`once`). */
import { failure } from '../answers.js'
import type { CommandNamed } from '../commands/commands.js'
import type { Answer } from '../effects.js'
import type { Hold, Session } from '../state/entities.js'
import type { Mark } from '../state/standing.js'
import type { ApplyContext } from '../state/state.js'

/** In the entry that releases the hold. A place for the mark was kept since the hold was asked for. */
export function setMark(context: ApplyContext, { terms, label }: Hold): void {
  if (terms === null) return
  const { state, effects, index } = context
  const { once: key, onceTtlMs: ttlMs } = terms
  const before = state.marks.get(key)
  if (before !== undefined) keep(context, before)
  const mark = {
    key,
    generation: state.draw(index),
    sinceWallMs: state.wallMs,
    holder: label,
    ttlMs,
    stamp: state.production,
  }
  state.marks.set(key, mark)
  const expiresWallMs = ttlMs === 0 ? 0 : mark.sinceWallMs + ttlMs
  effects.push({ kind: 'marked', key, generation: mark.generation, expiresWallMs })
}

export function forget(context: ApplyContext, _session: Session, { key }: CommandNamed<'forget'>): Answer {
  const mark = context.state.marks.get(key)
  if (mark === undefined) return failure('bad-request', `nothing is marked as done under ${key}`)
  remove(context, mark)
  return { kind: 'forgotten', key }
}

/** By the leader's wall clock the mark's time is over. */
export function markOver(context: ApplyContext, { key, generation }: CommandNamed<'markOver'>): void {
  const mark = context.state.marks.get(key)
  if (mark?.generation === generation && mark.ttlMs > 0) remove(context, mark)
}

function remove(context: ApplyContext, mark: Mark): void {
  keep(context, mark)
  context.state.marks.delete(mark.key)
}

function keep({ state }: ApplyContext, mark: Mark): void {
  if (state.watcher !== null && mark.stamp < state.production) state.watcher.keepMark(mark)
}
