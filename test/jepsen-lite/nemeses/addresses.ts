/** Nodes that come back elsewhere: their peers have to dial other addresses than those of the first day. */
import { type Ground, NotNow } from '../ground.js'
import type { Fault, Nemesis } from '../types.js'

const SERVES_TIMEOUT_MS = 30_000

export const addressNemeses: readonly Nemesis[] = [
  { name: 'new-addresses-all', minNodes: 3, aim: async (ground) => allMove(ground) },
  { name: 'new-addresses-rolling', minNodes: 3, aim: async (ground) => oneByOne(ground) },
]

/** As after a move to another network: everything stops, every address is another, every `--cluster` names the new ones. */
function allMove(ground: Ground): Fault {
  const { nodes, cluster } = ground
  if (ground.free().length < nodes.length) throw new NotNow('a node is down')
  return {
    target: nodes.map(({ id }) => id).join(' '),
    begin: async () => {
      await Promise.all(nodes.map((node) => node.stop()))
      for (const node of nodes) await cluster.moveToNewAddress(node)
    },
    end: async () => {
      for (const node of nodes) node.start()
    },
  }
}

/** The others keep running, and know the old address of each that moves. */
function oneByOne(ground: Ground): Fault {
  const { nodes, cluster } = ground
  let done: Promise<void> = Promise.resolve()
  const moveAll = async (): Promise<void> => {
    for (const node of nodes) {
      if (!ground.free().includes(node) || !ground.canSpare(1)) continue
      const victims = ground.seize([node])
      try {
        await node.stop()
        await cluster.moveToNewAddress(node)
        node.start()
        await cluster.untilServes(node, SERVES_TIMEOUT_MS)
      } finally {
        victims.release()
      }
    }
  }
  return {
    target: nodes.map(({ id }) => id).join(' '),
    begin: async () => {
      done = moveAll()
      // Its failure is that of the end.
      done.catch(() => {})
    },
    end: () => done,
  }
}
