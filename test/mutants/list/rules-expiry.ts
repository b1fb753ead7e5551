/** Clauses of rules.md: rule 3, ending an epoch. */
import type { Mutant } from '../mutant.js'

const KEEPER = 'src/service/leases/epoch-expiry.ts'

export const RULES_EXPIRY: readonly Mutant[] = [
  {
    id: 'R3a',
    title: 'renewals of nodes that are no members are answered',
    rule: 'rule 3',
    edits: [{ file: KEEPER, find: ' || !this.#isMember(node) || ', replace: ' || ' }],
  },
  {
    id: 'R3b',
    title: 'renewals of an epoch that is not live are answered',
    rule: 'rule 3',
    edits: [{ file: KEEPER, find: 'if (!state.isLive(node, epoch) || ', replace: 'if (' }],
  },
  {
    id: 'R3c',
    title: 'renewals are answered before the leader has applied an entry of its own term',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/service/leases/office.ts',
        find: 'return this.#term !== null && this.node.isLeaderReady() && this.node.term() === this.#term',
        replace: 'return this.node.isLeader()',
      },
    ],
  },
  {
    id: 'R3d',
    title: 'renewals are answered without a quorum round',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'this.deps.node.confirmLeadership((index) => {',
        replace:
          'const confirm = (done: (index: Index | null) => void) => done(this.deps.node.appliedIndex())\n    confirm((index) => {',
      },
    ],
  },
  {
    id: 'R3e',
    title: 'a quorum round serves renewals that arrived after it had begun',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'for (const arrival of arrivals) this.#answer(arrival, index)',
        replace: 'for (const arrival of [...arrivals, ...this.#arrivals.splice(0)]) this.#answer(arrival, index)',
      },
    ],
  },
  {
    id: 'R3f',
    title: 'an epoch is renewed although its end is proposed',
    rule: 'rule 3',
    edits: [{ file: KEEPER, find: ' || this.#endProposed.has(epoch)) return', replace: ') return' }],
  },
  {
    id: 'R3g',
    title: 'the leader waits for 0.9 L, not the whole',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'if (now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue',
        replace: 'if (now - this.#countedFrom(epoch) < 0.9 * state.nodeLeaseMs) continue',
      },
    ],
  },
  {
    id: 'R3h',
    title: 'L counts from the last renewal but one',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'if (from === undefined || from < atMs) this.#countedFromMs.set(epoch, atMs)',
        replace:
          'if (from === undefined || from < atMs) this.#countedFromMs.set(epoch, atMs - this.deps.state.nodeLeaseMs / RENEWALS_PER_LEASE)',
      },
    ],
  },
  {
    id: 'R3i',
    title: 'L counts from the first renewal that was answered',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'if (from === undefined || from < atMs) this.#countedFromMs.set(epoch, atMs)',
        replace: 'if (from === undefined) this.#countedFromMs.set(epoch, atMs)',
      },
    ],
  },
  {
    id: 'R3j',
    title: 'L counts from the beginning of an office even if renewals were answered since',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'return Math.max(this.#readyAtMs, this.#countedFromMs.get(epoch) ?? this.#readyAtMs)',
        replace: 'return this.#readyAtMs',
      },
    ],
  },
  {
    id: 'R3k',
    title: 'a leader counts on from what it counted in an earlier office',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: 'return Math.max(this.#readyAtMs, this.#countedFromMs.get(epoch) ?? this.#readyAtMs)',
        replace: 'return this.#countedFromMs.get(epoch) ?? this.#readyAtMs',
      },
      { file: KEEPER, find: '    this.#countedFromMs.clear()\n', replace: '' },
    ],
  },
  {
    id: 'R3l',
    title: 'a new leader does not wait for a whole L of its own',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: '    this.#readyAtMs = this.deps.clock.takerNow()\n',
        replace: '    this.#readyAtMs = this.deps.clock.takerNow() - this.deps.state.nodeLeaseMs / 2\n',
      },
    ],
  },
  {
    id: 'R3m',
    title: 'the epochs of removed members are never ended',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: '      if (now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue',
        replace: '      if (!this.#isMember(owner) || now - this.#countedFrom(epoch) < state.nodeLeaseMs) continue',
      },
    ],
  },
  {
    id: 'R3n',
    title: 'the classic sessions of an ended epoch hold on until they are swept',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/locks/state/entities.ts',
        find: 'return this.terms === null && this.orphaned',
        replace: 'return this.terms === null && this.place === null',
      },
    ],
  },
  {
    id: 'R3o',
    title: 'a command under an ended epoch takes effect until the session is swept',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: 'return place?.live && place.epoch === header.epoch && place.node === header.node ? session : null',
        replace: 'return place?.epoch === header.epoch && place.node === header.node ? session : null',
      },
    ],
  },
  {
    id: 'R3p',
    title: 'a session can be opened under an ended epoch',
    rule: 'rule 3',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: 'if (place === undefined || !place.live || place.node !== header.node) return null',
        replace: 'if (place === undefined || place.node !== header.node) return null',
      },
    ],
  },
  {
    id: 'R3q',
    title: 'what an ended epoch leaves behind is never swept',
    rule: 'rule 3',
    edits: [
      { file: 'src/locks/machine.ts', find: '    sweep(context, SWEPT_SESSIONS_PER_ENTRY)\n', replace: '' },
      {
        file: 'src/service/leases/sweeping.ts',
        find: 'if (!this.deps.state.sweepPending() || !this.office.isHeld()) return',
        replace: 'if (this.#sweptAt < 0) return',
      },
    ],
  },
  {
    id: 'R3r',
    title: 'a live epoch is never ended: no end is proposed',
    rule: 'rule 3',
    edits: [
      {
        file: KEEPER,
        find: '      this.office.propose({ type: CommandType.expireNode, node: owner, epoch })\n',
        replace: '',
      },
    ],
  },
]
