import type { Clock, Timer } from '../../../platform.js'
import { MEMBERSHIP_CHANGE_MS } from '../../limits.js'
import { NodeRefusal, NodeRefusalReason } from '../node-errors.js'

interface Pending {
  readonly context: Uint8Array
  /** Applied, perhaps as a joint configuration that is to be left yet. */
  isApplied: boolean
  readonly resolve: () => void
  readonly reject: (error: NodeRefusal) => void
  readonly timer: Timer
}

/** The one membership change that this leader has under way (never two at once). */
export class MembershipChange {
  #pending: Pending | null = null

  constructor(private readonly clock: Clock) {}

  get busy(): boolean {
    return this.#pending !== null
  }

  begin(context: Uint8Array): Promise<void> {
    if (this.#pending !== null)
      return Promise.reject(new NodeRefusal(NodeRefusalReason.changeUnderWay, 'another membership change is under way'))
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(MEMBERSHIP_CHANGE_MS, () =>
        this.#fail('the membership change was not confirmed in time; ask for the members and try again'),
      )
      this.#pending = { context, isApplied: false, resolve, reject, timer }
    })
  }

  /** A configuration came into force: the change is done when it was applied and no joint configuration is left. */
  applied(context: Uint8Array, isJoint: boolean): void {
    if (this.#pending === null) return
    this.#pending.isApplied ||= Buffer.compare(this.#pending.context, context) === 0
    if (!this.#pending.isApplied || isJoint) return
    const { resolve, timer } = this.#pending
    this.#pending = null
    timer.cancel()
    resolve()
  }

  leadershipLost(): void {
    this.#fail('this node lost the leadership while the membership change was under way')
  }

  #fail(reason: string): void {
    if (this.#pending === null) return
    const { reject, timer } = this.#pending
    this.#pending = null
    timer.cancel()
    reject(new NodeRefusal(NodeRefusalReason.unconfirmed, reason))
  }
}
