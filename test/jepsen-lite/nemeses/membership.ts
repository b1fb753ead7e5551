/** What an operator does to a cluster that runs: transfers, replaced disks, growing and shrinking. */
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

const CHANGE_TIMEOUT_MS = 60_000
const TRANSFERS_MAX = 5

export const membershipNemeses: readonly Nemesis[] = [
  { name: 'transfer-leader', minNodes: 3, aim: async (ground, random) => transfers(ground, random) },
  { name: 'disk-lost', minNodes: 3, aim: async (ground, random) => lostDisk(ground, random) },
  { name: 'grow-shrink', minNodes: 3, aim: async (ground, random) => growAndShrink(ground, random) },
]

/** Some in a row; that one does not come about is nothing wrong, nobody is worse off. */
function transfers({ nodes, cluster }: Ground, random: Random): Fault {
  const heirs = Array.from({ length: 1 + random.int(TRANSFERS_MAX) }, () => random.pick(nodes))
  return {
    target: heirs.map(({ id }) => id).join(' '),
    begin: async () => {
      for (const heir of heirs) await cluster.transfer(heir).catch(() => {})
    },
    end: async () => {},
  }
}

/** A node's directory is gone: the operator removes the member, adds it anew, and it comes back empty. */
function lostDisk(ground: Ground, random: Random): Fault {
  const node = ground.anyFree(random)
  const victims = ground.seize([node])
  return {
    target: node.id,
    begin: async () => {
      await node.kill()
      node.wipe()
      await ground.cluster.setRole(node, 'none', CHANGE_TIMEOUT_MS)
    },
    end: async () => {
      await joinAsVoter(ground, node)
      victims.release()
    },
  }
}

/** A spare node comes and another member goes, possibly the leader; later the other way round. */
function growAndShrink(ground: Ground, random: Random): Fault {
  const { cluster } = ground
  const comes = cluster.spares.find((spare) => spare.state === 'down')
  if (comes === undefined) throw new NotNow('no spare node is left')
  const goes = ground.anyFree(random)
  const victims = ground.seize([goes])
  return {
    target: `${comes.id} comes, ${goes.id} goes`,
    begin: async () => {
      comes.wipe()
      await joinAsVoter(ground, comes)
      await leave(ground, goes)
    },
    end: async () => {
      await leave(ground, goes)
      await joinAsVoter(ground, goes)
      victims.release()
      await leave(ground, comes)
    },
  }
}

async function joinAsVoter({ cluster }: Ground, node: LocalNode): Promise<void> {
  await cluster.setRole(node, 'learner', CHANGE_TIMEOUT_MS)
  node.join()
  await cluster.setRole(node, 'voter', CHANGE_TIMEOUT_MS)
}

/** A removed node ends by itself with 0 when it hears of it; one that was cut off never does. Its directory is of no use. */
async function leave({ cluster }: Ground, node: LocalNode): Promise<void> {
  const forbidEnd = node.allowEnd(0)
  await cluster.setRole(node, 'none', CHANGE_TIMEOUT_MS)
  await node.kill()
  node.wipe()
  forbidEnd()
}
