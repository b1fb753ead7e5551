/**
 * What this node remembers of what others answered it behind a sync, so that it knows a directory that has forgotten: one put
 * back to an older state, or one whose disk lost what it had reported as written (rules.md, Consensus, Witnesses).
 *
 * Only four numbers are sure, because a healthy log may shrink: a later leader may replace its tail. Example: n2 accepts
 * entry 9 of term 3; the leader of term 4 ends at 7, and n2's log too. "It once had 9" would refuse a healthy directory.
 * But within term 3 its log kept 9, and what was committed it keeps forever.
 */
import { type Message, MsgType } from '../../core/messages.js'
import type { ConfState, Index, RaftId, Term } from '../../core/types.js'
import { membersOf } from '../../core/types.js'
import { KNOWN_PROCESSES } from '../../limits.js'
import type { Held, PeerHello } from '../../ports/transport.js'

/** Said by processes of one directory, all together. */
interface Answered {
  /** The highest term in which it answered. */
  term: Term
  /** It voted for this node in that term. */
  votedForUs: boolean
  /** The highest index that it accepted in that term. */
  index: Index
  /** The highest index that it had accepted when this node knew it to be committed, in any term. */
  committed: Index
}

interface Witness {
  readonly raftId: RaftId
  readonly answered: Answered
  /** Those that answered. What they held at their start was judged then, and must not be held against their own words. */
  readonly processes: Set<string>
}

type Process = Pick<PeerHello, 'memberUid' | 'processId'>

/** How this node stands when an answer arrives. */
export interface WitnessView {
  readonly term: Term
  readonly committed: Index
}

export class Witnesses {
  /** By Raft id and uid of the directory. */
  readonly #witnesses = new Map<string, Witness>()

  constructor(
    private readonly ownId: RaftId,
    private readonly view: WitnessView,
  ) {}

  /**
   * Votes and append answers leave their node behind a sync; answers to heartbeats and granted pre-votes do not. `peer`: what
   * the process said that sent it. A founder said so while it had no Raft id yet, and its connection has lasted since.
   */
  heard({ memberUid, processId }: Process, { type, from, term, reject, index }: Message): void {
    if (type !== MsgType.voteResp && type !== MsgType.appResp) return
    const { answered } = this.#letIn(from, memberUid, processId)
    if (term < answered.term) return
    if (term > answered.term) Object.assign(answered, { term, votedForUs: false, index: 0 })
    if (reject) return
    if (type === MsgType.voteResp) answered.votedForUs = true
    else answered.index = Math.max(answered.index, index)
    this.#commit(answered)
  }

  #letIn(raftId: RaftId, memberUid: string, processId: string): Witness {
    const key = `${raftId} ${memberUid}`
    const witness = this.#witnesses.get(key) ?? { raftId, answered: nothing(), processes: new Set() }
    this.#witnesses.set(key, witness)
    if (witness.processes.has(processId)) return witness
    witness.processes.add(processId)
    const [oldest] = witness.processes
    if (oldest !== undefined && witness.processes.size > KNOWN_PROCESSES) witness.processes.delete(oldest)
    return witness
  }

  /** What the directory of this peer has forgotten, in words, or null. */
  forgottenBy({ raftId, memberUid, processId, held }: PeerHello): string | null {
    const witness = this.#witnesses.get(`${raftId} ${memberUid}`)
    if (witness === undefined || witness.processes.has(processId)) return null
    this.#commit(witness.answered)
    return forgotten(witness.answered, held, this.ownId)
  }

  /** A member that was removed has no promises to keep; its Raft id is never given again. */
  retain(confState: ConfState): void {
    const members = membersOf(confState)
    for (const [key, { raftId }] of this.#witnesses) {
      if (!members.includes(raftId)) this.#witnesses.delete(key)
    }
  }

  /**
   * What it accepted in our own term is of our log, so what of it is committed is committed in its log too. Of an earlier term
   * that can no longer be said: the tail may have been replaced.
   */
  #commit(answered: Answered): void {
    if (answered.term !== this.view.term) return
    answered.committed = Math.max(answered.committed, Math.min(answered.index, this.view.committed))
  }
}

function forgotten(answered: Answered, held: Held, ownId: RaftId): string | null {
  const { term, votedForUs, index, committed } = answered
  if (held.term < term) return `it answered in term ${term}, and is back in term ${held.term}`
  if (held.term === term && votedForUs && held.vote !== ownId) return `it voted in term ${term}, and has lost that vote`
  if (held.term === term && held.lastIndex < index) {
    return `it acknowledged entry ${index} of term ${term}, and its log ends at ${held.lastIndex}`
  }
  if (held.lastIndex < committed) return `it acknowledged entry ${committed}, and its log ends at ${held.lastIndex}`
  return null
}

const nothing = (): Answered => ({ term: 0, votedForUs: false, index: 0, committed: 0 })
