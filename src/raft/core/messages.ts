import type { Entry, Index, RaftId, Snapshot, Term } from './types.js'

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
