/** A new cluster of one in a directory of its own: complete when the node is started for the first time. */
import type { LockMachine } from '../../locks/machine.js'
import type { Index } from '../../raft/core/types.js'
import { RESTORED_INDEX_STEP } from '../../raft/limits.js'
import { writeGenesis } from '../../raft/node/boot.js'
import { openStore } from '../../raft/store/open-store.js'
import { memberUidOf } from '../../server/records/member-uid.js'
import { systemRandom } from '../../server/system-random.js'

const RAFT_ID = 1
const CLUSTER_ID_BYTES = 16

export interface Terms {
  readonly nodeId: string
  /** HOST:PORT of its peer port. */
  readonly peerAddress: string
  /** Of the last entry that is in the state. */
  readonly index: Index
  /** Tokens begin at so many seconds x 2^20. */
  readonly unixSeconds: number
}

/** The state of `machine` is taken over and changed. Returns the id of the new cluster. */
export async function foundAlone(directory: string, machine: LockMachine, terms: Terms): Promise<string> {
  const { nodeId, peerAddress, index, unixSeconds } = terms
  const clusterId = Buffer.from(systemRandom.bytes(CLUSTER_ID_BYTES)).toString('hex')
  machine.beginAgain({
    clusterId,
    nodeLeaseMs: machine.nodeLeaseMs,
    createdUnixSeconds: unixSeconds,
    members: [{ raftId: RAFT_ID, nodeId, peerAddress }],
  })
  const store = await openStore(directory)
  try {
    const memberUid = await memberUidOf(store, systemRandom)
    // The first file that says something about the state: an older program refuses the directory by it.
    await store.raiseLevel(machine.level)
    await writeGenesis(store, index + RESTORED_INDEX_STEP, [RAFT_ID], machine.snapshot())
    // Last: a directory without an identity is nobody's.
    await store.writeIdentity({ clusterId, nodeId, raftId: RAFT_ID, memberUid })
    return clusterId
  } finally {
    await store.close()
  }
}
