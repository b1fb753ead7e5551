import { pack, unpack } from 'msgpackr'
import type { LogStore } from '../../ports/store.js'
import type { Peer } from '../../ports/transport.js'
import { isJoinOffer, type JoinOffer, readBootstrapMessage } from '../../wire/control-messages.js'
import { NOTHING } from '../boot.js'
import type { RaftNodeOptions } from '../options.js'
import type { Newcomer, OnMember } from './newcomer.js'

const JOIN_RECORD_KEY = 'join'

/** A node of `--join`, until a member tells it that it was added. */
export class Joiner implements Newcomer {
  readonly phase = 'joining'
  readonly clusterId = ''
  #hasJoined = false

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly onMember: OnMember,
    private readonly onError: (error: unknown) => void,
  ) {}

  async prepare(): Promise<void> {}

  start(): void {
    const { transport, joinAt, nodeId } = this.options
    transport.setPeers(joinAt.filter((peer) => peer.nodeId !== nodeId))
  }

  handle(_from: string, payload: Uint8Array): void {
    const said = readBootstrapMessage(payload)
    if (isJoinOffer(said) && !this.#hasJoined) void this.#join(said).catch(this.onError)
  }

  stop(): void {}

  async #join({ clusterId, raftId, members }: JoinOffer): Promise<void> {
    this.#hasJoined = true
    const { nodeId, memberUid, store } = this.options
    // Until the first snapshot is here, nothing else says who the members are, and a restart may come before it.
    await store.putRecord(JOIN_RECORD_KEY, pack(members))
    const identity = { clusterId, nodeId, raftId, memberUid }
    // Last: a directory without an identity has promised nothing to anyone yet and may begin again.
    await store.writeIdentity(identity)
    this.onMember({ identity, boot: NOTHING, members })
  }
}

/** The members as they were when this directory joined; empty at a founder. */
export async function loadMembersAtJoin(store: LogStore): Promise<readonly Peer[]> {
  const bytes = await store.getRecord(JOIN_RECORD_KEY)
  return bytes === null ? [] : (unpack(bytes) as Peer[])
}
