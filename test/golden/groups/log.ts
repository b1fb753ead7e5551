/** What stands in the log: commands, the batches that make an entry, and membership changes with their context. */
import { decodeCommand, encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType } from '../../../src/locks/commands/commands.js'
import { decodeMemberContext, encodeMemberContext } from '../../../src/locks/state/members.js'
import { decodeConfChange, encodeConfChange } from '../../../src/raft/core/confchange/codec.js'
import { ConfChangeTransition, ConfChangeType, EMPTY_BYTES, EntryType } from '../../../src/raft/core/types.js'
import { decodeBatch, encodeBatch } from '../../../src/raft/node/command-batch.js'
import { type Group, kind } from '../group.js'

/** Numbers at the edges of their encodings, and text beyond ASCII. */
const EPOCH = 9_007_199_254_740_991
const OTHER_EPOCH = 281_474_976_710_656
const SESSION = 1_882_450_988_892_161
const TOKEN = 1_882_450_988_892_162

const opening = { node: 'n1', epoch: EPOCH, conn: 128, floor: 127 }
const attachment = { node: 'n2', epoch: OTHER_EPOCH, session: SESSION, attach: 3 }
const numbered = { ...attachment, n: 300, ack: 16_384 }
const lockRequest = { name: 'db/migrate', waitMs: -1, meta: 'für „x“ 🔒', delayMs: 5_000, wallMs: 1_764_000_000_000 }

/** Every command: a new one is missing here until it has an example. */
const COMMANDS: Readonly<Record<keyof typeof CommandType, Command>> = {
  nodeUp: {
    type: CommandType.nodeUp,
    node: 'n1',
    epoch: EPOCH,
    expected: OTHER_EPOCH,
    dead: 0,
    address: '[::1]:7654',
    peer: 'n1.example:7655',
    programLevel: 1,
  },
  nodeDown: { type: CommandType.nodeDown, node: 'n1', epoch: EPOCH },
  expireNode: { type: CommandType.expireNode, node: 'n2', epoch: OTHER_EPOCH },
  open: {
    type: CommandType.open,
    ...opening,
    clientId: 'ops@build-7',
    leaseMs: 10_000,
    lingerMs: 0,
    secretHash: '00112233445566778899aabbccddeeff',
  },
  openClassic: { type: CommandType.openClassic, ...opening, clientId: '', ...lockRequest, waitMs: 0 },
  resume: {
    type: CommandType.resume,
    ...opening,
    session: SESSION,
    secretHash: '00112233445566778899aabbccddeeff',
    attempt: 1_099_511_627_776,
  },
  lock: { type: CommandType.lock, ...numbered, request: 4_503_599_627_370_495, ...lockRequest },
  release: { type: CommandType.release, ...numbered, request: -2, name: 'db/migrate', token: TOKEN },
  cancel: { type: CommandType.cancel, ...numbered, request: 8, target: 7 },
  waitTimeout: { type: CommandType.waitTimeout, ...numbered, target: -1 },
  ack: { type: CommandType.ack, ...numbered },
  end: { type: CommandType.end, ...attachment },
  detach: { type: CommandType.detach, ...attachment, fin: true },
  expireSession: { type: CommandType.expireSession, session: SESSION, attach: 3 },
  detachedWaitTimeout: { type: CommandType.detachedWaitTimeout, session: SESSION, attach: 3, target: 7 },
  sweep: { type: CommandType.sweep },
  setLevel: { type: CommandType.setLevel, to: 2, expected: 1 },
  holdLevel: { type: CommandType.holdLevel, held: true },
  claimMember: { type: CommandType.claimMember, raftId: 4, memberUid: 'a1b2c3d4' },
  delayOver: { type: CommandType.delayOver, name: 'db/migrate', token: TOKEN },
  left: { type: CommandType.left, session: SESSION, attach: 3, leftMs: 7_500 },
  delayLeft: { type: CommandType.delayLeft, name: 'db/migrate', token: TOKEN, leftMs: 2_500 },
  waitsLeft: {
    type: CommandType.waitsLeft,
    session: SESSION,
    attach: 3,
    waits: [
      { request: 7, leftMs: 1_000 },
      { request: -3, leftMs: 0 },
    ],
  },
}

const MEMBERS = [
  { raftId: 4, nodeId: 'n4', peerAddress: '[::1]:7655' },
  { raftId: 5, nodeId: 'n5', peerAddress: 'n5.example:7655' },
]

const changes = {
  'a learner is added': {
    transition: ConfChangeTransition.auto,
    changes: [{ type: ConfChangeType.addLearnerNode, nodeId: 4 }],
    context: encodeMemberContext(MEMBERS),
  },
  'a voter takes the place of another': {
    transition: ConfChangeTransition.auto,
    changes: [
      { type: ConfChangeType.addNode, nodeId: 4 },
      { type: ConfChangeType.removeNode, nodeId: 4_294_967_296 },
    ],
    context: EMPTY_BYTES,
  },
  'the joint configuration is left': { transition: ConfChangeTransition.auto, changes: [], context: EMPTY_BYTES },
}

function commandsOf(batch: Uint8Array): Uint8Array[] {
  const commands: Uint8Array[] = []
  decodeBatch(batch, (command) => commands.push(Uint8Array.from(command)))
  return commands
}

export const LOG: Group = {
  file: 'log.json',
  kinds: [
    kind<Command>('command', COMMANDS, encodeCommand, decodeCommand),
    kind<readonly Uint8Array[]>(
      'batch',
      {
        none: [],
        'of two': [encodeCommand(COMMANDS.sweep), encodeCommand(COMMANDS.openClassic)],
        'a long command': [new Uint8Array(200).fill(7)],
      },
      encodeBatch,
      commandsOf,
    ),
    kind('members of a change', { two: MEMBERS, none: [] }, encodeMemberContext, decodeMemberContext),
    kind('membership change', changes, encodeConfChange, (bytes) => decodeConfChange(EntryType.confChangeV2, bytes)),
  ],
}
