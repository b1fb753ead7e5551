import type { Clock } from '../../platform.js'
import { type Message, MsgType } from '../core/messages.js'
import type { RaftId } from '../core/types.js'
import { COMMIT_NOTICE_DELAY_MS, PROMPT_NOTICE_MS } from '../limits.js'

/**
 * An append without entries only tells a follower how far the log is committed. The next append says that as well, so the
 * notice is held back for a moment: at a steady load this halves the messages, and what they cost on small machines. A
 * follower that proposes for clients of its own waits for the commit, and is told at once.
 */
export class CommitNotices {
  readonly #held = new Map<RaftId, Message>()
  readonly #proposedAtMs = new Map<RaftId, number>()
  #armed = false

  constructor(
    private readonly clock: Clock,
    private readonly send: (to: RaftId, messages: readonly Message[]) => void,
  ) {}

  /** The follower sent proposals: it has clients that wait. */
  proposedBy(follower: RaftId): void {
    this.#proposedAtMs.set(follower, this.clock.takerNow())
    this.#release(follower)
  }

  /** What is to be sent now. A held notice goes when a later append to the same follower makes it needless. */
  admit(to: RaftId, messages: readonly Message[]): readonly Message[] {
    const last = messages.findLast((message) => message.type === MsgType.app)
    if (last === undefined) return messages
    this.#held.delete(to)
    if (last.entries.length > 0 || this.#isPrompt(to)) return messages
    this.#held.set(to, last)
    this.#arm()
    return messages.filter((message) => message !== last)
  }

  #isPrompt(follower: RaftId): boolean {
    const atMs = this.#proposedAtMs.get(follower)
    return atMs !== undefined && this.clock.takerNow() - atMs < PROMPT_NOTICE_MS
  }

  #release(follower: RaftId): void {
    const notice = this.#held.get(follower)
    if (notice === undefined) return
    this.#held.delete(follower)
    this.send(follower, [notice])
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.clock.after(COMMIT_NOTICE_DELAY_MS, () => {
      this.#armed = false
      for (const follower of [...this.#held.keys()]) this.#release(follower)
    })
  }
}
