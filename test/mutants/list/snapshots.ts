/** Bugs of snapshots. */
import type { Mutant } from '../mutant.js'

const RESTORE = 'src/raft/core/restore-snapshot.ts'

export const SNAPSHOTS: readonly Mutant[] = [
  {
    id: 'M44',
    title: 'a snapshot older than what is committed is installed',
    rule: 'others',
    edits: [
      { file: RESTORE, find: 'if (index <= log.committed) return false', replace: 'if (index === 0) return false' },
    ],
  },
  {
    id: 'M46',
    title: "a leader's snapshot leaves the old tail behind it in the log",
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/log/memory-storage.ts',
        find: `    this.#snapshot = snapshot
    this.#prevIndex = index
    this.#prevTerm = term
    this.#slots = []`,
        replace: `    this.#snapshot = snapshot
    this.#slots = this.#slots.slice(Math.max(0, this.#slotOf(index + 1)))
    this.#prevIndex = index
    this.#prevTerm = term`,
      },
    ],
  },
  {
    id: 'M46b',
    title: 'an installed snapshot leaves the old tail behind it on the disk',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/store/log-image.ts',
        find: 'tail.map((block) => del(blockKey(block.firstIndex))),',
        replace: 'tail.slice(0, 0).map((block) => del(blockKey(block.firstIndex))),',
      },
    ],
  },
  {
    id: 'M47',
    title: 'the membership of a snapshot is not put in force',
    rule: 'others',
    edits: [{ file: RESTORE, find: '  restoreMembership(raft, confState)', replace: '  void confState' }],
  },
  {
    id: 'M48',
    title: 'a restored state keeps the locks of the state before it',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/machine.ts',
        find: '    return new SnapshotReplacement(this.#programLevel, (state) => {',
        replace: `    return new SnapshotReplacement(this.#programLevel, (state) => {
      for (const [name, lock] of this.state.locks) if (!state.locks.has(name)) state.locks.set(name, lock)`,
      },
    ],
  },
  {
    id: 'M50',
    title: 'the receiver of a snapshot goes on although a part is missing, and does not read back what it has',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/node/snapshots/snapshot-transfer.ts',
        find: 'if (offset !== incoming.offset) {',
        replace: 'if (offset < 0) {',
      },
      {
        file: 'src/raft/store/snapshot-receiver.ts',
        find: 'if (offset !== this.#position) return this.#position',
        replace: '',
      },
      { file: 'src/raft/store/snapshot-receiver.ts', find: '        await this.#verify(reader)\n', replace: '' },
    ],
  },
  {
    id: 'M51',
    title: 'the end of the first of two snapshots counts as the end of the second, which is still to be stored',
    rule: 'others',
    edits: [
      {
        file: 'src/raft/core/log/unstable.ts',
        find: 'if (this.snapshot?.metadata.index !== index) return',
        replace: 'if (this.snapshot === null || index === 0) return',
      },
    ],
  },
]
