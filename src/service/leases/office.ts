/** A leader's time in office: the term for which its duties count. What was counted is void once another is in office. */
import { encodeCommand } from '../../locks/commands/codec.js'
import type { Command } from '../../locks/commands/commands.js'
import type { Term } from '../../raft/core/types.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import type { StateView } from '../state-view.js'

export class Office {
  #term: Term | null = null

  constructor(
    private readonly node: NodeApi,
    private readonly state: StateView,
  ) {}

  /** In which this node leads and has applied an entry of its own; null otherwise. */
  get term(): Term | null {
    return this.#term
  }

  get isTaken(): boolean {
    return this.#term !== null
  }

  take(term: Term): void {
    this.#term = term
  }

  leave(): void {
    this.#term = null
  }

  /** Still leading in the term for which these duties count. */
  isHeld(): boolean {
    return this.#term !== null && this.node.isLeaderReady() && this.node.term() === this.#term
  }

  /** A conditional command. It may be lost: whoever needs it proposes it again. */
  propose(command: Command): void {
    if (this.isHeld()) this.node.proposals.propose(encodeCommand(command, this.state.level))
  }
}
