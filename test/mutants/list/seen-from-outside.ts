/**
 * Bugs of the lock service that the simulator has to see from outside: by what its clients are told and may believe, without a
 * test that knows the place. In brackets: the number in the lock tests' list.
 */
import type { Mutant } from '../mutant.js'

const CHECK = 'src/service/dialects/requests/check.ts'
const ENDS = 'src/locks/table/ends.ts'
const RELEASE = 'src/locks/table/release.ts'
const LETTING_GO = 'src/service/leases/letting-go.ts'
const SESSION = 'src/service/dialects/session.ts'
const VIEW = 'src/locks/views/session-view.ts'

/** The others of this list are rarer than some tens of seeds: tests see them too. */
const simulator = { rule: 'own', killers: ['simulator'] } as const

export const SEEN_FROM_OUTSIDE: readonly Mutant[] = [
  {
    ...simulator,
    id: 'L601',
    title: 'a hold that was broken is let go of at once, while its client believes (48)',
    edits: [
      {
        file: LETTING_GO,
        find: 'this.#deadlines.add(counted, leaseMs)',
        replace: 'this.#deadlines.add(counted, leaseMs / 100)',
      },
    ],
  },
  {
    ...simulator,
    id: 'L602',
    title: 'lost is said later than what the node says meanwhile (49)',
    edits: [
      {
        file: SESSION,
        find: '    this.connection.say(lostReply(name, token, reason))\n',
        replace: '    this.context.clock.after(500, () => this.connection.say(lostReply(name, token, reason)))\n',
      },
    ],
  },
  {
    ...simulator,
    id: 'L603',
    title: 'a hold that was broken is in the list after a resume (49)',
    edits: [
      { file: VIEW, find: "if (hold.phase === 'held') held.push", replace: "if (hold.phase !== 'tail') held.push" },
    ],
  },
  {
    ...simulator,
    id: 'L604',
    title: 'check is answered from what the node has applied (57)',
    edits: [
      {
        file: CHECK,
        find: '    session.lookUp(id, () => {\n',
        replace: '    const now = (run: () => void): void => run()\n    now(() => {\n',
      },
    ],
  },
  {
    rule: 'own',
    id: 'L605',
    title: 'a FIN without bye leaves no delay (47)',
    edits: [{ file: ENDS, find: "(how === 'fin' || how === 'node-lost')", replace: "how === 'node-lost'" }],
    tests: ['test/service/sessions/ends.test.ts'],
  },
  {
    rule: 'own',
    id: 'L606',
    title: 'a mark is set by the release of a hold that was lost (43)',
    edits: [
      {
        file: RELEASE,
        find: "  return phase === 'held' ? null : failure(",
        replace: "  return phase === 'held' || phase === 'ttl' || phase === 'forced' ? null : failure(",
      },
    ],
  },
  {
    ...simulator,
    id: 'L607',
    title: 'a mark is not set by the release that says so',
    edits: [
      { file: RELEASE, find: '    setMark(context, hold)\n', replace: "    if (name === '') setMark(context, hold)\n" },
    ],
  },
  {
    ...simulator,
    id: 'L608',
    title: 'who gives back early leaves nothing of its min-hold',
    edits: [{ file: ENDS, find: ' || terms.minHoldMs > 0)) {', replace: ' || terms.minHoldMs > 86_400_000)) {' }],
  },
  {
    ...simulator,
    id: 'L609',
    title: 'a hold whose ttl is over passes on before its client can know (48)',
    edits: [
      {
        file: ENDS,
        find: "if ((how === 'forced' || how === 'ttl') && hold.session",
        replace: "if (how === 'forced' && hold.session",
      },
    ],
  },
  {
    rule: 'own',
    id: 'L610',
    title: 'delay is forgotten when a session expires',
    edits: [{ file: ENDS, find: "  return how === 'expired' || (", replace: '  return (' }],
  },
]
