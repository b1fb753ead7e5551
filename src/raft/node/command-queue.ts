import { COMMAND_BYTES } from '../limits.js'
import { batchedBytes, encodeBatch } from './command-batch.js'

export interface CommandQueueLimits {
  /** What may wait, as encoded. */
  readonly queueBytes: number
  /** A batch is closed before it exceeds this. */
  readonly batchBytes: number
  readonly batchCommands: number
}

/** Commands that arrived in this turn, cut into batches. Counts the bytes that it will hand out, not only the payload. */
export class CommandQueue {
  #batches: Uint8Array[][] = []
  #last: Uint8Array[] = []
  #lastBytes = 0
  #bytes = 0

  constructor(private readonly limits: CommandQueueLimits) {}

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False, and nothing is queued, if there is no room for it or if it is longer than any command may be. */
  push(command: Uint8Array): boolean {
    const bytes = batchedBytes(command)
    const { queueBytes, batchBytes, batchCommands } = this.limits
    if (command.length > COMMAND_BYTES || this.#bytes + bytes > queueBytes) return false
    const isFull = this.#last.length >= batchCommands || this.#lastBytes + bytes > batchBytes
    if (isFull && this.#last.length > 0) this.#close()
    this.#last.push(command)
    this.#lastBytes += bytes
    this.#bytes += bytes
    return true
  }

  /** Everything that waits, encoded. */
  take(): Uint8Array[] {
    if (this.#last.length > 0) this.#close()
    const batches = this.#batches
    this.#batches = []
    this.#bytes = 0
    return batches.map(encodeBatch)
  }

  #close(): void {
    this.#batches.push(this.#last)
    this.#last = []
    this.#lastBytes = 0
  }
}
