import type { RaftId } from '../../core/types.js'
import { RESTORED_INDEX_STEP } from '../../limits.js'
import { FrameKind, Lane, type Peer } from '../../ports/transport.js'
import { type BootstrapRecord, isJoinOffer, readBootstrapMessage } from '../../wire/control-messages.js'
import { type BootState, FIRST_INDEX, writeGenesis } from '../boot.js'
import type { RaftNodeOptions } from '../options.js'
import { Bootstrap, formationHash, founderIds, loadBootstrapRecord } from './bootstrap.js'
import type { Newcomer, OnMember } from './newcomer.js'

/** A node of `--cluster`, until all of them have stored the cluster id. */
export class Founder implements Newcomer {
  readonly phase = 'forming'
  #bootstrap: Bootstrap | null = null

  constructor(
    private readonly options: RaftNodeOptions,
    private readonly onMember: OnMember,
    private readonly onError: (error: unknown) => void,
  ) {}

  get clusterId(): string {
    return this.#bootstrap?.clusterId ?? ''
  }

  async prepare(): Promise<void> {
    const { nodeId, store, clock, random, transport, nodeLeaseMs, founders } = this.options
    this.#bootstrap = new Bootstrap(
      {
        nodeId,
        members: founders.map((peer) => peer.nodeId),
        listHash: formationHash(founders, store.seed),
        nodeLeaseMs,
        seed: store.seed,
        store,
        clock,
        random,
        send: (to, payload) => void transport.send(to, Lane.control, FrameKind.bootstrap, [payload]),
        onFormed: (record) => void this.#formed(record).catch(this.onError),
        onError: this.onError,
      },
      await loadBootstrapRecord(store),
    )
  }

  start(): void {
    const { transport, founders, nodeId } = this.options
    transport.setPeers(founders.filter((peer) => peer.nodeId !== nodeId))
    this.#bootstrap?.start()
  }

  handle(from: string, payload: Uint8Array): void {
    const said = readBootstrapMessage(payload)
    if (!isJoinOffer(said)) this.#bootstrap?.handle(from, said)
  }

  stop(): void {
    this.#bootstrap?.stop()
  }

  async #formed(record: BootstrapRecord): Promise<void> {
    const { nodeId, memberUid, store, founders } = this.options
    const members = founderIds(founders)
    const self = members.find((peer) => peer.nodeId === nodeId)
    if (self === undefined) throw new Error(`--cluster does not name this node (${nodeId})`)
    const voters = members.map((peer) => peer.raftId)
    const boot = await this.#writeGenesis(voters, record, members)
    const identity = { clusterId: record.clusterId, nodeId, raftId: self.raftId, memberUid }
    // Last: a directory without an identity has promised nothing to anyone yet and may begin again.
    await store.writeIdentity(identity)
    await store.seed?.forget()
    this.onMember({ identity, boot, members })
  }

  async #writeGenesis(
    voters: readonly RaftId[],
    record: BootstrapRecord,
    members: readonly Peer[],
  ): Promise<BootState> {
    const { store, genesis } = this.options
    const { seed } = store
    if (seed === null) return writeGenesis(store, FIRST_INDEX, voters, await genesis(record, members, null))
    const saved = await seed.open()
    try {
      const state = await genesis(record, members, saved.chunks())
      return await writeGenesis(store, seed.index + RESTORED_INDEX_STEP, voters, state)
    } finally {
      await saved.close()
    }
  }
}
