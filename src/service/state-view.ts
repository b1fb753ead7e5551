/** What the service reads of the replicated state. `LockMachine` fulfils it; nothing here changes the state. */
import type { ConnId, Epoch, NodeId, SessionId, Token } from '../locks/commands/commands.js'
import type { SessionView } from '../locks/effects.js'

export interface DetachedSession {
  readonly session: SessionId
  readonly attach: number
  readonly forMs: number
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
  session(id: SessionId): SessionView | null
  /** Sessions attached under an epoch that is live. */
  sessionsAt(node: NodeId, epoch: Epoch): Iterable<SessionId>
  /** 0: the node never was up. */
  currentEpoch(node: NodeId): Epoch
  isLive(node: NodeId, epoch: Epoch): boolean
  liveEpochs(): Iterable<{ readonly node: NodeId; readonly epoch: Epoch }>
  nodeAddress(node: NodeId): string | null
  detachedSessions(): Iterable<DetachedSession>
  /** Locks that nobody gets for a while after their holder was lost. */
  delayedLocks(): Iterable<{ readonly name: string; readonly token: Token; readonly forMs: number }>
  /** Whether this lock is still delayed by the end of that hold. */
  isDelayed(name: string, token: Token): boolean
  /** The opening of this connection was applied, or can no longer be: repeating it does nothing. */
  openingApplied(node: NodeId, epoch: Epoch, conn: ConnId): boolean
  members(): Iterable<{ readonly nodeId: NodeId }>
  sweepPending(): boolean
}
