import {
  APPEND_THREAD,
  APPLY_THREAD,
  EMPTY_BYTES,
  type Entry,
  type Index,
  NONE,
  type RaftId,
  type Snapshot,
  type Term,
} from './types.js'

/** Numeric tags, so that a message is compact on the wire and a `switch` on it is a jump table. Names as in etcd-raft. */
export const MsgType = {
  hup: 0,
  beat: 1,
  prop: 2,
  app: 3,
  appResp: 4,
  vote: 5,
  voteResp: 6,
  snap: 7,
  heartbeat: 8,
  heartbeatResp: 9,
  unreachable: 10,
  snapStatus: 11,
  checkQuorum: 12,
  transferLeader: 13,
  timeoutNow: 14,
  readIndex: 15,
  readIndexResp: 16,
  preVote: 17,
  preVoteResp: 18,
  storageAppend: 19,
  storageAppendResp: 20,
  storageApply: 21,
  storageApplyResp: 22,
  forgetLeader: 23,
} as const
export type MsgType = (typeof MsgType)[keyof typeof MsgType]

/** One shape for all messages, always built by `message()`, so that the engine keeps a single hidden class. */
export interface Message {
  type: MsgType
  to: RaftId
  from: RaftId
  term: Term
  logTerm: Term
  index: Index
  entries: readonly Entry[]
  commit: Index
  vote: RaftId
  snapshot: Snapshot | null
  reject: boolean
  rejectHint: Index
  context: Uint8Array
  /** Only on storageAppend and storageApply: to be delivered, in order, once the work is durable or applied. */
  responses: readonly Message[]
}

const NO_ENTRIES: readonly Entry[] = []
const NO_RESPONSES: readonly Message[] = []

/** A message with every field that is not given empty. The caller fills in the rest before the message is passed on. */
export function message(type: MsgType, to: RaftId, from: RaftId = NONE, fields?: Partial<Message>): Message {
  const m: Message = {
    type,
    to,
    from,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    vote: NONE,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: EMPTY_BYTES,
    responses: NO_RESPONSES,
  }
  return fields === undefined ? m : Object.assign(m, fields)
}

/** Messages of a node to itself. From the network they would be forged. */
export function isLocalMsg(type: MsgType): boolean {
  switch (type) {
    case MsgType.hup:
    case MsgType.beat:
    case MsgType.unreachable:
    case MsgType.snapStatus:
    case MsgType.checkQuorum:
    case MsgType.storageAppend:
    case MsgType.storageAppendResp:
    case MsgType.storageApply:
    case MsgType.storageApplyResp:
      return true
    default:
      return false
  }
}

/** Answers, which only a member can give. */
export function isResponseMsg(type: MsgType): boolean {
  switch (type) {
    case MsgType.appResp:
    case MsgType.voteResp:
    case MsgType.heartbeatResp:
    case MsgType.unreachable:
    case MsgType.readIndexResp:
    case MsgType.preVoteResp:
    case MsgType.storageAppendResp:
    case MsgType.storageApplyResp:
      return true
    default:
      return false
  }
}

/** Whether an id is one of the two local threads, not a member. */
export function isLocalTarget(id: RaftId): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD
}
