/** What is on its way over one connection, by sender and lane: a lane has room for so much, as the real outbox has. */
import { FrameKind, Lane } from '../../src/raft/ports/transport.js'
import type { Frame } from './peer-frames.js'

/** These hold as much as there is, up to a bound. */
const MANY_IN_A_FRAME: ReadonlySet<FrameKind> = new Set([FrameKind.raft, FrameKind.propose])

export interface LaneLimits {
  /** The longest frame of Raft messages or commands; a longer one is a fault of its sender. */
  readonly frameBytes: number
  readonly controlBytes: number
  readonly bulkBytes: number
}

export class LaneLoad {
  readonly #bytes = new Map<string, number>()

  constructor(private readonly limits: LaneLimits) {}

  /** What is wrong with a frame of this length, or null. */
  tooLong(kind: FrameKind, bytes: number): string | null {
    const isTooLong = MANY_IN_A_FRAME.has(kind) && bytes > this.limits.frameBytes
    return isTooLong ? `a frame of kind ${kind} with ${bytes} bytes` : null
  }

  of(sender: string, lane: Lane): number {
    return this.#bytes.get(`${sender}${lane}`) ?? 0
  }

  /** False, and nothing is taken, when the lane is full. A whole snapshot is one chunk here: it always finds room. */
  take(sender: string, lane: Lane, kind: FrameKind, bytes: number): boolean {
    const { controlBytes, bulkBytes } = this.limits
    const load = this.of(sender, lane) + bytes
    if (MANY_IN_A_FRAME.has(kind) && load > (lane === Lane.control ? controlBytes : bulkBytes)) return false
    this.#bytes.set(`${sender}${lane}`, load)
    return true
  }

  /** It arrived, or was lost. */
  left({ from: { nodeId }, lane, payload }: Frame): void {
    this.#bytes.set(`${nodeId}${lane}`, this.of(nodeId, lane) - payload.length)
  }
}
