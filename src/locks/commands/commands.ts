/**
 * The commands of the lock state machine, as they stand in the log. There is no clock inside: time is decided outside
 * and enters as conditional commands. Each one names the epoch (and attach count) under which it arose and does nothing
 * under others, so that it may arrive late, twice or never (rules.md).
 */

export type NodeId = string
/** Random, made by the node process; below 2^53. */
export type Epoch = number
export type SessionId = number
export type Token = number
/** Counts the connections that one epoch has opened, from 1. */
export type ConnId = number
/**
 * The client's own `id:N` (0 to 2^52 - 1): its answer is stored until acknowledged. Negative ids are names that the node
 * gives to requests without an id, -1 to the one request of a classic connection: their answers are not stored.
 */
export type RequestId = number

export const CommandType = {
  nodeUp: 1,
  nodeDown: 2,
  expireNode: 3,
  open: 4,
  openClassic: 5,
  resume: 6,
  lock: 7,
  release: 8,
  cancel: 9,
  waitTimeout: 10,
  ack: 11,
  end: 12,
  detach: 13,
  expireSession: 14,
  detachedWaitTimeout: 15,
  sweep: 16,
  claimMember: 17,
  delayOver: 18,
  left: 19,
  delayLeft: 20,
  waitsLeft: 21,
} as const
export type CommandType = (typeof CommandType)[keyof typeof CommandType]

/** Rule 1: makes `epoch` current if `expected` is the node's current epoch (0: none); ends `expected` at once only if `dead` equals it. */
export interface NodeUp {
  readonly type: typeof CommandType.nodeUp
  readonly node: NodeId
  readonly epoch: Epoch
  readonly expected: Epoch
  /** The epoch whose death this process has proved, or 0. */
  readonly dead: Epoch
  /** HOST:PORT that redirects to this node name. */
  readonly address: string
  /** HOST:PORT of its peer port, as its settings have it now; empty: they do not say. */
  readonly peer: string
}

/** A clean stop, after all connections were closed. */
export interface NodeDown {
  readonly type: typeof CommandType.nodeDown
  readonly node: NodeId
  readonly epoch: Epoch
}

/** Rule 3: the leader's word that a whole L has passed since the last renewal of that epoch that it answered. */
export interface ExpireNode {
  readonly type: typeof CommandType.expireNode
  readonly node: NodeId
  readonly epoch: Epoch
}

/**
 * What opens a connection's session. `conn` is used once in an epoch; `floor` is the lowest conn of this epoch that may
 * still be proposed: an opening below it, or one applied before, does nothing (a late duplicate must not open again).
 */
export interface OpeningHeader {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly conn: ConnId
  readonly floor: ConnId
}

export interface Open extends OpeningHeader {
  readonly type: typeof CommandType.open
  readonly clientId: string
  readonly leaseMs: number
  readonly lingerMs: number
  /** Hash of the secret, 16 bytes, hex. */
  readonly secretHash: string
}

/** `waitMs`: 0 does not wait, -1 waits for ever. Wall time is for display only ("held for"). */
export interface LockRequest {
  readonly name: string
  readonly waitMs: number
  readonly meta: string
  /** If the holder loses the lock uncleanly nobody gets it for this long. */
  readonly delayMs: number
  readonly wallMs: number
}

/** A classic connection: session and lock in one command. If the lock is refused the session is ended with the same command. */
export interface OpenClassic extends OpeningHeader, LockRequest {
  readonly type: typeof CommandType.openClassic
  readonly clientId: string
}

export interface Resume extends OpeningHeader {
  readonly type: typeof CommandType.resume
  readonly session: SessionId
  readonly secretHash: string
  /** Higher with every `resume` that the client sends; 0 if it does not count. One not higher than the last applied does nothing. */
  readonly attempt: number
}

/**
 * What belongs to an attached session. `n` numbers what the node proposes for the session under this attach count:
 * 0 was the opening, then 1, 2, 3 …; a number applies only after its predecessor, repeats do nothing (rule 10).
 */
export interface SessionHeader {
  readonly node: NodeId
  readonly epoch: Epoch
  readonly session: SessionId
  readonly attach: number
  readonly n: number
  /** All answers up to this request id have arrived at the client; 0: none said. */
  readonly ack: RequestId
}

