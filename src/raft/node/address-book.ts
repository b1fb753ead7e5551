import type { RaftId } from '../core/types.js'
import type { Peer } from './interfaces.js'

/** The log knows members by Raft id, connections by node id; this is where one becomes the other. */
export class AddressBook {
  #byRaftId = new Map<RaftId, Peer>()
  #byNodeId = new Map<string, Peer>()

  set(members: readonly Peer[]): void {
    this.#byRaftId = new Map(members.map((member) => [member.raftId, member]))
    this.#byNodeId = new Map(members.map((member) => [member.nodeId, member]))
  }

  nodeId(raftId: RaftId): string | null {
    return this.#byRaftId.get(raftId)?.nodeId ?? null
  }

  raftId(nodeId: string): RaftId | null {
    return this.#byNodeId.get(nodeId)?.raftId ?? null
  }

  others(nodeId: string): Peer[] {
    return [...this.#byNodeId.values()].filter((member) => member.nodeId !== nodeId)
  }
}
