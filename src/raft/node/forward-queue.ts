import type { Clock } from '../../platform.js'
import type { Bounds } from './bounds.js'
import { CommandQueue } from './command-queue.js'

/** Commands for the leader, gathered over one turn of the event loop: they travel in as few frames as hold them. */
export class ForwardQueue {
  readonly #commands: CommandQueue

  constructor(
    private readonly clock: Clock,
    /** Each batch is the payload of one frame. */
    private readonly flush: (batches: readonly Uint8Array[]) => void,
    bounds: Bounds,
  ) {
    this.#commands = new CommandQueue({
      queueBytes: bounds.forwardBytes,
      batchBytes: bounds.bundleFrameBytes,
      batchCommands: Number.POSITIVE_INFINITY,
    })
  }

  /** Bytes that wait for the end of the turn. */
  get bytes(): number {
    return this.#commands.bytes
  }

  /** False if there is no room for it in this turn. */
  push(command: Uint8Array): boolean {
    const isFirst = this.#commands.isEmpty
    if (!this.#commands.push(command)) return false
    if (isFirst) this.clock.soon(() => this.flush(this.#commands.take()))
    return true
  }
}
