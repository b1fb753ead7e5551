/** Bugs at the edges that the simulator reaches since it runs the real transport and the real client port. */
import type { Mutant } from '../mutant.js'

export const SIMULATED_NET: readonly Mutant[] = [
  {
    id: 'Z601',
    title: 'the place of a client that has left stays taken',
    rule: 'own',
    edits: [
      {
        file: 'src/server/clients/client-places.ts',
        find: '    this.#seated.delete(connection)\n',
        replace: '',
      },
    ],
    killers: ['tests', 'simulator'],
  },
  {
    id: 'Z602',
    title: 'a peer that could not be reached is not dialled again',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/net/peer-link.ts',
        find: 'this.#dialAfterAbout(RECONNECT_FOREIGN_MS)\n    else this.#dialLater()\n',
        replace: 'this.#dialAfterAbout(RECONNECT_FOREIGN_MS)\n',
      },
    ],
    killers: ['tests', 'simulator'],
  },
  {
    id: 'Z603',
    title: 'a frame that is longer than what may wait on the bulk lane is refused for ever',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/net/outbox.ts',
        find: 'this.#bulk.bytes > 0 && ',
        replace: '',
      },
    ],
    killers: ['tests', 'simulator'],
    tests: ['test/raft/net/outbox.test.ts'],
  },
  {
    id: 'Z604',
    title: 'a candidate asks for the rest of its patience to the fraction of a millisecond',
    rule: 'own',
    edits: [
      {
        file: 'src/raft/node/leader-hint.ts',
        find: 'this.#schedule(Math.ceil(patienceMs))',
        replace: 'this.#schedule(patienceMs)',
      },
    ],
    killers: ['tests', 'simulator'],
    tests: ['test/raft/node/leader-hint.test.ts'],
  },
]
