/** Faults of what `why` and `who` say, and of how `tnl` prints it. */
import type { Mutant } from '../mutant.js'

const VIEWS = 'src/locks/views'
const OUTLOOK = `${VIEWS}/outlook.ts`
const IN_THE_WAY = `${VIEWS}/in-the-way.ts`
const CHAIN = `${VIEWS}/chain.ts`
const WHY = `${VIEWS}/why.ts`
const WORDS = 'src/service/reads/why-words.ts'

const judged = { rule: 'own', killers: ['tests'], tests: ['test/locks/why'] } as const
const printed = {
  rule: 'own',
  killers: ['tests'],
  tests: ['test/cli/reads', 'test/cli/shared', 'test/service/reads'],
} as const

export const WHY_MUTANTS: readonly Mutant[] = [
  {
    ...judged,
    id: 'L710',
    title: 'why leaves out what freezes the names of a request',
    edits: [{ file: WHY, find: '    blockers.freezes(place.lock.name)\n', replace: '' }],
  },
  {
    ...judged,
    id: 'L711',
    title: 'of permits why names holds only as far as they are current',
    edits: [
      {
        file: IN_THE_WAY,
        find: 'if (!hasOrphanedHolder(hold) && isInTheWay(hold.amount, amount)) yield hold',
        replace: "if (!hasOrphanedHolder(hold) && hold.phase !== 'tail' && isInTheWay(hold.amount, amount)) yield hold",
      },
    ],
  },
  {
    ...judged,
    id: 'L712',
    title: 'why names also those who asked later',
    edits: [{ file: IN_THE_WAY, find: '    if (place === end) return\n', replace: '' }],
  },
  {
    ...judged,
    id: 'L713',
    title: 'the first end of several is told as the last',
    edits: [{ file: IN_THE_WAY, find: 'b.withinMs - a.withinMs', replace: 'a.withinMs - b.withinMs' }],
  },
  {
    ...judged,
    id: 'L714',
    title: 'earlier places are forgotten when it is told by when the way is free',
    edits: [
      {
        file: IN_THE_WAY,
        find: '    taken = takenWith(taken, limit, place.amount)\n  }\n  if (looks',
        replace: '  }\n  if (looks',
      },
    ],
  },
  {
    ...judged,
    id: 'L715',
    title: 'the tail that a hold will leave is no part of what is left of it',
    edits: [{ file: OUTLOOK, find: 'Math.max(goneMs + delayMs, minHoldMs)', replace: 'goneMs' }],
  },
  {
    ...judged,
    id: 'L716',
    title: 'a hold that was lost is told to pass on before its client can have heard of it',
    edits: [{ file: OUTLOOK, find: '(session?.terms?.leaseMs ?? 0) + untilCountedMs', replace: 'untilCountedMs' }],
  },
  {
    ...judged,
    id: 'L717',
    title: 'the chain goes through requests that keep nothing',
    edits: [
      { file: CHAIN, find: "if (request !== asker && request.keeps === 'all')", replace: 'if (request !== asker)' },
    ],
  },
  {
    ...judged,
    id: 'L718',
    title: 'the chain knows only requests that keep everything, not those that name what they keep',
    edits: [
      {
        file: CHAIN,
        find: 'return this.#named.get(hold)?.find((request) => request !== asker) ?? null',
        replace: 'return null',
      },
    ],
  },
  {
    ...judged,
    id: 'L719',
    title: 'the chain goes round until it is cut',
    edits: [{ file: CHAIN, find: "      if (seen.has(request)) return { links, end: 'circle' }\n", replace: '' }],
  },
  {
    ...judged,
    id: 'L71A',
    title: 'the chain follows the first hold, though another holder waits itself',
    edits: [{ file: CHAIN, find: '        if (next !== null) return first\n', replace: '        return first\n' }],
  },
  {
    ...judged,
    id: 'L71B',
    title: 'a sentence says of a hold whose client is gone that somebody has it',
    edits: [{ file: WORDS, find: "  if (end.by === 'session')", replace: '  if (end.by !== end.by)' }],
  },
  {
    ...printed,
    id: 'L71C',
    title: 'words of strangers reach the terminal as they are',
    edits: [
      {
        file: 'src/cli/shared/terminal-text.ts',
        find: 'return text.replace(UNSHOWN, (one) => NAMED[one] ??',
        replace: 'return text.replace(/^$/, (one) => NAMED[one] ??',
      },
    ],
  },
  {
    ...printed,
    id: 'L71D',
    title: 'a bound is told shorter than it is',
    edits: [
      {
        file: 'src/service/reads/durations.ts',
        find: 'return inWords(ms, Math.ceil)',
        replace: 'return inWords(ms, Math.floor)',
      },
    ],
  },
  {
    rule: 'rule 3',
    killers: ['tests'],
    tests: ['test/locks/epochs.test.ts'],
    id: 'L71E',
    title: 'classic clients of a node that is dead are shown as waiting until they are swept',
    edits: [
      {
        file: `${VIEWS}/hold-report.ts`,
        find: '    if (place.request.session.countsAsEnded) continue\n',
        replace: '',
      },
    ],
  },
]
