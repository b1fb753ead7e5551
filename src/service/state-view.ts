/** What the service reads of the replicated state. `LockMachine` fulfils it; nothing here changes the state. */
import type { ConnId, Epoch, HoldClock, NodeId, SessionId, Token } from '../locks/commands/commands.js'
import type { SessionView } from '../locks/effects.js'
import type { Reports } from '../locks/views/reports.js'

export interface DetachedSession {
  readonly session: SessionId
  readonly attach: number
  readonly forMs: number
}

/** A time of a hold that the leader counts, and what the state says is left of it. */
export interface TimedHold {
  readonly name: string
  readonly token: Token
  readonly clock: HoldClock
  readonly forMs: number
}

/** By the leader's wall clock. */
export interface EndingMark {
  readonly key: string
  readonly generation: number
  readonly expiresWallMs: number
}

export interface EndingFreeze {
  readonly prefix: string
  readonly generation: number
  readonly untilWallMs: number
}

export interface StateView {
  readonly clusterId: string
  /** L of rule 0: fixed when the cluster was formed. */
  readonly nodeLeaseMs: number
  readonly lockCount: number
  /** The cluster's feature level: what may be used. */
  readonly level: number
  /** Whether every member is up with a program of this level, which is the next one, and no hold stands. */
  canRaiseTo(level: number): boolean
  /** What clients may ask. */
  readonly reports: Reports
  session(id: SessionId): SessionView | null
  /** Sessions attached under an epoch that is live. */
  sessionsAt(node: NodeId, epoch: Epoch): Iterable<SessionId>
  /** 0: the node never was up. */
  currentEpoch(node: NodeId): Epoch
  isLive(node: NodeId, epoch: Epoch): boolean
  liveEpochs(): Iterable<{ readonly node: NodeId; readonly epoch: Epoch }>
  nodeAddress(node: NodeId): string | null
  detachedSessions(): Iterable<DetachedSession>
  /** Under how many attachments the session has been; null if there is no such session. */
  attachOf(session: SessionId): number | null
  timedHolds(): Iterable<TimedHold>
  /** Whether this time of the hold with that token is still to be counted. */
  isTimed(name: string, token: Token, clock: HoldClock): boolean
  /** Whether the hold was broken or timed out, and still counts (rule 12). */
  isEnding(name: string, token: Token): boolean
  /** Those that end by themselves. */
  endingMarks(): Iterable<EndingMark>
  isMarked(key: string, generation: number): boolean
  endingFreezes(): Iterable<EndingFreeze>
  isFrozen(prefix: string, generation: number): boolean
  /** The opening of this connection was applied, or can no longer be: repeating it does nothing. */
  openingApplied(node: NodeId, epoch: Epoch, conn: ConnId): boolean
  members(): Iterable<{ readonly nodeId: NodeId }>
  /** An entry has left something over that a following one does. */
  sweepPending(): boolean
}
