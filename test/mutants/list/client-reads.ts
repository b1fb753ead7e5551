/** Faults of what a client can ask without changing anything. Numbers in brackets are of the list of lock mutants. */
import type { Mutant } from '../mutant.js'

const READS = 'src/service/reads'
const LISTING = `${READS}/listings.ts`
const NAMES = `${READS}/listed-names.ts`
const WORK = 'src/service/dialects/session-work.ts'
const REPORTS = 'src/locks/views/reports.ts'
const WHY = 'src/locks/views/why.ts'
const IN_THE_WAY = 'src/locks/views/in-the-way.ts'

const tests = {
  rule: 'own',
  killers: ['tests'],
  tests: ['test/service/reads', 'test/transcripts', 'test/locks'],
} as const

export const CLIENT_READS: readonly Mutant[] = [
  // ---------------------------------------------------------------------------------------------------- any read
  {
    ...tests,
    id: 'L301',
    title: '(57) a read is answered from the applied state, without a quorum',
    rule: 'rule 8',
    edits: [
      {
        file: `${READS}/client-reads.ts`,
        find: "this.deps.node.read((outcome) => done(outcome === 'current'))",
        replace: 'done(true)',
      },
    ],
  },
  {
    ...tests,
    id: 'L302',
    title: 'a read that nobody confirmed is answered all the same',
    rule: 'rule 8',
    edits: [
      { file: WORK, find: 'if (isConfirmed) answer()\n', replace: 'if (isConfirmed || this.#reads > 0) answer()\n' },
    ],
  },
  {
    ...tests,
    id: 'L303',
    title: 'a `bye` does not wait for reads',
    edits: [
      {
        file: WORK,
        find: 'return this.#requests.undecided + this.#reads\n',
        replace: 'return this.#requests.undecided\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L304',
    title: 'a client hears `valid` from a node that may not speak',
    rule: 'rule 2',
    edits: [
      {
        file: 'src/service/dialects/requests/classic/check.ts',
        find: 'connection.close(connection.speak(validReply(id)) ? undefined : unknown)',
        replace: 'connection.close(validReply(id) as string as typeof unknown)',
      },
      {
        file: 'src/service/dialects/classic.ts',
        find: 'answer(isConfirmed && this.context.right.serving())',
        replace: 'answer(isConfirmed)',
      },
    ],
  },
  {
    ...tests,
    id: 'L305',
    title: 'a hold that was broken or timed out is still current',
    rule: 'rule 12',
    edits: [{ file: REPORTS, find: "hold?.phase === 'held' &&", replace: "hold !== null && hold.phase !== 'tail' &&" }],
  },
  {
    ...tests,
    id: 'L306',
    title: 'the token of another name will do',
    edits: [
      {
        file: REPORTS,
        find: 'const hold = this.state().holds.get(name, token)',
        replace: 'const hold = [...this.state().holds.values()].find((other) => other.token === token) ?? null',
      },
    ],
  },
  {
    ...tests,
    id: 'L307',
    title: 'whoever asks without end is answered without end',
    edits: [
      {
        file: `${READS}/client-reads.ts`,
        find: '!this.#paced.add(() => done(true))',
        replace: '!(done(true), true)',
      },
    ],
  },
  {
    ...tests,
    id: 'L308',
    title: 'work that takes long is not waited for',
    edits: [
      {
        file: `${READS}/paced-work.ts`,
        find: 'Math.max(1, -this.#creditMs / PACED_SHARE_OF_TIME)',
        replace: '1',
      },
      {
        file: `${READS}/paced-work.ts`,
        find: 'while (this.#creditMs > 0) {',
        replace: 'this.#creditMs = Math.max(this.#creditMs, 1)\n    while (this.#creditMs > 0) {',
      },
    ],
  },
  // --------------------------------------------------------------------------------------------------- listings
  {
    ...tests,
    id: 'L311',
    title: '(58) a listing counts its lines, so that it loses or repeats some when others come or go',
    edits: [
      {
        file: LISTING,
        find: '    const goesOn = after !== null && after.name >= prefix\n',
        replace: '    const goesOn = false\n',
      },
      {
        file: LISTING,
        find: '      this.order.line(held)\n',
        replace: '      if (this.order.after === null || held.token > this.order.after.token) this.order.line(held)\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L312',
    title: 'what comes during the making of the index is not in it',
    edits: [
      {
        file: NAMES,
        find: '    if (this.#index === null) return\n',
        replace: '    if (this.#index === null || this.#making !== null) return\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L313',
    title: 'a listing is written in one go',
    edits: [{ file: LISTING, find: 'return left > 0 && this.clock.takerNow() < untilMs', replace: 'return true' }],
  },
  {
    ...tests,
    id: 'L314',
    title: 'a listing goes on though its reader takes nothing',
    edits: [
      { file: LISTING, find: '|| reader.unsentBytes > LISTING_UNSENT_MAX_BYTES) continue', replace: ') continue' },
    ],
  },
  {
    ...tests,
    id: 'L315',
    title: 'the index outlives the state that it is of',
    edits: [
      {
        file: `${READS}/client-reads.ts`,
        find: '    this.#names.drop()\n    this.watches.restored()\n',
        replace: '    this.watches.restored()\n',
      },
    ],
  },
  {
    ...tests,
    id: 'L316',
    title: 'a name that is only waited for is not listed',
    edits: [
      {
        file: 'src/locks/views/listing.ts',
        find: 'if (isHeld || afterToken >= 0) return',
        replace: 'if (true) return',
      },
    ],
  },
  {
    ...tests,
    id: 'L317',
    title: 'a pattern may be as large as it likes',
    edits: [
      {
        file: `${READS}/pattern.ts`,
        find: 'compiled.programSize() > PATTERN_MAX_INSTRUCTIONS',
        replace: 'compiled.programSize() < 0',
      },
    ],
  },
  // -------------------------------------------------------------------------------------------------------- why
  {
    ...tests,
    id: 'L341',
    title: 'why shows holds only, not who stands before',
    edits: [
      { file: IN_THE_WAY, find: '    if (isInTheWay(place.amount, amount)) yield [place, position]\n', replace: '' },
    ],
  },
  {
    ...tests,
    id: 'L342',
    title: 'why says that shared stands in the way of shared',
    edits: [
      {
        file: IN_THE_WAY,
        find: 'amount !== SHARED || there === EXCLUSIVE',
        replace: 'amount !== SHARED || there <= SHARED',
      },
    ],
  },
  {
    ...tests,
    id: 'L343',
    title: 'why forgets the other names of the request',
    edits: [
      {
        file: WHY,
        find: '  for (const place of places) {\n',
        replace: '  for (const place of places.slice(0, 1)) {\n',
      },
    ],
  },
]
