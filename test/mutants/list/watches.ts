/** Faults of watches: what they tell, and from where they go on. Numbers in brackets are of the list of lock mutants. */
import type { Mutant } from '../mutant.js'

const READS = 'src/service/reads'
const LISTING = `${READS}/listings.ts`
const SOURCE = `${READS}/watches.ts`
const TARGETS = `${READS}/watch-targets.ts`
const EVENTS = `${READS}/event-log.ts`

const tests = {
  rule: 'own',
  killers: ['tests'],
  tests: ['test/service/reads', 'test/transcripts'],
} as const

export const WATCHES: readonly Mutant[] = [
  {
    ...tests,
    id: 'L321',
    title: '(55) a watch skips what has a later place in its entry',
    edits: [
      {
        file: SOURCE,
        find: '    this.#log.add(event)\n',
        replace: '    if (event.place > 0) return\n    this.#log.add(event)\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L322',
    title: '(56) a watcher that reads slowly loses its connection',
    edits: [
      {
        file: SOURCE,
        find: '      this.#slow(watch)\n      return false\n',
        replace: '      ;(watcher as unknown as { close(): void }).close()\n      return false\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L323',
    title: 'a watcher that reads slowly goes on where it is, without a gap',
    edits: [
      {
        file: SOURCE,
        find: "else if (phase.kind === 'slow' && watcher.unsentBytes === 0) this.#beginGap(watch)",
        replace: "else if (phase.kind === 'slow' && watcher.unsentBytes === 0) this.#enter(watch, { kind: 'live' })",
      },
    ],
  },
  {
    ...tests,
    id: 'L324',
    title: 'during a gap everything is told twice that is listed later',
    edits: [
      {
        file: SOURCE,
        find: 'return isOfPrefix(event) ? listing.hasBegun : listing.hasPassed(event.name, event.token)',
        replace: 'return event.index > 0 || listing.hasBegun',
      },
    ],
  },
  {
    ...tests,
    id: 'L325',
    title: 'what happens while a gap is listed is not told',
    edits: [
      {
        file: SOURCE,
        find: 'return isOfPrefix(event) ? listing.hasBegun : listing.hasPassed(event.name, event.token)',
        replace: 'return isOfPrefix(event) && listing.hasBegun',
      },
    ],
  },
  {
    ...tests,
    id: 'L326',
    title: 'what happens while a watch catches up is not told',
    edits: [{ file: SOURCE, find: "    else if (phase.kind === 'telling') keep(phase.kept, event)\n", replace: '' }],
  },
  {
    ...tests,
    id: 'L327',
    title: '`since` is told once more',
    edits: [
      {
        file: EVENTS,
        find: 'if (isBefore(position, this.#position(middle))) high',
        replace: 'if (!isBefore(this.#position(middle), position)) high',
      },
    ],
  },
  {
    ...tests,
    id: 'L328',
    title: 'after a snapshot a node goes on from positions before it',
    rule: 'rule 9',
    edits: [{ file: SOURCE, find: '    this.#log.beginAnew(this.#now())\n', replace: '' }],
  },
  {
    ...tests,
    id: 'L329',
    title: 'a node remembers everything, if one asks it',
    edits: [
      {
        file: EVENTS,
        find: 'if (this.#completeFrom === null || isBefore(position, this.#completeFrom)) return null',
        replace: 'if (this.#completeFrom === null) return null',
      },
    ],
  },
  {
    ...tests,
    id: 'L330',
    title: 'a `since` that lies ahead of the node is answered at once',
    edits: [
      {
        file: SOURCE,
        find: 'if (since !== null && this.#applied < since.index)',
        replace: 'if (since !== null && since.index < 0)',
      },
    ],
  },
  {
    ...tests,
    id: 'L331',
    title: 'a watch of a prefix hears of the name alone',
    edits: [
      {
        file: TARGETS,
        find: 'if (length <= event.name.length) yield*',
        replace: 'if (length === event.name.length) yield*',
      },
    ],
  },
  {
    ...tests,
    id: 'L332',
    title: 'watches are not bounded',
    edits: [
      {
        file: SOURCE,
        find: 'if (this.#count >= WATCHES_MAX_COUNT || own.size >= WATCHES_PER_CONNECTION_MAX_COUNT) return null',
        replace: 'if (own.size >= WATCHES_PER_CONNECTION_MAX_COUNT) return null',
      },
    ],
  },
  {
    ...tests,
    id: 'L333',
    title: 'a watch outlives its connection',
    edits: [{ file: `${READS}/client-reads.ts`, find: '    this.watches.forget(reader)\n', replace: '' }],
  },
  {
    ...tests,
    id: 'L703',
    title: 'a gap is told before its listing has its turn: a short one shows what came after it',
    edits: [
      {
        file: SOURCE,
        find: "    this.#enter(watch, { kind: 'listing', listing,",
        replace: "    listing.order.begin?.()\n    this.#enter(watch, { kind: 'listing', listing,",
      },
      { file: LISTING, find: '    if (!this.#hasBegun) this.order.begin?.()\n', replace: '' },
    ],
  },
  {
    ...tests,
    id: 'L704',
    title: 'nobody is told that a long listing shows what came after its gap',
    edits: [{ file: SOURCE, find: "'exact-from': endAt === gapAt ? undefined : endAt", replace: '' }],
  },
  {
    ...tests,
    id: 'L705',
    title: 'whoever is cut off between `watching` and its gap goes on from now',
    edits: [
      {
        file: SOURCE,
        find: '    this.#sayWatching(watch, from)\n',
        replace: '    this.#sayWatching(watch, first === null ? this.#now() : from)\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L706',
    title: 'a freeze before a gap is told behind it',
    edits: [{ file: SOURCE, find: 'isOfPrefix(event) ? listing.hasBegun :', replace: 'isOfPrefix(event) ||' }],
  },
]
