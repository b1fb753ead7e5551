/** Promises broken outright, one each: jepsen-lite has to convict a server with any of these within five minutes. */
import type { Mutant } from '../mutant.js'

export const COARSE: readonly Mutant[] = [
  {
    id: 'J1',
    title: 'fencing is off: every hold has the same token',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/table/grants.ts',
        find: 'new Hold(lock, state.draw(index), amount',
        replace: 'new Hold(lock, 1, amount',
      },
    ],
  },
  {
    id: 'J2',
    title: 'what is written is answered before it is synced',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/store/journal.ts',
        find: '    return this.#file.write(position, bytes)\n',
        replace: '    return this.#file.write(position, bytes).then(() => void this.#file.sync())\n',
      },
      {
        file: 'src/raft/store/node-disk.ts',
        find: 'durable: constants.O_RDWR | constants.O_DSYNC,',
        replace: 'durable: constants.O_RDWR,',
      },
    ],
    killers: ['torture'],
  },
  {
    id: 'J3',
    title: 'the right to speak never ends',
    rule: 'own',
    edits: [
      {
        file: 'src/service/leases/right-to-speak.ts',
        find: 'if (until === null || this.deps.clock.speakerNow() < this.#closingAtMs(until)) return',
        replace: 'if (until === null || this.#closingAtMs(until) > 0) return',
      },
    ],
  },
  {
    id: 'J4',
    title: 'when a node fails or comes back, all who wait are forgotten without a word',
    rule: 'own',
    edits: [
      {
        file: 'src/locks/state/epochs.ts',
        find: '  entry.live = false\n',
        replace: `  entry.live = false
  for (const { queue } of context.state.locks.values()) {
    for (let head = queue?.head ?? null; head !== null; head = queue?.head ?? null) context.state.unlinkWaiter(head)
  }
`,
      },
    ],
  },
  {
    id: 'J5',
    title: 'a new leader ends every epoch and every detached session at once',
    rule: 'own',
    edits: [
      {
        file: 'src/service/leases/epoch-expiry.ts',
        find: '    this.#readyAtMs = this.deps.clock.takerNow()\n',
        replace: '    this.#readyAtMs = this.deps.clock.takerNow() - this.deps.state.nodeLeaseMs\n',
      },
      {
        file: 'src/service/leases/detached-sessions.ts',
        find: 'if (!this.#counted.has(session)) this.detached(session, attach, forMs)',
        replace: 'if (!this.#counted.has(session)) this.detached(session, attach, 0 * forMs)',
      },
    ],
  },
]
