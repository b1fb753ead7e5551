import { FORWARD_BYTES } from '../limits.js'
import type { Clock } from './interfaces.js'

/** Commands for the leader, gathered over one turn of the event loop: they travel in one frame. */
export class ForwardQueue {
  #commands: Uint8Array[] = []
  #bytes = 0

  constructor(
    private readonly clock: Clock,
    private readonly flush: (commands: readonly Uint8Array[]) => void,
  ) {}

  /** False if the turn's frame is full. */
  push(command: Uint8Array): boolean {
    if (this.#bytes + command.length > FORWARD_BYTES) return false
    if (this.#commands.length === 0) this.clock.soon(() => this.#flush())
    this.#commands.push(command)
    this.#bytes += command.length
    return true
  }

  #flush(): void {
    const commands = this.#commands
    this.#commands = []
    this.#bytes = 0
    this.flush(commands)
  }
}
