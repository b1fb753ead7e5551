/** What directories have answered, as it crossed the network: a second opinion on who has forgotten (rules.md, Consensus, Witnesses). */
import { MsgType } from '../../../src/raft/core/messages.js'
import type { Index, RaftId, Term } from '../../../src/raft/core/types.js'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import type { Held } from '../../../src/raft/ports/transport.js'
import { decodeMessages } from '../../../src/raft/wire/raft-codec.js'
import type { Process } from '../process.js'

interface Answer {
  readonly term: Term
  readonly votedFor: RaftId | null
  /** Accepted; 0: none. */
  readonly index: Index
  /** Of these, known to be committed by who heard it, in the term of the answer. */
  readonly committed: Index
}

export class WitnessCheck {
  /** By the process that heard it: memory ends with the process. */
  readonly #heard = new Map<Process, Map<RaftId, Answer[]>>()

  /** A frame of Raft messages reached a process, over a connection. */
  arrived(process: Process, status: NodeStatus, payload: Uint8Array): void {
    const { term: ownTerm, commitIndex, raftId } = status
    for (const { type, from, to, term, reject, index } of decodeMessages(payload)) {
      if (to !== raftId || (type !== MsgType.appResp && type !== MsgType.voteResp)) continue
      const accepted = type === MsgType.appResp && !reject ? index : 0
      this.#answers(process, from).push({
        term,
        votedFor: type === MsgType.voteResp && !reject ? raftId : null,
        index: accepted,
        committed: term === ownTerm ? Math.min(accepted, commitIndex) : 0,
      })
    }
  }

  /** What `held` lacks of what this process was answered by an earlier one of that directory. */
  hasForgotten(process: Process, raftId: RaftId, { term, vote, lastIndex }: Held): boolean {
    const answers = process.isAlive ? (this.#heard.get(process)?.get(raftId) ?? []) : []
    return answers.some(
      (one) =>
        one.term > term ||
        one.committed > lastIndex ||
        (one.term === term && (one.index > lastIndex || (one.votedFor !== null && one.votedFor !== vote))),
    )
  }

  #answers(process: Process, from: RaftId): Answer[] {
    const byMember = this.#heard.get(process) ?? new Map<RaftId, Answer[]>()
    this.#heard.set(process, byMember)
    const answers = byMember.get(from) ?? []
    byMember.set(from, answers)
    return answers
  }
}