export interface Lock extends SessionHeader, LockRequest {
  readonly type: typeof CommandType.lock
  readonly request: RequestId
}

/** `token` 0: whatever token this session holds the name under. */
export interface Release extends SessionHeader {
  readonly type: typeof CommandType.release
  readonly request: RequestId
  readonly name: string
  readonly token: Token
}

/** The waiting request `target` of this session ends as not granted, reason cancelled. */
export interface Cancel extends SessionHeader {
  readonly type: typeof CommandType.cancel
  readonly request: RequestId
  readonly target: RequestId
}

/** Rule 11: the node that has the connection counted the wait of request `target` to its end. */
export interface WaitTimeout extends SessionHeader {
  readonly type: typeof CommandType.waitTimeout
  readonly target: RequestId
}

/** Only acknowledges (`ack` of the header) when no other command is under way to carry it. */
export interface Ack extends SessionHeader {
  readonly type: typeof CommandType.ack
}

/** `bye`, the end of a classic connection, a FIN with linger 0. Not numbered: it ends whatever was proposed before it. */
export interface End {
  readonly type: typeof CommandType.end
  readonly node: NodeId
  readonly epoch: Epoch
  readonly session: SessionId
  readonly attach: number
}

/** Rule 4. `fin`: for `linger`; otherwise for the larger of lease and linger. Not numbered. */
export interface Detach {
  readonly type: typeof CommandType.detach
  readonly node: NodeId
  readonly epoch: Epoch
  readonly session: SessionId
  readonly attach: number
  readonly fin: boolean
}

/** The leader counted the detached time of this attach count to its end. */
export interface ExpireSession {
  readonly type: typeof CommandType.expireSession
  readonly session: SessionId
  readonly attach: number
}

/** Rule 11 for a detached session: the leader counted. */
export interface DetachedWaitTimeout {
  readonly type: typeof CommandType.detachedWaitTimeout
  readonly session: SessionId
  readonly attach: number
  readonly target: RequestId
}

/** Sweeps a slice of what ended epochs left behind; proposed by the leader while `sweepPending()`. */
export interface Sweep {
  readonly type: typeof CommandType.sweep
}

/** The leader counted a lock's delay to its end; does nothing unless the lock is still delayed since the hold with `token`. */
export interface DelayOver {
  readonly type: typeof CommandType.delayOver
  readonly name: string
  readonly token: Token
}

/**
 * Rule 4: so much of a detached session's time is left, by the leader's count. Lets the next leader go on from there. The
 * smaller value counts: elapsed time is counted too little at most.
 */
export interface Left {
  readonly type: typeof CommandType.left
  readonly session: SessionId
  readonly attach: number
  readonly leftMs: number
}

/** The same for a lock that nobody gets for a while. */
export interface DelayLeft {
  readonly type: typeof CommandType.delayLeft
  readonly name: string
  readonly token: Token
  readonly leftMs: number
}

/** The first claim of a member's Raft id by a directory wins; another uid is a wiped or copied directory. */
export interface ClaimMember {
  readonly type: typeof CommandType.claimMember
  readonly raftId: number
  readonly memberUid: string
}

/** A request that waits, and for how much longer. */
export interface WaitLeft {
  readonly request: RequestId
  readonly leftMs: number
}

/**
 * Rule 11: so much of its waits is left to a session, by the count of whoever had to count until now: the node that had the
 * connection when the session leaves it, the leader when it comes back. The state keeps the smaller, so that a wait of 3 s
 * is over after 3 s, however often the client resumes. Lost or late it leaves too much, never too little. Not numbered.
 */
export interface WaitsLeft {
  readonly type: typeof CommandType.waitsLeft
  readonly session: SessionId
  readonly attach: number
  readonly waits: readonly WaitLeft[]
}

export type Command =
  | NodeUp
  | NodeDown
  | ExpireNode
  | Open
  | OpenClassic
  | Resume
  | Lock
  | Release
  | Cancel
  | WaitTimeout
  | Ack
  | End
  | Detach
  | ExpireSession
  | DetachedWaitTimeout
  | Sweep
  | ClaimMember
  | DelayOver
  | Left
  | DelayLeft
  | WaitsLeft
