/** Elections, counted once more from the votes that cross the network: a leader has those of both halves of a joint membership. */
import { type Message, MsgType } from '../../../src/raft/core/messages.js'
import type { RaftId } from '../../../src/raft/core/types.js'
import type { NodeStatus } from '../../../src/raft/node/node-api.js'
import { decodeMessages } from '../../../src/raft/wire/raft-codec.js'
import type { World } from '../world.js'
import { isQuorum } from './config-check.js'

export class VoteCheck {
  /** Who voted, by term and candidate. */
  readonly #votes = new Map<string, Set<RaftId>>()

  constructor(private readonly world: World) {}

  /** A node sends these Raft messages; a vote that never arrives is one vote too many here, never one too few. */
  sent(payload: Uint8Array): void {
    for (const message of decodeMessages(payload)) this.heard(message)
  }

  heard({ type, reject, term, to, from }: Pick<Message, 'type' | 'reject' | 'term' | 'to' | 'from'>): void {
    if (type !== MsgType.voteResp || reject) return
    const key = `${term}/${to}`
    this.#votes.set(key, (this.#votes.get(key) ?? new Set()).add(from))
  }

  /** In the turn in which it was elected: the membership in force is the one by which it counted. */
  elected({ nodeId, raftId, term, confState }: Pick<NodeStatus, 'nodeId' | 'raftId' | 'term' | 'confState'>): void {
    const votes = new Set(this.#votes.get(`${term}/${raftId}`)).add(raftId)
    if (isQuorum(confState, votes)) return
    const { voters, votersOutgoing } = confState
    const halves = votersOutgoing.length === 0 ? `${voters}` : `${voters} and ${votersOutgoing}`
    this.world.fail(`${nodeId} leads term ${term} by the votes of ${[...votes].sort()}; the voters are ${halves}`)
  }
}
