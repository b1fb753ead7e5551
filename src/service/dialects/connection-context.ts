/** What a connection needs of the node around it. One object serves all connections. */
import type { HostPort } from '../../address.js'
import { isLocalAddress } from '../../address.js'
import type { NodeId } from '../../locks/commands/commands.js'
import type { Clock, Random } from '../../platform.js'
import type { Line } from '../../protocol/line.js'
import type { NeutralReply } from '../../protocol/replies.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import type { DeadlineQueue } from '../deadline-queue.js'
import type { Attachments } from '../sessions/attachments.js'
import type { StateView } from '../state-view.js'
import type { Connection } from './connection.js'

export interface LockServiceOptions {
  readonly requestTimeoutMs: number
  readonly maxLineBytes: number
  readonly maxLocksPerSession: number
  readonly followers: 'serve' | 'redirect'
  readonly allowShutdown: boolean
}

/** One socket as the service sees it. The shell joins all writes of a turn. */
export interface ClientSocket {
  /** HOST:PORT of the client, for logs. */
  readonly remote: string
  readonly loopback: boolean
  /** The other end of the TCP connection, by the kernel's word. */
  readonly ownEnd: HostPort
  /** Bytes written and not yet taken by the kernel, those of this turn included. */
  readonly writableLength: number
  write(text: string): void
  /** So that the last words arrive: write, half-close, discard input for up to 1 s, destroy. */
  end(): void
  /** RST; what was not sent yet is not sent any more. */
  reset(): void
  pause(): void
  resume(): void
}

/** An administration line of a session; the shell decides who may ask and writes the answers. */
export interface AdminRequest {
  readonly line: Line
  readonly remote: string
  readonly loopback: boolean
  /** Writes whole lines; does nothing once the connection is closed. */
  reply(text: NeutralReply): void
}

/** What happened at this node since its start. */
export interface Counters {
  requests: number
  acquired: number
  notAcquired: number
}

export interface ConnectionContext {
  readonly nodeId: NodeId
  readonly options: LockServiceOptions
  readonly clock: Clock
  readonly random: Random
  readonly node: NodeApi
  readonly state: StateView
  readonly attachments: Attachments
  /** Waits to count and silence to notice; each entry runs itself. */
  readonly deadlines: DeadlineQueue<() => void>
  readonly counters: Counters
  /** Classic connections that hold a lock; moves the closing margin of rule 2. */
  holding: number
  /** True under an epoch whose right to speak has begun and not ended. */
  serving(): boolean
  /** Rule 2, checked when a positive word is written. */
  maySpeak(): boolean
  /** `maxrss` (KiB) and the cluster's status, for `.stats`. */
  describe(): Readonly<Record<string, unknown>>
  shutdown(): void
  /** False: no such action. */
  admin(request: AdminRequest): boolean
  /** The connection's socket is given up: nothing will be heard or said any more. */
  forget(connection: Connection): void
}

/**
 * Where to send a client, or null if it is served here: it does not ask for a redirect (`wanted`) and this node serves all
 * (`--followers serve`), or no other node with a known address leads.
 */
export function redirectAddress(
  { node, nodeId, state, options }: ConnectionContext,
  client: ClientPlace,
  wanted: boolean,
): string | null {
  const leader = node.leader()
  if ((!wanted && options.followers === 'serve') || leader === null || leader === nodeId) return null
  return addressFor(client, state.nodeAddress(leader))
}

export type ClientPlace = Pick<ClientSocket, 'loopback'>

/**
 * `address` if this client can be sent there. The leader's `localhost` is the client's own machine to the client, and
 * whatever listens there would be believed: who is not on this machine is never sent to a loopback or wildcard address.
 */
export function addressFor({ loopback }: ClientPlace, address: string | null): string | null {
  return address === null || (!loopback && isLocalAddress(address)) ? null : address
}
