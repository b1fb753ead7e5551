/** Effects as data, and the table of commands. */
import type { Mutant } from '../mutant.js'

const APPLIER = 'src/raft/node/applier.ts'
const MACHINE = 'src/locks/machine.ts'
const SESSIONS = 'src/locks/state/sessions.ts'
const CODEC = 'src/locks/commands/codec.ts'

export const OWN_EFFECTS: readonly Mutant[] = [
  {
    id: 'Z301',
    title: 'an entry is told of before its end: what the sweep does is told with the next one',
    rule: 'own',
    edits: [
      {
        file: APPLIER,
        find: '    machine.endEntry(index)\n    this.#index = index\n    events.entryApplied(index)\n',
        replace: '    events.entryApplied(index)\n    machine.endEntry(index)\n    this.#index = index\n',
      },
    ],
  },
  {
    id: 'Z302',
    title: 'effects that were taken are told again with the next entry',
    rule: 'own',
    edits: [{ file: MACHINE, find: '    this.#effects = []\n', replace: '' }],
  },
  {
    id: 'Z303',
    title: 'a resumed session is told before the one that it displaces',
    rule: 'own',
    edits: [
      {
        file: SESSIONS,
        find: "  if (old !== null) effects.push({ kind: 'superseded'",
        replace: "  if (old !== null) effects.unshift({ kind: 'superseded'",
      },
    ],
  },
  {
    id: 'Z304',
    title: 'a command is written with the fields of a level that the cluster does not have',
    rule: 'rules.md, Versions',
    edits: [{ file: CODEC, find: 'return field.since > BASE_LEVEL ? `if', replace: 'return field.since < 0 ? `if' }],
  },
  {
    id: 'Z305',
    title: 'a field of a later level is read in a command that was written without it',
    rule: 'rules.md, Versions',
    edits: [{ file: CODEC, find: 'if (field.since === BASE_LEVEL) return', replace: 'if (field.since !== 0) return' }],
  },
  {
    id: 'Z306',
    title: 'a command is written below the level that it needs',
    rule: 'rules.md, Versions',
    edits: [{ file: CODEC, find: 'if (level < known.level) throw', replace: 'if (level < 0) throw' }],
  },
  {
    id: 'Z307',
    title: 'a command of a level that this program does not know is read as though it were of its own',
    rule: 'rules.md, Versions',
    edits: [{ file: CODEC, find: 'level < BASE_LEVEL || level > knownLevel', replace: 'level < BASE_LEVEL' }],
  },
]
