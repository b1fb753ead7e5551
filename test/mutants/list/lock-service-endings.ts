/** The lock service: how holds end, marks, freezes, and what of it is told and kept. */
import type { Mutant } from '../mutant.js'
import { at, ofService as mutant } from './service-mutant.js'

const BOUNDS = 'src/locks/table/bounds.ts'
const ENDS = 'src/locks/table/ends.ts'
const EVENTS = 'src/locks/table/events.ts'
const FIT = 'src/locks/table/fit.ts'
const FREEZES = 'src/locks/table/freezes.ts'
const GRANTS = 'src/locks/table/grants.ts'
const HISTORY = 'src/locks/state/history.ts'
const MARKS = 'src/locks/table/marks.ts'
const QUEUE = 'src/locks/table/queue.ts'
const RELEASE = 'src/locks/table/release.ts'
const REQUESTS = 'src/locks/table/requests.ts'
const SESSIONS = 'src/locks/state/sessions.ts'
const STATE = 'src/locks/state/state.ts'
const VIEW = 'src/locks/views/session-view.ts'
const ANSWERS = 'src/locks/answers.ts'
const ANSWER_RECORDS = 'src/locks/snapshot/answer-records.ts'

export const LOCK_SERVICE_ENDINGS: readonly Mutant[] = [
  // ---- marks (43 to 45)
  mutant(
    'L143',
    'a hold that was lost sets its mark',
    at(RELEASE, "  return phase === 'held' ? null : failure(", '  return phase !== undefined ? null : failure('),
  ),
  mutant(
    'L144',
    'a mark is looked for when asked, and not at the turn',
    at(
      GRANTS,
      "  const mark = state.marks.get(terms?.once ?? '')\n  if (mark !== undefined) {\n    leaveQueues",
      "  const mark = state.marks.get('')\n  if (mark !== undefined) {\n    leaveQueues",
    ),
  ),
  mutant(
    'L145',
    'no place is kept for the mark',
    at(BOUNDS, 'state.marks.size + state.reservedMarkCount + names', 'state.marks.size + names'),
  ),
  mutant(
    'L178',
    'a mark ends though it was set anew',
    at(
      MARKS,
      'if (mark?.generation === generation && mark.ttlMs > 0) remove(context, mark)',
      'if (mark !== undefined && mark.ttlMs > 0) remove(context, mark)',
    ),
  ),
  // ---- time (46 to 50)
  mutant(
    'L146',
    'min-hold begins again with the release',
    at(
      ENDS,
      '    terms.ttlMs = 0\n  })\n',
      "    terms.ttlMs = 0\n  })\n  if (terms.minHoldMs > 0) effects.push({ kind: 'timed', name: hold.lock.name, token: hold.token, clock: 'minHold', forMs: terms.minHoldMs })\n",
    ),
  ),
  mutant(
    'L147',
    'a FIN without bye leaves no delay',
    at(ENDS, "(how === 'fin' || how === 'node-lost')", "how === 'node-lost'"),
  ),
  mutant(
    'L148',
    'a broken hold is passed on at once',
    at(
      ENDS,
      "if ((how === 'forced' || how === 'ttl') && hold.session !== null)",
      "if (how === 'ttl' && hold.session !== null)",
    ),
  ),
  mutant(
    'L166',
    'a hold that timed out is passed on at once',
    at(
      ENDS,
      "if ((how === 'forced' || how === 'ttl') && hold.session !== null)",
      "if (how === 'forced' && hold.session !== null)",
    ),
  ),
  mutant(
    'L149',
    'a broken hold is among those that a resume tells as held',
    at(
      VIEW,
      "    if (hold.phase === 'held') held.push(heldOf(hold))\n    else if",
      "    if (hold.phase !== 'tail') held.push(heldOf(hold))\n    if",
    ),
  ),
  mutant(
    'L150',
    'a force breaks all holds of the name',
    at(
      RELEASE,
      "  else if (hold.phase === 'held') endHold(context, hold, 'forced', session.label, reason)\n",
      "  else for (const one of [...hold.lock.holds()]) if (one.phase === 'held') endHold(context, one, 'forced', session.label, reason)\n",
    ),
  ),
  mutant(
    'L179',
    'a letGo of before a resume passes the hold on',
    at(
      ENDS,
      'if (hold.session?.id === session && hold.session.attach === attach) passOn',
      'if (hold.session?.id === session && hold.session.attach >= attach) passOn',
    ),
  ),
  mutant(
    'L180',
    'of two tails the shorter counts',
    at(
      ENDS,
      "if (hold.phase === 'tail' && (hold.terms?.delayMs ?? 0) === 0 && (hold.terms?.minHoldMs ?? 0) === 0) {",
      "if (hold.phase === 'tail') {",
    ),
  ),
  mutant(
    'L181',
    'what the leader counted last prolongs a time',
    at(ENDS, 'if (leftMs < (hold', 'if (leftMs >= 0 && -1 < (hold'),
  ),
  mutant(
    'L151',
    'unlock ends what is not loose',
    at(RELEASE, "if (hold.phase !== 'held' || hold.terms?.loose !== true || (", "if (hold.phase !== 'held' || ("),
  ),
  mutant(
    'L182',
    'unlock in the name of a session does not ask for its secret',
    at(
      RELEASE,
      'hold.owner?.session !== owner || hold.owner.secretHash !== secretHash',
      'hold.owner?.session !== owner',
    ),
  ),
  // ---- freezes (30, 53, 54)
  mutant(
    'L130',
    'a thaw wakes only the first',
    at(FREEZES, '    state.due.add(request)\n', '    state.due.add(request)\n    break\n'),
  ),
  mutant(
    'L153',
    'a release passes a frozen name on',
    at(
      GRANTS,
      '    else if (isFrozen(state, request)) state.frozenDue.add(request)\n',
      '    else if (isFrozen(state, request) && request.places.length > 1) state.frozenDue.add(request)\n',
    ),
  ),
  mutant(
    'L154',
    'a request of which some names are frozen waits',
    at(REQUESTS, 'frozen.length === asks.length', 'frozen.length > 0'),
  ),
  mutant(
    'L183',
    'a freeze leaves those waiting of whose names it freezes some',
    at(
      FREEZES,
      "  tellEvent(context, 'frozen', prefix, 0, session.who)\n  endMixed(context)\n",
      "  tellEvent(context, 'frozen', prefix, 0, session.who)\n",
    ),
  ),
  mutant(
    'L184',
    'a freeze ends though it was set anew',
    at(
      FREEZES,
      'if (entry?.generation === generation && entry.untilWallMs > 0)',
      'if (entry !== undefined && entry.untilWallMs > 0)',
    ),
  ),
  mutant(
    'L701',
    'a freeze whose time had passed when it was asked for begins all the same',
    at(FREEZES, '  if (isOver) return', "  if (isOver && reason === '') return"),
  ),
  // ---- what is told and kept (55, 59 to 62)
  mutant(
    'L155',
    'events of an entry go on counting from those of the one before',
    at('src/locks/machine.ts', '    this.state.eventCount = 0\n', ''),
  ),
  mutant(
    'L159',
    'history forgets in the order of a map',
    at(
      HISTORY,
      '    const oldest = this.#byNumber.get(this.#oldest)\n',
      '    const oldest = [...this.#byNumber.values()].at(-2)\n',
    ),
  ),
  mutant(
    'L160',
    'the largest wall time is the time',
    at(
      STATE,
      '    else if (wallMs > 0) this.wallMs = wallMs\n',
      '    else this.wallMs = Math.max(this.wallMs, wallMs)\n',
    ),
  ),
  mutant(
    'L161',
    'of unacknowledged answers a request takes one, however many names it has',
    at(ANSWERS, "return given.kind === 'granted' ? given.grants.length : 1", 'return given.kind === undefined ? 2 : 1'),
    at(ANSWERS, 'session.placeCount + names <=', 'session.placeCount + 1 <='),
  ),
  mutant(
    'L162',
    'of an answer for several names a snapshot has the first',
    at(
      ANSWER_RECORDS,
      '  out.varint(grants.length)\n  for (const { name, token, limit, ended } of grants) {\n',
      '  out.varint(Math.min(1, grants.length))\n  for (const { name, token, limit, ended } of grants.slice(0, 1)) {\n',
    ),
  ),
  mutant(
    'L185',
    'a repeated answer does not say what became of its hold',
    at(
      EVENTS,
      "  answers?.set(hold.request, { kind: 'granted', grants })\n",
      "  if (grants.length === 0) answers?.set(hold.request, { kind: 'granted', grants })\n",
    ),
  ),
  mutant(
    'L186',
    'a classic session lives on when an operator has taken its lock',
    at(
      SESSIONS,
      "    if (session.isIdle && !session.orphaned && state.sessions.get(session.id) === session) {\n      endSession(context, session, 'released')\n    }\n",
      '',
    ),
  ),
  mutant(
    'L187',
    'a crowded lock is searched for clients of a dead node with each one that is swept',
    at(FIT, 'state.unswept.size === 0 || state.withoutOrphans.has(lock)', 'state.unswept.size === 0'),
  ),
  mutant(
    'L188',
    "a second dead node's clients keep their places, once a lock was searched",
    at(
      STATE,
      '    this.withoutOrphans.clear()\n    this.settled.clear()\n  }\n\n  forgetEpoch',
      '  }\n\n  forgetEpoch',
    ),
  ),
  mutant(
    'L189',
    'a timeout of who only waits for a thaw names itself as the holder',
    at(QUEUE, "first === null || first === asked ? ''", "first === null ? ''"),
  ),
  mutant('L190', 'grants have no bound an entry', at(GRANTS, '      state.grantsLeft -= 1\n', '')),
]
