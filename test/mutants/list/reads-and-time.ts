/** Bugs of reads, leases and time. */
import type { Mutant } from '../mutant.js'

const READ = 'src/raft/core/read-index.ts'
const DUTIES = 'src/service/leases/leader-duties.ts'
const EPOCHS = 'src/service/leases/epoch-expiry.ts'

export const READS_AND_TIME: readonly Mutant[] = [
  {
    id: 'M52',
    title: 'a new leader confirms reads before it has committed an entry of its term',
    rule: 'others',
    edits: [
      {
        file: READ,
        find: `  if (raft.committedEntryInCurrentTerm()) confirmRead(raft, m)
  else raft.pendingReads.push(m)`,
        replace: '  confirmRead(raft, m)',
      },
    ],
  },
  {
    id: 'M53',
    title: 'a leader confirms reads by its lease, without asking a quorum',
    rule: 'others',
    edits: [
      {
        file: READ,
        find: 'if (raft.config.readOnlyOption === ReadOnlyOption.leaseBased) {',
        replace: 'if (raft.config.readOnlyOption === ReadOnlyOption.leaseBased || raft.config.checkQuorum) {',
      },
    ],
  },
  {
    id: 'M55',
    title: 'one answer less than a majority confirms a read',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/read-only.ts',
        find: 'const confirmed = Math.min(jointCommittedIndex(voters, this.#acked), this.#last())',
        replace: `const acks = voters.incoming.map((id) => this.#acked(id) ?? 0).sort((a, b) => b - a)
    const confirmed = Math.min(acks[Math.max(0, Math.floor(acks.length / 2) - 1)] ?? 0, this.#last())`,
      },
    ],
  },
  {
    id: 'M56',
    title: "a leader's lease for reads outlives a transfer of leadership",
    rule: 'others',
    notApplicable:
      'Nothing rests on a lease of the leader: every read is confirmed by a quorum (M53 is the mutant of that), the driver never chooses lease-based reads, and the right to speak belongs to a node, whoever leads.',
  },
  {
    id: 'M57',
    title: 'a leader that was deposed goes on ending epochs and sessions',
    rule: 'others',
    edits: [
      {
        file: DUTIES,
        find: `    if (!node.isLeader()) {
      this.epochs.dropArrivals()
      this.#leave()
    } else if (this.#office.term !== null && this.#office.term !== node.term()) this.#leave()`,
        replace: '',
      },
      {
        file: 'src/service/leases/office.ts',
        find: 'return this.#term !== null && this.node.isLeaderReady() && this.node.term() === this.#term',
        replace: 'return this.#term !== null',
      },
    ],
  },
  {
    id: 'M58',
    title: 'a new leader goes on counting leases from what it saw before it led',
    rule: 'others',
    edits: [
      {
        file: EPOCHS,
        find: `  epochBegun(epoch: Epoch): void {
    if (!this.office.isTaken) return
`,
        replace: `  epochBegun(epoch: Epoch): void {
`,
      },
      { file: EPOCHS, find: '    this.#countedFromMs.clear()\n', replace: '' },
      {
        file: EPOCHS,
        find: 'return Math.max(this.#readyAtMs, this.#countedFromMs.get(epoch) ?? this.#readyAtMs)',
        replace: 'return this.#countedFromMs.get(epoch) ?? this.#readyAtMs',
      },
    ],
  },
  {
    id: 'M59',
    title: 'a clock is read while a command is applied',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/state/state.ts',
        find: 'this.wallMs = Math.max(this.wallMs, wallMs)',
        replace: 'this.wallMs = Date.now()',
      },
    ],
  },
  {
    id: 'M59b',
    title: 'ended epochs are swept in the order of a set, which differs after a restore',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/state/epochs.ts',
        find: 'if (lowest === null || entry.epoch < lowest.epoch) lowest = entry',
        replace: 'lowest ??= entry',
      },
    ],
  },
]
