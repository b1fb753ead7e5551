/**
 * What the next release could bring, as edits of the present sources: a field of `lock` in both dialects (`note:TEXT`, kept behind
 * the metadata), a command (`stamp`, asked for by `.stamp,text:T`), and a record of the snapshot (the last stamp and how
 * many there were). All of it exists only from level 3 on, and is refused before.
 */
import type { Edit } from '../../mutants/mutant.js'

const COMMANDS = 'src/locks/commands/commands.ts'
const BEHAVIOUR = 'src/locks/behaviour.ts'
const RECORDS = 'src/locks/snapshot/records.ts'
const RESTORE = 'src/locks/snapshot/restore.ts'
const IMAGE = 'src/locks/snapshot/image.ts'
const SESSION_LOCK = 'src/service/dialects/requests/lock.ts'
const LOCK_TERMS = 'src/service/dialects/requests/lock-terms.ts'
const CLASSIC_LOCK = 'src/service/dialects/requests/classic/lock.ts'
const ADMINISTRATION = 'src/service/administration/administration.ts'

/** The level of the next program, and what it is made of. */
const LEVEL: readonly Edit[] = [
  {
    file: 'src/feature-level.ts',
    find: 'FEATURE_LEVEL: number = SERVICE_LEVEL',
    replace: 'FEATURE_LEVEL: number = SERVICE_LEVEL + 1',
  },
]

const FIELD: readonly Edit[] = [
  {
    file: COMMANDS,
    find: '  /** If the holder loses the lock uncleanly nobody gets it for this long. */\n  delayMs: varint,\n  wallMs: wide,\n',
    replace: "  delayMs: varint,\n  wallMs: wide,\n  note: since(3, text, ''),\n",
  },
  {
    file: COMMANDS,
    find: '  wallMs: wide,\n  /** `holding:all`',
    replace: "  wallMs: wide,\n  note: since(3, text, ''),\n  /** `holding:all`",
  },
  {
    file: BEHAVIOUR,
    find: '  openClassic: sessions.openClassic,\n',
    replace: '  openClassic: (context, command) => sessions.openClassic(context, withNote(command)),\n',
  },
  {
    file: BEHAVIOUR,
    find: 'askedBy(command)',
    replace: 'askedBy(withNote(command))',
  },
  {
    file: BEHAVIOUR,
    find: '/** By the number of the command. ',
    replace: `function withNote<C extends { readonly meta: string; readonly note: string }>(command: C): C {
  return command.note === '' ? command : { ...command, meta: \`\${command.meta}#\${command.note}\` }
}

/** By the number of the command. `,
  },
  {
    file: SESSION_LOCK,
    find: '  keyLevels: Object.fromEntries(KEYS_OF_SERVICE.map((key) => [key, SERVICE_LEVEL])),\n',
    replace: '  keyLevels: { ...Object.fromEntries(KEYS_OF_SERVICE.map((key) => [key, SERVICE_LEVEL])), note: 3 },\n',
  },
  {
    file: SESSION_LOCK,
    find: 'name: first.name, waitMs, meta, delayMs, wallMs }',
    replace: "name: first.name, waitMs, meta, delayMs, wallMs, note: '' }",
  },
  {
    file: LOCK_TERMS,
    find: 'keeps, keepsAnyones, wallMs }',
    replace: "keeps, keepsAnyones, wallMs, note: line.get('note') ?? '' }",
  },
  {
    file: CLASSIC_LOCK,
    find: '  keyLevels: { limit: SERVICE_LEVEL,',
    replace: '  keyLevels: { note: 3, limit: SERVICE_LEVEL,',
  },
  {
    file: CLASSIC_LOCK,
    find: "meta: '', delayMs: 0, wallMs, ",
    replace: "meta: '', delayMs: 0, wallMs, note: line.get('note') ?? '', ",
  },
]

const COMMAND: readonly Edit[] = [
  {
    file: COMMANDS,
    find: '  holdLevel: {',
    replace: '  stamp: { type: 99, level: 3, fields: { text } },\n  holdLevel: {',
  },
  {
    file: BEHAVIOUR,
    find: '  holdLevel,\n\n',
    replace: `  holdLevel,
  stamp: ({ state }, { text }) => {
    state.stamp = text
    state.stampCount += 1
  },

`,
  },
  {
    file: 'src/service/administration/actions.ts',
    find: "  ['.upgrade', 'members'],\n",
    replace: "  ['.upgrade', 'members'],\n  ['.stamp', 'members'],\n",
  },
  {
    file: ADMINISTRATION,
    find: "new Set(['.upgrade-hold', '.upgrade-finish'])",
    replace: "new Set(['.upgrade-hold', '.upgrade-finish', '.stamp'])",
  },
  {
    file: 'src/service/administration/frames.ts',
    find: "AdminCodeName | 'bad-request'",
    replace: "AdminCodeName | 'unsupported' | 'bad-request'",
  },
  {
    file: ADMINISTRATION,
    find: "    } else if (line.action === '.upgrade') {\n",
    // Here, not at the leader: that one may be of the older program, to which the line is unknown.
    replace: `    } else if (line.action === '.stamp' && this.options.levels.level < 3) {
      done(refusal('unsupported', '.stamp needs level 3'))
    } else if (line.action === '.upgrade') {
`,
  },
  {
    file: ADMINISTRATION,
    find: "      case '.upgrade-hold':\n",
    replace: `      case '.stamp':
        node.proposals.propose(encodeCommand({ type: CommandType.stamp, text: operation.peer }, this.options.levels.level))
        return DONE
      case '.upgrade-hold':
`,
  },
  {
    file: ADMINISTRATION,
    find: "      peer: line.get('peer') ?? '',\n",
    replace: "      peer: line.get('peer') ?? line.get('text') ?? '',\n",
  },
  {
    file: ADMINISTRATION,
    find: "import { encodeMemberContext } from '../../locks/state/members.js'\n",
    replace: `import { encodeCommand } from '../../locks/commands/codec.js'
import { CommandType } from '../../locks/commands/commands.js'
import { encodeMemberContext } from '../../locks/state/members.js'
`,
  },
]

const RECORD: readonly Edit[] = [
  {
    file: 'src/locks/state/state.ts',
    find: '  level = BASE_LEVEL\n',
    replace: "  level = BASE_LEVEL\n  stamp = ''\n  stampCount = 0\n",
  },
  { file: RECORDS, find: '  epoch: 40,\n', replace: '  epoch: 40,\n  stamp: 42,\n' },
  {
    file: RECORDS,
    find: 'export function readEpoch(',
    replace: `export function writeStamp(out: ByteWriter, state: LockState): void {
  out.byte(RecordKind.stamp)
  out.text(state.stamp)
  out.varint(state.stampCount)
}

export function readEpoch(`,
  },
  {
    file: RESTORE,
    find: '      case RecordKind.session:\n',
    replace: `      case RecordKind.stamp:
        state.stamp = input.text()
        state.stampCount = input.varint()
        break
      case RecordKind.session:
`,
  },
  {
    file: IMAGE,
    find: '  for (const epoch of state.epochs.values()) record((out) => writeEpoch(out, epoch))\n',
    replace: `  for (const epoch of state.epochs.values()) record((out) => writeEpoch(out, epoch))
  if (state.level >= 3) record((out) => writeStamp(out, state))
`,
  },
  { file: IMAGE, find: 'writeNode, writeSession }', replace: 'writeNode, writeSession, writeStamp }' },
]

export const EDITS: readonly Edit[] = [...LEVEL, ...FIELD, ...COMMAND, ...RECORD]
