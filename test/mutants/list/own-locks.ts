/** Bugs of our own making in the state machine of locks. */
import type { Mutant } from '../mutant.js'

const DELAY = 'src/locks/table/delay.ts'
const GRANTS = 'src/locks/table/grants.ts'
const QUEUE = 'src/locks/table/queue.ts'
const RELEASE = 'src/locks/table/release.ts'
const REQUESTS = 'src/locks/table/requests.ts'
const WAIT_GRAPH = 'src/locks/table/deadlock.ts'
const RECORDS = 'src/locks/snapshot/records.ts'
const RESTORE = 'src/locks/snapshot/restore.ts'
const SNAPSHOT = 'src/locks/snapshot/image.ts'
const ENTITIES = 'src/locks/state/entities.ts'
const ANSWERS = 'src/locks/answers.ts'

export const OWN_LOCKS: readonly Mutant[] = [
  {
    id: 'X01',
    title: 'the last in the queue gets the lock',
    rule: 'own',
    edits: [
      {
        file: GRANTS,
        find: '  const head = lock.queue?.head ?? null\n  if (head === null) {',
        replace: '  const head = lock.queue?.tail ?? null\n  if (head === null) {',
      },
    ],
  },
  {
    id: 'X02',
    title: 'the last waiter is left out of a snapshot',
    rule: 'own',
    edits: [
      {
        file: RECORDS,
        find: '  out.varint(lock.waiterCount)\n',
        replace: '  out.varint(Math.max(0, lock.waiterCount - 1))\n',
      },
      {
        file: RECORDS,
        find: 'waiter !== null; waiter = waiter.next) {',
        replace: 'waiter?.next; waiter = waiter.next) {',
      },
    ],
  },
  {
    id: 'X03',
    title: 'a restored queue is the other way round',
    rule: 'own',
    edits: [
      {
        file: RECORDS,
        find: 'let waiter = lock.queue?.head ?? null; waiter !== null; waiter = waiter.next) {',
        replace: 'let waiter = lock.queue?.tail ?? null; waiter !== null; waiter = waiter.previous) {',
      },
    ],
  },
  {
    id: 'X04',
    title: 'a session that ends leaves its places in the queues behind',
    rule: 'own',
    edits: [
      {
        file: RELEASE,
        find: '  while (session.firstWait !== null) leaveQueue(context, session.firstWait)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'X05',
    title: 'the deadlock search does not look at earlier waiters',
    rule: 'own',
    edits: [
      {
        file: WAIT_GRAPH,
        find: '    yield { lock: waiter.lock, behind: waiter.next }\n',
        replace: '    if (waiter.lock.holder === session) yield { lock: waiter.lock, behind: waiter.next }\n',
      },
    ],
  },
  {
    id: 'X06',
    title: 'the deadlock search ends at holders: who stands before the asker in the queue does not count',
    rule: 'own',
    edits: [{ file: WAIT_GRAPH, find: '    if (waiter.lock === wanted) return true\n', replace: '' }],
  },
  {
    id: 'X07',
    title: 'a session that waits for nothing is not searched, though it holds',
    rule: 'own',
    edits: [
      {
        file: WAIT_GRAPH,
        find: 'if (asker.firstHeld === null && asker.firstWait === null) return null',
        replace: 'if (asker.firstWait === null) return null',
      },
    ],
  },
  {
    id: 'X08',
    title: 'a restored state gives out tokens from the index of the entry on',
    rule: 'own',
    edits: [{ file: RECORDS, find: '  state.counter = input.wide()\n', replace: '  input.wide()\n' }],
  },
  {
    id: 'X09',
    title: 'a waiter that gets the lock keeps the token of the hold before',
    rule: 'own',
    edits: [
      {
        file: GRANTS,
        find: 'lock.token = context.state.draw(context.index)',
        replace: 'lock.token = lock.token || context.state.draw(context.index)',
      },
    ],
  },
  {
    id: 'X10',
    title: 'a snapshot forgets that a lock is delayed',
    rule: 'own',
    edits: [
      {
        file: RECORDS,
        find: 'if (holder === 0) state.delayed.add(lock)\n  else',
        replace: 'if (holder !== 0)',
      },
    ],
  },
  {
    id: 'X11',
    title: 'the end of a delay frees a lock that was granted again meanwhile',
    rule: 'own',
    edits: [
      {
        file: DELAY,
        find: 'if (lock === undefined || lock.holder !== null || lock.token !== token) return',
        replace: 'if (lock === undefined) return\n  if (lock.holder !== null) takeAway(context, lock)',
      },
      { file: DELAY, find: 'import { passOn } from', replace: 'import { passOn, takeAway } from' },
    ],
  },
  {
    id: 'X12',
    title: 'a clean end of a session delays its locks too',
    rule: 'own',
    edits: [{ file: RELEASE, find: 'if (unclean && lock.delayMs > 0) {', replace: 'if (lock.delayMs > 0) {' }],
  },
  {
    id: 'X13',
    title: 'a delayed lock is granted to who asks',
    rule: 'own',
    edits: [
      {
        file: REQUESTS,
        find: '  if (lock === null) grantFree(context, session, request, asked)',
        replace: '  if (lock === null || lock.holder === null) grantFree(context, session, request, asked)',
      },
    ],
  },
  {
    id: 'X14',
    title: 'acknowledging N forgets the answer of N + 1 too',
    rule: 'own',
    edits: [
      {
        file: ANSWERS,
        find: 'if (request <= ack) terms.answers.delete(request)',
        replace: 'if (request <= ack + 1) terms.answers.delete(request)',
      },
    ],
  },
  {
    id: 'X15',
    title: 'acknowledging N keeps the answer of N',
    rule: 'own',
    edits: [
      {
        file: ANSWERS,
        find: 'if (request <= ack) terms.answers.delete(request)',
        replace: 'if (request < ack) terms.answers.delete(request)',
      },
    ],
  },
  {
    id: 'X16',
    title: 'a session that holds a lock may release the lock of another',
    rule: 'own',
    edits: [
      {
        file: RELEASE,
        find: 'if (lock === undefined || lock.holder !== session) {',
        replace: 'if (lock === undefined || (lock.holder !== session && session.heldCount === 0)) {',
      },
    ],
  },
  {
    id: 'X17',
    title: 'cancelling a request that was granted gives the lock back, and the holder is not told',
    rule: 'own',
    edits: [
      {
        file: REQUESTS,
        find: "  endWait(context, session, target, 'cancelled')\n",
        replace:
          "  if (findWaiter(session, target) === null && session.lastHeld !== null) {\n    const lock = session.lastHeld\n    takeAway(context, lock)\n    passOn(context, lock)\n  }\n  endWait(context, session, target, 'cancelled')\n",
      },
    ],
  },
  {
    id: 'X18',
    title: 'a lock that changes while a snapshot is made is written as it is later',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/state.ts',
        find: 'if (this.watcher !== null && lock.stamp < this.production) this.watcher.keepLock(lock)',
        replace: 'if (this.watcher !== null && lock.stamp > this.production) this.watcher.keepLock(lock)',
      },
    ],
  },
  {
    id: 'X19',
    title: 'a snapshot adds to the state that was there instead of replacing it',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/machine.ts',
        find: '      this.state = state\n',
        replace:
          '      for (const [name, lock] of this.state.locks) if (!state.locks.has(name)) state.locks.set(name, lock)\n      this.state = state\n',
      },
    ],
  },
  {
    id: 'X20',
    title: 'sessions of a restored epoch are swept in the order of the stream',
    rule: 'own',
    edits: [
      {
        file: RESTORE,
        find: '      orderSessions(epoch)\n',
        replace: '      if (epoch.floor < 0) orderSessions(epoch)\n',
      },
    ],
  },
  {
    id: 'X21',
    title: 'a snapshot that was cut short is installed',
    rule: 'own',
    edits: [
      {
        file: RESTORE,
        find: 'if (this.#lastKind !== RecordKind.end || this.#rest.length > 0) {',
        replace: 'if (this.#lastKind === 0) {',
      },
    ],
  },
  {
    id: 'X22',
    title: 'a waiter that leaves the middle of a queue cuts off those behind it',
    rule: 'own',
    edits: [
      {
        file: ENTITIES,
        find: '    if (waiter.next === null) this.tail = waiter.previous\n    else waiter.next.previous = waiter.previous\n    waiter.previous = null',
        replace: '    this.tail = waiter.previous\n    waiter.previous = null',
      },
    ],
  },
  {
    id: 'X23',
    title: 'waiters of classic sessions whose epoch has ended are passed the lock',
    rule: 'own',
    edits: [
      {
        file: QUEUE,
        find: '    if (waiter.session.countsAsEnded) leaveQueue(context, waiter)\n',
        replace: '',
      },
    ],
  },
  {
    id: 'X24',
    title: 'a resume is taken with any secret',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: ' || terms === null || terms.secretHash !== command.secretHash) {',
        replace: ' || terms === null) {',
      },
    ],
  },
  {
    id: 'X25',
    title: 'a snapshot in production loses what changes between two of its chunks',
    rule: 'own',
    edits: [
      {
        file: SNAPSHOT,
        find: "const out = this.#stage === 'sessions' ? this.#changedLocks : this.#ready",
        replace: 'const out = this.#changedLocks',
      },
    ],
  },
]
