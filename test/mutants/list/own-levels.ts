/** Feature levels: when the cluster's rises, and what an older program reads (rules.md, Versions). */
import type { Mutant } from '../mutant.js'

const LEVELS = 'src/locks/state/levels.ts'
const MACHINE = 'src/locks/machine.ts'
const VERSIONS = 'rules.md, Versions'

export const OWN_LEVELS: readonly Mutant[] = [
  {
    id: 'Z101',
    title: 'a member that is down does not hold the level back',
    rule: VERSIONS,
    edits: [
      {
        file: LEVELS,
        find: '(levelOfNode(state, nodeId) ?? 0) < level',
        replace: '(levelOfNode(state, nodeId) ?? level) < level',
      },
    ],
  },
  {
    id: 'Z102',
    title: 'the level rises although the operator holds it',
    rule: VERSIONS,
    edits: [
      { file: LEVELS, find: 'state.isLevelHeld || state.members.size === 0', replace: 'state.members.size === 0' },
    ],
  },
  {
    id: 'Z103',
    title: 'a program below the level gets an epoch',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/locks/state/epochs.ts',
        find: 'if (programLevel < state.level) {',
        replace: 'if (programLevel < 0) {',
      },
    ],
  },
  {
    id: 'Z104',
    title: 'an older program goes on where the level rises above it',
    rule: VERSIONS,
    edits: [{ file: LEVELS, find: '  if (to > programLevel) throw', replace: '  if (to > 1e6 + programLevel) throw' }],
  },
  {
    id: 'Z105',
    title: 'an older program ends at a word that raises nothing',
    rule: VERSIONS,
    edits: [
      {
        file: LEVELS,
        find: '  if (to !== expected + 1 ||',
        replace: "  if (to > programLevel) throw olderThan('the log', to, programLevel)\n  if (to !== expected + 1 ||",
      },
    ],
  },
  {
    id: 'Z106',
    title: 'a command of a level that the cluster has not is carried out by whoever can read it',
    rule: VERSIONS,
    edits: [
      { file: MACHINE, find: 'levelOfCommand(bytes) > this.state.level', replace: 'levelOfCommand(bytes) > 255' },
    ],
    note: 'with programs of one level the codec refuses it as well; with those of two, states differ',
  },
  {
    id: 'Z107',
    title: 'a snapshot of a higher level is read as if it were of this one',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/locks/snapshot/records.ts',
        find: 'if (state.level > programLevel) throw',
        replace: 'if (state.level > 1e6 + programLevel) throw',
      },
    ],
  },
  {
    id: 'Z108',
    title: 'a leader that was put back raises the level above its own program',
    rule: VERSIONS,
    edits: [{ file: 'src/service/leases/level-duty.ts', find: 'level + 1 > programLevel || ', replace: '' }],
  },
  {
    id: 'Z109',
    title: 'a lost proposal of the level is not made again',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/service/leases/level-duty.ts',
        find: '        this.#again = null\n        this.#propose()\n',
        replace: '        this.#again = null\n',
      },
    ],
  },
  {
    id: 'Z110',
    title: 'a snapshot is installed before it is read',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/raft/node/append-loop.ts',
        find: '      replaceState = await this.readState(metadata)\n      await this.#toDisk(() => this.store.installSnapshot(metadata, state))\n',
        replace:
          '      await this.#toDisk(() => this.store.installSnapshot(metadata, state))\n      replaceState = await this.readState(metadata)\n',
      },
    ],
  },
  {
    id: 'Z111',
    title: 'a received snapshot is not read before it counts as received',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/raft/store/snapshot-receiver.ts',
        find: ' reader.push(chunk)\n      reader.end()\n',
        replace: ' void chunk\n',
      },
    ],
  },
  {
    id: 'Z112',
    title: 'FORMAT stays when the level rises',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/raft/store/data-directory.ts',
        find: '  await writeFormat(disk, directory, formatOfLevel(level))\n  return true\n',
        replace: '  return true\n',
      },
    ],
  },
  {
    id: 'Z113',
    title: 'the format falls back when a lower level is named',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/raft/store/data-directory.ts',
        find: '  if (version >= formatOfLevel(level)) return false\n',
        replace: '',
      },
    ],
    note: 'a lower level is written over a higher one: an older program is let in',
  },
  {
    id: 'Z114',
    title: 'a key that came with a later level is taken below it',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/service/dialects/requests/level.ts',
        find: 'needed > has && line.has(key)',
        replace: 'needed < has && line.has(key)',
      },
    ],
  },
  {
    id: 'Z115',
    title: 'a command of a newer program breaks the connection of its peer',
    rule: VERSIONS,
    edits: [
      {
        file: 'src/raft/node/peer-reader.ts',
        find: "if (kind === 'garbage') throw",
        replace: "if (kind !== 'command') throw",
      },
    ],
  },
]
