/** What a connection needs of the node around it. One object serves all connections; none of them changes it. */
import type { NodeId } from '../../locks/commands/commands.js'
import type { Clock, Random } from '../../platform.js'
import type { Line } from '../../protocol/line.js'
import type { NeutralReply } from '../../protocol/replies.js'
import type { AccessControl } from '../access/access-control.js'
import type { Audit } from '../access/audit.js'
import type { Caller } from '../access/caller.js'
import type { FailedAttempts } from '../access/failed-attempts.js'
import type { Counters } from '../counters.js'
import type { DeadlineQueue } from '../deadline-queue.js'
import type { ClientReads } from '../reads/client-reads.js'
import type { ServiceLog } from '../service-log.js'
import type { Attachments } from '../sessions/attachments.js'
import type { StateView } from '../state-view.js'

export interface LockServiceOptions {
  readonly requestTimeoutMs: number
  readonly maxLineBytes: number
  readonly maxLocksPerSession: number
  readonly followers: 'serve' | 'redirect'
  readonly allowShutdown: boolean
}

/** An administration line of a session whose client may ask for it. */
export interface AdminRequest {
  readonly line: Line
  readonly caller: Caller
  readonly remote: string
  /** Writes whole lines; does nothing once the connection is closed. */
  reply(text: NeutralReply): void
}

/** Whether this node may speak for its clients (rule 2). */
export interface SpeakingRight {
  /** Asked before work begins: there is an epoch whose right to speak has begun and not ended, and clients are still taken. */
  serving(): boolean
  /** Asked when a positive word is written. */
  maySpeak(): boolean
}

/** What a client may ask of the node itself. */
export interface NodeOperations {
  /** `maxrss` (KiB) and the cluster's status, for `.stats`. */
  describe(): Readonly<Record<string, unknown>>
  shutdown(): void
  admin(request: AdminRequest): void
}

export interface ConnectionContext {
  readonly nodeId: NodeId
  readonly options: LockServiceOptions
  readonly clock: Clock
  readonly random: Random
  readonly state: StateView
  readonly attachments: Attachments
  /** Waits to count and silence to notice; each entry runs itself. */
  readonly deadlines: DeadlineQueue<() => void>
  readonly counters: Counters
  readonly reads: ClientReads
  readonly right: SpeakingRight
  readonly operations: NodeOperations
  readonly access: AccessControl
  readonly failedAttempts: FailedAttempts
  readonly audit: Audit
  readonly log: ServiceLog
  leader(): NodeId | null
}
