import type { RawNode } from '../core/raw-node.js'
import type { RaftId } from '../core/types.js'
import type { Identity } from '../ports/store.js'
import type { Transport } from '../ports/transport.js'
import type { HintedCore } from './leader-hint.js'
import type { MemberAddresses } from './membership/member-addresses.js'
import type { RaftDriver } from './raft-driver.js'

/** The core as the hint of a dead leader sees it. */
export function hintedCore(
  driver: RaftDriver,
  raw: RawNode,
  addresses: MemberAddresses,
  transport: Transport,
  { raftId: id }: Identity,
): HintedCore {
  const isUp = (voter: RaftId): boolean => transport.isUp(addresses.nodeId(voter) ?? '')
  return {
    id,
    forgetLeader: () => driver.act((core) => core.forgetLeader()),
    campaign: () => driver.act((core) => core.campaign()),
    lead: () => driver.lead,
    role: () => driver.role,
    rank: () => driver.confState.voters.filter((voter) => voter < id && isUp(voter)).length,
    compareLog: (lastTerm, lastIndex) => raw.compareLog(lastTerm, lastIndex),
  }
}
