import type { RaftId } from '../../core/types.js'
import type { Peer } from '../../ports/transport.js'

/** The log knows members by Raft id, connections by node id; this is where one becomes the other. */
export class MemberAddresses {
  #byRaftId = new Map<RaftId, Peer>()
  #byNodeId = new Map<string, Peer>()
  /** Peers connected now, by the Raft id that they said: they may be members that this node has not heard of yet. */
  readonly #connected = new Map<string, RaftId>()

  set(members: readonly Peer[]): void {
    this.#byRaftId = new Map(members.map((member) => [member.raftId, member]))
    this.#byNodeId = new Map(members.map((member) => [member.nodeId, member]))
  }

  connected(nodeId: string, raftId: RaftId): void {
    this.#connected.set(nodeId, raftId)
  }

  disconnected(nodeId: string): void {
    this.#connected.delete(nodeId)
  }

  /** Connected under a Raft id that is no member's: a process of a former member, perhaps one whose name a new one has. */
  strangers(): Set<string> {
    const ids = [...this.#connected].filter(([, raftId]) => !this.#byRaftId.has(raftId))
    return new Set(ids.map(([nodeId]) => nodeId))
  }

  nodeId(raftId: RaftId): string | null {
    const member = this.#byRaftId.get(raftId)
    if (member !== undefined) return member.nodeId
    for (const [nodeId, connected] of this.#connected) if (connected === raftId) return nodeId
    return null
  }

  /** Of the member with this node id. */
  raftId(nodeId: string): RaftId | null {
    return this.#byNodeId.get(nodeId)?.raftId ?? null
  }

  /** Whose Raft messages count when they come from `nodeId`: never those of another member. */
  senderId(nodeId: string): RaftId | null {
    const raftId = this.#connected.get(nodeId) ?? this.raftId(nodeId)
    return raftId !== null && this.nodeId(raftId) === nodeId ? raftId : null
  }

  others(nodeId: string): Peer[] {
    return [...this.#byNodeId.values()].filter((member) => member.nodeId !== nodeId)
  }
}
