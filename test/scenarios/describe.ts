import { decodeConfChange } from '../../src/raft/core/confchange/codec.js'
import { type Message, MsgType } from '../../src/raft/core/messages.js'
import type { Ready } from '../../src/raft/core/raw-node.js'
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  NONE,
  type RaftId,
  Role,
  type Snapshot,
  type SoftState,
} from '../../src/raft/core/types.js'
import { printConfChanges } from './notation.js'

/** The text forms of the scenario files, which are also good for logs. */

const MSG_NAMES: Readonly<Record<MsgType, string>> = {
  [MsgType.hup]: 'MsgHup',
  [MsgType.beat]: 'MsgBeat',
  [MsgType.prop]: 'MsgProp',
  [MsgType.app]: 'MsgApp',
  [MsgType.appResp]: 'MsgAppResp',
  [MsgType.vote]: 'MsgVote',
  [MsgType.voteResp]: 'MsgVoteResp',
  [MsgType.snap]: 'MsgSnap',
  [MsgType.heartbeat]: 'MsgHeartbeat',
  [MsgType.heartbeatResp]: 'MsgHeartbeatResp',
  [MsgType.unreachable]: 'MsgUnreachable',
  [MsgType.snapStatus]: 'MsgSnapStatus',
  [MsgType.checkQuorum]: 'MsgCheckQuorum',
  [MsgType.transferLeader]: 'MsgTransferLeader',
  [MsgType.timeoutNow]: 'MsgTimeoutNow',
  [MsgType.readIndex]: 'MsgReadIndex',
  [MsgType.readIndexResp]: 'MsgReadIndexResp',
  [MsgType.preVote]: 'MsgPreVote',
  [MsgType.preVoteResp]: 'MsgPreVoteResp',
  [MsgType.storageAppend]: 'MsgStorageAppend',
  [MsgType.storageAppendResp]: 'MsgStorageAppendResp',
  [MsgType.storageApply]: 'MsgStorageApply',
  [MsgType.storageApplyResp]: 'MsgStorageApplyResp',
  [MsgType.forgetLeader]: 'MsgForgetLeader',
}

const ROLE_NAMES: Readonly<Record<Role, string>> = {
  [Role.follower]: 'StateFollower',
  [Role.preCandidate]: 'StatePreCandidate',
  [Role.candidate]: 'StateCandidate',
  [Role.leader]: 'StateLeader',
}

const ENTRY_NAMES: Readonly<Record<EntryType, string>> = {
  [EntryType.normal]: 'EntryNormal',
  [EntryType.confChange]: 'EntryConfChange',
  [EntryType.confChangeV2]: 'EntryConfChangeV2',
}

export function msgTypeName(type: MsgType): string {
  return MSG_NAMES[type]
}

/** The inverse of `msgTypeName`; null for an unknown name. */
export function msgTypeByName(name: string): MsgType | null {
  return Object.values(MsgType).find((type) => MSG_NAMES[type] === name) ?? null
}

export function roleName(role: Role): string {
  return ROLE_NAMES[role]
}

/** Hexadecimal, except for those that are no members. */
export function describeId(id: RaftId): string {
  if (id === NONE) return 'None'
  if (id === APPEND_THREAD) return 'AppendThread'
  if (id === APPLY_THREAD) return 'ApplyThread'
  return id.toString(16)
}

export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === NONE ? '' : ` Vote:${vote}`} Commit:${commit}`
}

export function describeSoftState({ lead, role }: SoftState): string {
  return `Lead:${lead} State:${roleName(role)}`
}

export function describeConfState(state: ConfState): string {
  return [
    `Voters:${describeList(state.voters)}`,
    `VotersOutgoing:${describeList(state.votersOutgoing)}`,
    `Learners:${describeList(state.learners)}`,
    `LearnersNext:${describeList(state.learnersNext)}`,
    `AutoLeave:${state.autoLeave}`,
  ].join(' ')
}

export function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`
}

/** One entry: `1/4 EntryNormal "data"` or `1/5 EntryConfChangeV2 v2 l3`. */
export function describeEntry(entry: Entry): string {
  const content = describeContent(entry)
  return `${entry.term}/${entry.index} ${ENTRY_NAMES[entry.type]}${content === '' ? '' : ` ${content}`}`
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join('')
}

/** A message; inner lines are indented by two spaces more than `indent`. */
export function describeMessage(m: Message, indent = ''): string {
  const parts = [`${describeId(m.from)}->${describeId(m.to)} ${msgTypeName(m.type)}`]
  parts.push(`Term:${m.term} Log:${m.logTerm}/${m.index}`)
  if (m.reject) parts.push(`Rejected (Hint: ${m.rejectHint})`)
  if (m.commit !== 0) parts.push(`Commit:${m.commit}`)
  if (m.vote !== NONE) parts.push(`Vote:${m.vote}`)
  if (m.entries.length > 0) parts.push(`Entries:[${describeCarried(m.entries, indent)}]`)
  let text = indent + parts.join(' ')
  if (m.snapshot !== null && m.snapshot.metadata.index !== 0) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`
  }
  if (m.responses.length > 0) {
    const responses = m.responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`)
    text += ` Responses:[${responses.join('')}\n${indent}]`
  }
  return text
}

export function describeReady(ready: Ready): string {
  const lines: string[] = []
  if (ready.softState !== null) lines.push(describeSoftState(ready.softState))
  if (ready.hardState !== null) lines.push(`HardState ${describeHardState(ready.hardState)}`)
  if (ready.readStates.length > 0) {
    const reads = ready.readStates.map(({ index, context }) => `{${index} ${describeList([...context])}}`)
    lines.push(`ReadStates [${reads.join(' ')}]`)
  }
  if (ready.entries.length > 0) lines.push('Entries:', ...ready.entries.map(describeEntry))
  if (ready.snapshot !== null) lines.push(`Snapshot ${describeSnapshot(ready.snapshot)}`)
  if (ready.committedEntries.length > 0) {
    lines.push('CommittedEntries:', ...ready.committedEntries.map(describeEntry))
  }
  if (ready.messages.length > 0) lines.push('Messages:', ...ready.messages.map((m) => describeMessage(m)))
  if (lines.length === 0) return '<empty Ready>'
  return `Ready MustSync=${ready.mustSync}:\n${lines.map((line) => `${line}\n`).join('')}`
}

function describeCarried(entries: readonly Entry[], indent: string): string {
  const [first] = entries
  if (entries.length === 1 && first !== undefined) return describeEntry(first)
  return `${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}`
}

function describeContent({ type, data }: Entry): string {
  return type === EntryType.normal ? quote(data) : printConfChanges(decodeConfChange(type, data).changes)
}

function describeList(values: readonly number[]): string {
  return `[${values.join(' ')}]`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

/** Bytes as a string literal, in the way of Go's %q: text as it is, all else escaped. */
function quote(data: Uint8Array): string {
  let quoted = '"'
  for (const character of decodeUtf8(data)) {
    quoted += typeof character === 'number' ? `\\x${hex(character, 2)}` : quoteCharacter(character)
  }
  return `${quoted}"`
}

function quoteCharacter(character: string): string {
  const known = ESCAPES[character]
  if (known !== undefined) return known
  if (PRINTABLE.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** The characters of UTF-8 text; if it is none, every byte beyond ASCII as a number. */
function decodeUtf8(data: Uint8Array): Iterable<string | number> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
  } catch {
    return Array.from(data, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : byte))
  }
}
