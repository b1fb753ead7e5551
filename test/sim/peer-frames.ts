/** What travels between two nodes, and over what. */
import { FrameKind, type Lane, PeerProtocolError } from '../../src/raft/ports/transport.js'
import { type LaneLimits, LaneLoad } from './lane-load.js'
import type { SimTransport } from './peer-network.js'

/** What may be lost, as far as the rules go: somebody asks or sends again. */
export const LOSABLE: ReadonlySet<FrameKind> = new Set([
  FrameKind.raft,
  FrameKind.propose,
  FrameKind.renew,
  FrameKind.renewed,
])
/** What may come late or twice. The parts of a snapshot are in line on a connection, and are missed only with it. */
export const REPEATABLE: ReadonlySet<FrameKind> = new Set([
  ...LOSABLE,
  FrameKind.snapshotBegin,
  FrameKind.snapshotChunk,
  FrameKind.snapshotAck,
])

export interface Frame {
  readonly from: SimTransport
  readonly to: SimTransport
  readonly lane: Lane
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

export class PeerConnection {
  isOpen = true
  /** Per sender and lane: no frame overtakes an earlier one. */
  readonly busyUntilMs = new Map<string, number>()
  readonly held: Frame[] = []
  readonly load: LaneLoad

  constructor(
    readonly ends: readonly [SimTransport, SimTransport],
    limits: LaneLimits,
  ) {
    this.load = new LaneLoad(limits)
  }
}

/** What breaks the peer protocol closes its connection. A late frame's has gone already, and so has the process that it was for. */
export function handleFrame(isLate: boolean, handle: () => void): void {
  try {
    handle()
  } catch (error) {
    if (!isLate || !(error instanceof PeerProtocolError)) throw error
  }
}
