/** What stands in the log: commands, the batches that make an entry, and membership changes with their context. */
import { SERVICE_LEVEL } from '../../../src/feature-level.js'
import { decodeCommand, encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType, type COMMANDS as TABLE } from '../../../src/locks/commands/commands.js'
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

type NamesOf<Level> = {
  [N in keyof typeof TABLE]: (typeof TABLE)[N]['level'] extends Level ? N : never
}[keyof typeof TABLE]

/** Every command of level 1. */
const COMMANDS: Readonly<Record<NamesOf<1>, Command>> = {
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
    identity: '',
  },
  openClassic: {
    type: CommandType.openClassic,
    ...opening,
    clientId: '',
    ...lockRequest,
    waitMs: 0,
    amount: -1,
    limit: 0,
  },
  resume: {
    type: CommandType.resume,
    ...opening,
    session: SESSION,
    secretHash: '00112233445566778899aabbccddeeff',
    attempt: 1_099_511_627_776,
    identity: '',
    asAnyone: true,
  },
  lock: { type: CommandType.lock, ...numbered, request: 4_503_599_627_370_495, ...lockRequest },
  release: {
    type: CommandType.release,
    ...numbered,
    request: -2,
    name: 'db/migrate',
    token: TOKEN,
    done: false,
    wallMs: 0,
  },
  cancel: { type: CommandType.cancel, ...numbered, request: 8, target: 7 },
  waitTimeout: { type: CommandType.waitTimeout, ...numbered, target: -1 },
  ack: { type: CommandType.ack, ...numbered },
  end: { type: CommandType.end, ...attachment, bye: true, wallMs: 0 },
  detach: { type: CommandType.detach, ...attachment, fin: true, wallMs: 0, leaseOnly: false },
  expireSession: { type: CommandType.expireSession, session: SESSION, attach: 3, wallMs: 0 },
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

/** Commands of level 1 that have fields of level 2. */
type FormerNames = 'open' | 'openClassic' | 'resume' | 'release' | 'end' | 'detach'

/** Every command of level 2, and older ones with what level 2 adds to them: a new one is missing here until it has an example. */
const SERVICE_COMMANDS: Readonly<Record<NamesOf<2> | FormerNames, Command>> = {
  ask: {
    type: CommandType.ask,
    ...numbered,
    request: 9,
    asks: [
      { name: 'db/migrate', amount: -1, limit: 0 },
      { name: 'api', amount: 3, limit: 10 },
      { name: 'ca\u0301fe', amount: 0, limit: 0 },
    ],
    waitMs: 30_000,
    meta: '{"host":"a"}',
    delayMs: 5_000,
    minHoldMs: 1_000,
    ttlMs: 86_400_000,
    loose: true,
    once: 'nightly/2026-11-25',
    onceTtlMs: 3_600_000,
    keepsAnyones: true,
    keepsAll: false,
    keeps: [{ name: 'outer', token: TOKEN }],
    wallMs: 1_764_000_000_000,
  },
  unlock: {
    type: CommandType.unlock,
    ...numbered,
    request: 10,
    name: 'db/migrate',
    token: TOKEN,
    owner: SESSION,
    secretHash: '00112233445566778899aabbccddeeff',
    ofAnyone: true,
    wallMs: 5,
  },
  timeOver: { type: CommandType.timeOver, name: 'api', token: TOKEN, clock: 2, wallMs: 6 },
  timeLeft: { type: CommandType.timeLeft, name: 'api', token: TOKEN, clock: 1, leftMs: 700 },
  letGo: { type: CommandType.letGo, name: 'api', token: TOKEN, session: SESSION, attach: 3 },
  forceRelease: {
    type: CommandType.forceRelease,
    ...numbered,
    request: 11,
    name: 'api',
    token: TOKEN,
    reason: 'host is gone',
    now: true,
    wallMs: 7,
  },
  resize: { type: CommandType.resize, ...numbered, request: 12, name: 'api', limit: 20 },
  freeze: {
    type: CommandType.freeze,
    ...numbered,
    request: 13,
    prefix: 'deploy/',
    untilWallMs: 1_764_000_600_000,
    isOver: false,
    reason: 'release day',
    wallMs: 8,
  },
  thaw: { type: CommandType.thaw, ...numbered, request: 14, prefix: 'deploy/' },
  freezeOver: { type: CommandType.freezeOver, prefix: 'deploy/', generation: TOKEN },
  forget: { type: CommandType.forget, ...numbered, request: 15, key: 'nightly' },
  markOver: { type: CommandType.markOver, key: 'nightly', generation: TOKEN },
  open: {
    type: CommandType.open,
    ...opening,
    clientId: 'c',
    leaseMs: 3_000,
    lingerMs: 60_000,
    secretHash: '00112233445566778899aabbccddeeff',
    identity: 'ci',
  },
  openClassic: {
    type: CommandType.openClassic,
    ...opening,
    clientId: 'c',
    ...lockRequest,
    amount: 2,
    limit: 3,
  },
  resume: {
    type: CommandType.resume,
    ...opening,
    session: SESSION,
    secretHash: '00112233445566778899aabbccddeeff',
    attempt: 7,
    identity: 'ci',
    asAnyone: false,
  },
  release: { type: CommandType.release, ...numbered, request: 16, name: 'x', token: TOKEN, done: true, wallMs: 9 },
  end: { type: CommandType.end, ...attachment, bye: false, wallMs: 10 },
  detach: { type: CommandType.detach, ...attachment, fin: false, wallMs: 11, leaseOnly: true },
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
  return decodeBatch(batch).map((command) => Uint8Array.from(command))
}

export const LOG: Group = {
  file: 'log.json',
  kinds: [
    kind<Command>('command', COMMANDS, encodeCommand, decodeCommand),
    kind<Command>(
      'command of level 2',
      SERVICE_COMMANDS,
      (command) => encodeCommand(command, SERVICE_LEVEL),
      decodeCommand,
    ),
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
