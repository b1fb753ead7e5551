/** Bugs of our own making in the state machine of locks. */
import type { Mutant } from '../mutant.js'

const REQUESTS = 'src/locks/table/requests.ts'
const RECORDS = 'src/locks/snapshot/records.ts'
const RESTORE = 'src/locks/snapshot/restore.ts'
const ANSWERS = 'src/locks/answers.ts'

export const OWN_LOCKS: readonly Mutant[] = [
  {
    id: 'X01',
    title: 'the last in the queue gets the lock',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/lists.ts',
        find: 'return this.lastFitting === null ? this.head : this.lastFitting.next',
        replace: 'return this.lastFitting === null ? this.tail : null',
      },
    ],
  },
  {
    id: 'X02',
    title: 'the last waiter is left out of a snapshot',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/snapshot/lock-records.ts',
        find: '  out.varint(lock.placeCount)\n',
        replace: '  out.varint(Math.max(0, lock.placeCount - 1))\n',
      },
      {
        file: 'src/locks/snapshot/lock-records.ts',
        find: 'place !== null; place = place.next) {',
        replace: 'place?.next; place = place.next) {',
      },
    ],
  },
  {
    id: 'X03',
    title: 'a restored queue is the other way round',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/snapshot/lock-records.ts',
        find: 'let place = lock.queue?.head ?? null; place !== null; place = place.next) {',
        replace: 'let place = lock.queue?.tail ?? null; place !== null; place = place.previous) {',
      },
    ],
  },
  {
    id: 'X04',
    title: 'a session that ends leaves its places in the queues behind',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/ends.ts',
        find: '  while (session.firstWaiting !== null) leaveQueues(context, session.firstWaiting)\n',
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
        file: 'src/locks/table/session-graph.ts',
        find: '    yield { lock: waiting.first.lock, behind: waiting.first.next }\n',
        replace:
          '    const { lock } = waiting.first\n    if (lock.firstHold?.session === session) yield { lock, behind: waiting.first.next }\n',
      },
    ],
  },
  {
    id: 'X06',
    title: 'the deadlock search ends at holders: who stands before the asker in the queue does not count',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/session-graph.ts',
        find: '    if (waiting.first.lock === wanted) return true\n',
        replace: '',
      },
    ],
  },
  {
    id: 'X07',
    title: 'a session that waits for nothing is not searched, though it holds',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/session-graph.ts',
        find: 'if (asker.firstHeld === null && asker.firstWaiting === null) return null',
        replace: 'if (asker.firstWaiting === null) return null',
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
        file: 'src/locks/table/grants.ts',
        find: 'new Hold(lock, state.draw(index), amount',
        replace: 'new Hold(lock, state.grantsLeft > 0 ? state.counter : state.draw(index), amount',
      },
    ],
  },
  {
    id: 'X10',
    title: 'a snapshot forgets that a lock is delayed',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/snapshot/lock-records.ts',
        find: "  if (holder === 0) hold.withTerms().phase = 'tail'\n",
        replace: '',
      },
    ],
  },
  {
    id: 'X11',
    title: 'the end of a delay frees a lock that was granted again meanwhile',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/ends.ts',
        find: "if (clock === 'delay') return hold.phase === 'tail'",
        replace: "if (clock === 'delay') return true",
      },
    ],
  },
  {
    id: 'X12',
    title: 'a clean end of a session delays its locks too',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/ends.ts',
        find: "return how === 'expired' || (state.level > BASE_LEVEL && (how === 'fin' || how === 'node-lost'))",
        replace: "return how !== 'released' || state.level > BASE_LEVEL + 1",
      },
    ],
  },
  {
    id: 'X13',
    title: 'a delayed lock is granted to who asks',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/fit.ts',
        find: 'return (lock.queue?.firstUnfit ?? null) === null && fitsBeside(lock.taken, lock.limit, amount)',
        replace:
          "return lock.firstHold?.phase === 'tail' || ((lock.queue?.firstUnfit ?? null) === null && fitsBeside(lock.taken, lock.limit, amount))",
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
        find: 'if (request > ack) continue',
        replace: 'if (request > ack + 1) continue',
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
        find: 'if (request > ack) continue',
        replace: 'if (request >= ack) continue',
      },
    ],
  },
  {
    id: 'X16',
    title: 'a session that holds a lock may release the lock of another',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/release.ts',
        find: 'if (hold !== null && hold.session === session) return hold',
        replace: 'if (hold !== null && (hold.session === session || session.heldCount > 0)) return hold',
      },
      {
        file: 'src/locks/table/release.ts',
        find: 'if (hold.session === session) found.push(hold)',
        replace: 'if (hold.session === session || session.heldCount > 0) found.push(hold)',
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
        file: 'src/locks/state/lists.ts',
        find: '    if (place.next === null) this.tail = place.previous\n    else place.next.previous = place.previous\n    place.previous = null',
        replace: '    this.tail = place.previous\n    place.previous = null',
      },
    ],
  },
  {
    id: 'X23',
    title: 'waiters of classic sessions whose epoch has ended are passed the lock',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/fit.ts',
        find: '    if (request.session.countsAsEnded) {',
        replace: '    if (request.session.countsAsEnded && place === null) {',
      },
      {
        file: 'src/locks/table/grants.ts',
        find: 'if (request.session.countsAsEnded) leaveQueues(context, request)\n    else if',
        replace: 'if',
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
        file: 'src/locks/snapshot/image.ts',
        find: 'stage.keep(entity, current === stage ? this.#ready : null)',
        replace: 'stage.keep(entity, current === stage ? new ByteWriter() : null)',
      },
    ],
  },
]
