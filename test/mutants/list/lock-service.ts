/** The lock service: who is next, limits, several names, deadlocks. */
import type { Mutant } from '../mutant.js'
import { at, ofService as mutant } from './service-mutant.js'

const BOUNDS = 'src/locks/table/bounds.ts'
const CYCLES = 'src/locks/table/deadlock-search.ts'
const DEADLOCK = 'src/locks/table/deadlock.ts'
const DUE = 'src/locks/state/due-heap.ts'
const ENDS = 'src/locks/table/ends.ts'
const FIT = 'src/locks/table/fit.ts'
const GRANTS = 'src/locks/table/grants.ts'
const RELEASE = 'src/locks/table/release.ts'
const ASKED = 'src/locks/table/asked.ts'
const REQUESTS = 'src/locks/table/requests.ts'
const SEMAPHORES = 'src/locks/table/semaphores.ts'

const IS_FIRST = '(lock.queue?.firstUnfit ?? null) === null && '

export const LOCK_SERVICE: readonly Mutant[] = [
  // ---- who is next (23 to 29)
  mutant(
    'L123',
    'who asks looks at holds only',
    at(FIT, `return ${IS_FIRST}fitsBeside(lock.taken,`, 'return fitsBeside(takenByHolds(lock),'),
    at(
      FIT,
      'export function take(',
      'function takenByHolds(lock: LockEntry): number {\n  let taken = 0\n  for (const { amount } of lock.holds()) taken = takenWith(taken, lock.limit, amount)\n  return taken\n}\n\nexport function take(',
    ),
  ),
  mutant(
    'L124',
    'a shared ask passes an exclusive place',
    at(FIT, `return ${IS_FIRST}`, `return (amount === 0 || (lock.queue?.firstUnfit ?? null) === null) && `),
  ),
  mutant(
    'L125',
    'a small permit passes a large one',
    at(FIT, `return ${IS_FIRST}`, `return (amount > 0 || (lock.queue?.firstUnfit ?? null) === null) && `),
  ),
  mutant(
    'L126',
    'no tail is left of permits',
    at(ENDS, 'if (terms === null || !(', 'if (terms === null || hold.lock.limit > 0 || !('),
  ),
  mutant(
    'L127',
    'a shared tail blocks shared asks',
    at(
      ENDS,
      "    terms.phase = 'tail'\n",
      "    terms.phase = 'tail'\n    if (hold.amount === 0) hold.lock.taken = -1\n",
    ),
  ),
  mutant(
    'L128',
    'a time that is over ends the oldest tail of the name, whichever is meant',
    at(
      ENDS,
      '  return context.state.holds.get(name, token)\n',
      "  const [oldest] = context.state.locks.get(name)?.holds() ?? []\n  return oldest?.phase === 'tail' ? oldest : context.state.holds.get(name, token)\n",
    ),
  ),
  mutant(
    'L129',
    'whoever leaves its queues wakes nobody',
    at(
      FIT,
      '  for (const { lock } of request.places) moveOn(context, lock)\n',
      '  for (const { lock } of request.places) state.forgetIfEmpty(lock)\n',
    ),
  ),
  mutant(
    'L163',
    'whoever leaves its queues wakes those of its first name only',
    at(
      FIT,
      '  for (const { lock } of request.places) moveOn(context, lock)\n',
      '  for (const [i, { lock }] of request.places.entries()) {\n    if (i === 0) moveOn(context, lock)\n    else state.forgetIfEmpty(lock)\n  }\n',
    ),
  ),
  mutant(
    'L170',
    'places that fit do not count for those behind them',
    at(FIT, '    take(lock, place.amount)\n    place.fits = true\n', '    place.fits = true\n'),
    at(FIT, '    if (place.fits) giveBack(place.lock, place.amount)\n', ''),
    at(
      GRANTS,
      '  for (const place of places) state.dequeue(place)\n',
      '  for (const place of places) state.dequeue(place)\n  for (const { lock, amount } of places) lock.taken = lock.limit > 0 ? lock.taken + amount : amount < 0 ? -1 : lock.taken + 1\n',
    ),
  ),
  // ---- limits (31, 32)
  mutant(
    'L131',
    'a shrink forgets those who wait for more than there is',
    at(SEMAPHORES, '    endTooLarge(context, lock)\n', ''),
  ),
  mutant(
    'L164',
    'a shrink revokes holds',
    at(
      SEMAPHORES,
      '    endTooLarge(context, lock)\n',
      "    endTooLarge(context, lock)\n    for (const hold of [...lock.holds()]) if (lock.taken > limit && hold.phase === 'held') endHold(context, hold, 'released')\n",
    ),
    at(
      SEMAPHORES,
      "import { tellEvent } from './events.js'\n",
      "import { endHold } from './ends.js'\nimport { tellEvent } from './events.js'\n",
    ),
  ),
  mutant(
    'L132',
    'a pin is forgotten while nobody has the lock',
    at(REQUESTS, '(state.pins.get(name)?.limit ?? limit)', 'limit'),
  ),
  mutant(
    'L171',
    'a shrink is not searched',
    at(SEMAPHORES, 'return closesCycle(state, lock, limit)', 'return false && closesCycle(state, lock, limit)'),
  ),
  mutant(
    'L172',
    'a shrink judges those too whom it ends',
    at(SEMAPHORES, 'new DeadlockSearch(state, true, gone)', 'new DeadlockSearch(state)'),
  ),
  mutant('L173', 'a plain lock of a pinned name gets its limit', at(REQUESTS, 'limit === 0 ? 0 : (', '(')),
  // ---- several names (33 to 35)
  mutant(
    'L133',
    'a request is granted while one name is missing',
    at(
      FIT,
      '    if (place.request.unfit === 0) state.due.add(place.request)\n',
      '    if (place.request.unfit <= 1) state.due.add(place.request)\n',
    ),
    at(GRANTS, 'request.unfit > 0) continue', 'request.unfit > 1) continue'),
  ),
  mutant(
    'L134',
    'tokens are drawn against the order asked',
    at(
      GRANTS,
      '  for (const { lock, amount } of asked) {\n',
      '  for (const { lock, amount } of [...asked].reverse()) {\n',
    ),
  ),
  mutant(
    'L165',
    'what is due is granted the latest request first',
    at(
      DUE,
      'if (parent === undefined || !comesBefore(request, parent)) break',
      'if (parent === undefined || comesBefore(request, parent)) break',
    ),
  ),
  mutant(
    'L135',
    'a name is taken twice',
    at(BOUNDS, '    if (seen.has(name)) return', '    if (seen.has(name) && seen.size < 0) return'),
  ),
  mutant(
    'L136',
    'release without a token frees any of several',
    at(RELEASE, '  if (current.length > 1) return', '  if (current.length > 9) return'),
  ),
  // ---- deadlocks (37 to 42)
  mutant(
    'L137',
    'one cycle is enough, though permits have another way out',
    at(
      CYCLES,
      'if (fitsBeside(taken, lock.limit, place.amount)) {',
      'if (fitsBeside(taken, lock.limit, place.amount) && (lock.limit === 0 || taken === 0)) {',
    ),
  ),
  mutant(
    'L138',
    'a session keeps everything, whatever it says',
    at(ASKED, "keeps: keepsAll ? 'all' : keeps", "keeps: keepsAll || keeps.length < 99 ? 'all' : keeps"),
  ),
  mutant(
    'L139',
    'earlier places are forgotten in the search',
    at(CYCLES, '    if (this.isIn(request)) return true\n', ''),
  ),
  mutant(
    'L140',
    'a hold with a ttl closes a cycle',
    at(CYCLES, "hold?.phase === 'held' && (hold.terms === null || hold.terms.ttlMs === 0)", "hold?.phase === 'held'"),
  ),
  mutant(
    'L174',
    'what a waiting request with a ttl will get closes a cycle',
    at(CYCLES, '    return isLasting(request) && this', '    return this'),
  ),
  mutant(
    'L175',
    'a broken hold closes a cycle',
    at(CYCLES, "hold?.phase === 'held' && (", "hold !== null && hold.phase !== 'tail' && ("),
  ),
  {
    id: 'L141',
    title: 'the cycle that is named depends on the order in which a map has it',
    rule: 'own',
    notApplicable:
      'nothing of the search comes from a map of names; what a restored replica iterates over it put there in the order of numbers',
  },
  mutant(
    'L142',
    '`all` forgets what the other requests will get',
    at(
      CYCLES,
      '    return isLasting(request) && this.#keepersOf(request.session) > 0 && !this.gone.has(request)\n',
      '    return false\n',
    ),
  ),
  mutant(
    'L176',
    'tokens that are not current are kept',
    at(DEADLOCK, 'keeps.some(({ token, name }) => isKeepable(state.holds.get(name, token)))', 'keeps.length > 99'),
  ),
  mutant(
    'L177',
    'who does not wait is searched as though it did',
    at(DEADLOCK, '  if (asker.waitMs === 0) return standsInItsOwnWay(state, asker)\n', ''),
  ),
]
