/**
 * What was proposed for the sessions at this node and is not applied yet. A proposal may be dropped, and nobody is told how it
 * ended other than by the effect of its application: so everything is proposed again, under its number, until it is applied
 * (rule 10), and whoever waits for a decision is told when it has waited long enough.
 */
import type { NodeId } from '../../locks/commands/commands.js'
import type { Clock, Timer } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { PROPOSAL_CHECK_MS, REPEAT_PROPOSAL_MAX_MS, REPEAT_PROPOSAL_MS, UNAPPLIED_BYTES } from '../limits.js'
import type { Attachment } from './attachment.js'

/** 500 ms, 500 ms, 1 s, 2 s, 4 s, 8 s, 8 s … */
const repeatAfterMs = (repeats: number): number =>
  Math.min(REPEAT_PROPOSAL_MS * 2 ** Math.max(0, repeats - 1), REPEAT_PROPOSAL_MAX_MS)

export class UnappliedProposals {
  /** Attachments with anything proposed and not applied. */
  readonly #unsettled = new Set<Attachment>()
  #unappliedBytes = 0
  #checkTimer: Timer | null = null

  constructor(
    private readonly clock: Clock,
    private readonly node: Pick<NodeApi, 'proposals' | 'leader'>,
  ) {}

  get unsettledCount(): number {
    return this.#unsettled.size
  }

  /** Whether new work is to be refused as busy: what is under way here, at this node or at the leader, is enough. */
  get isBusy(): boolean {
    return this.#unappliedBytes >= UNAPPLIED_BYTES || this.node.proposals.isBusy()
  }

  /** What was proposed under the last epoch is void (rule 3). */
  clear(): void {
    this.#unsettled.clear()
    this.#unappliedBytes = 0
    this.#checkTimer?.cancel()
    this.#checkTimer = null
  }

  /** An opening or an end of it, which the attachment keeps, is proposed now. */
  expect(attachment: Attachment): void {
    if (this.#unsettled.has(attachment)) return
    this.#unsettled.add(attachment)
    this.#await(attachment)
    if (this.#checkTimer === null) this.#armCheck()
  }

  /** Its next numbered command is proposed now. */
  expectNumbered(attachment: Attachment, bytes: Uint8Array): void {
    attachment.nextNumber++
    attachment.unapplied.push(bytes)
    this.#unappliedBytes += bytes.length
    this.expect(attachment)
  }

  /** Its commands up to number `n` are applied. */
  applied(attachment: Attachment, n: number): void {
    this.#unappliedBytes -= attachment.applied(n)
    this.settle(attachment)
  }

  /** Something of it was applied: what is left is waited for from now on. */
  settle(attachment: Attachment): void {
    if (attachment.settled) this.#unsettled.delete(attachment)
    else this.#await(attachment)
  }

  /** From now on nothing of it is proposed. */
  drop(attachment: Attachment): void {
    for (const { length } of attachment.unapplied) this.#unappliedBytes -= length
    attachment.opening = null
    attachment.unapplied = []
    attachment.endCommand = null
    this.#unsettled.delete(attachment)
  }

  /** After a leader change nobody knows what the last leader did with its proposals. */
  onLeader(leader: NodeId | null): void {
    if (leader === null) return
    for (const attachment of this.#unsettled) {
      this.#await(attachment)
      this.#repeat(attachment)
    }
  }

  /** From now on; nothing of what it waits for was repeated yet. */
  #await(attachment: Attachment): void {
    attachment.proposedAtMs = this.clock.takerNow()
    attachment.repeats = 0
  }

  /** In their order: a number applies only after its predecessor. */
  #repeat(attachment: Attachment): void {
    const { proposals } = this.node
    if (attachment.opening !== null) proposals.propose(attachment.opening)
    for (const bytes of attachment.unapplied) proposals.propose(bytes)
    if (attachment.endCommand !== null) proposals.propose(attachment.endCommand)
  }

  #armCheck(): void {
    const { clock } = this
    this.#checkTimer = clock.after(PROPOSAL_CHECK_MS, () => clock.soon(() => this.#check()))
  }

  #check(): void {
    this.#checkTimer = null
    const now = this.clock.takerNow()
    // A busy cluster most likely has it all still: it is late, not lost.
    const mayRepeat = this.node.leader() !== null && !this.node.proposals.isBusy()
    for (const attachment of this.#unsettled) {
      if (attachment.decideByMs !== 0 && now >= attachment.decideByMs) {
        attachment.decideByMs = 0
        attachment.listener?.timedOut()
      } else if (mayRepeat && now - attachment.proposedAtMs >= repeatAfterMs(attachment.repeats)) {
        attachment.repeats++
        attachment.proposedAtMs = now
        this.#repeat(attachment)
      }
    }
    if (this.#unsettled.size > 0 && this.#checkTimer === null) this.#armCheck()
  }
}
