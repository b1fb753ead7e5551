import type { Clock } from '../../../platform.js'
import { REMOVED_LINGER_MS } from '../../limits.js'
import type { Peer, Transport } from '../../ports/transport.js'
import type { Reader } from './certainty.js'
import type { MemberAddresses } from './member-addresses.js'

/** To whom this node keeps connections: to the members, and for a while to those that were removed. */
export class MemberPeers {
  #stopped = false

  constructor(
    private readonly addresses: MemberAddresses,
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly nodeId: string,
  ) {}

  stop(): void {
    this.#stopped = true
  }

  set(members: readonly Peer[]): void {
    const { transport, addresses, nodeId } = this
    const before = addresses.others(nodeId)
    addresses.set(members)
    const leaving = before.filter((peer) => addresses.raftId(peer.nodeId) === null)
    transport.setPeers([...addresses.others(nodeId), ...leaving])
    if (leaving.length === 0) return
    // It hears of the commit that removes it by a message that leaves after this node has applied it.
    for (const { nodeId: left, raftId } of leaving) if (transport.isUp(left)) addresses.connected(left, raftId)
    // The answer to who asked for the removal may have to pass through the removed node, or come from it if it led.
    this.clock.after(REMOVED_LINGER_MS, () => this.turnAwayStrangers())
  }

  /** They were let in because this node might lag behind. While nobody led there was no quorum that could tell. */
  askAboutStrangers(quorum: Reader): void {
    if (this.addresses.strangers().size === 0) return
    quorum.read((outcome) => {
      if (outcome === 'current') this.turnAwayStrangers()
    })
  }

  /** Only a node that they come to again can tell them for good that they are members no longer. */
  turnAwayStrangers(): void {
    if (this.#stopped) return
    const strangers = this.addresses.strangers()
    const others = this.addresses.others(this.nodeId)
    this.transport.setPeers(others.filter(({ nodeId }) => !strangers.has(nodeId)))
    this.transport.setPeers(others)
  }
}
