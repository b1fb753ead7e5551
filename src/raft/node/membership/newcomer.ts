/**
 * How an empty directory becomes a member: as a founder, which forms the cluster together with the others of `--cluster`
 * (founder.ts), or as a joiner, which waits until it is added (joiner.ts). Until then the node has no Raft id and takes part
 * in nothing.
 */
import type { Identity } from '../../ports/store.js'
import type { Peer } from '../../ports/transport.js'
import type { BootState } from '../boot.js'

/** What a node is from now on. */
export interface NewMember {
  readonly identity: Identity
  readonly boot: BootState
  readonly members: readonly Peer[]
}

export interface Newcomer {
  readonly phase: 'forming' | 'joining'
  /** Of the cluster that is being formed; empty before it has one. */
  readonly clusterId: string
  prepare(): Promise<void>
  /** Begins to talk to peers. */
  start(): void
  /** A frame of kind bootstrap. Throws PeerProtocolError. */
  handle(from: string, payload: Uint8Array): void
  stop(): void
}

/** `onMember` is called once, when the identity is durable. */
export type OnMember = (member: NewMember) => void
