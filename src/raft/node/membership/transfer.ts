import type { Clock, Timer } from '../../../platform.js'
import { NodeRefusal, NodeRefusalReason } from '../node-errors.js'

/** The leadership transfer that this leader has begun; etcd-raft gives one up after an election timeout. */
export class LeadershipTransfer {
  #pending: { to: string; resolve: () => void; reject: (error: NodeRefusal) => void; timer: Timer } | null = null

  constructor(private readonly clock: Clock) {}

  begin(to: string, timeoutMs: number): Promise<void> {
    this.#settle(`a transfer to ${to} was asked for meanwhile`)
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(timeoutMs, () => this.#settle(`${to} did not take over in time`))
      this.#pending = { to, resolve, reject, timer }
    })
  }

  leaderIs(leader: string | null): void {
    if (this.#pending === null || leader === null) return
    if (leader === this.#pending.to) this.#settle(null)
  }

  stop(): void {
    this.#settle('the node stops')
  }

  #settle(refusal: string | null): void {
    if (this.#pending === null) return
    const { resolve, reject, timer } = this.#pending
    this.#pending = null
    timer.cancel()
    if (refusal === null) resolve()
    else reject(new NodeRefusal(NodeRefusalReason.notTakenOver, refusal))
  }
}
