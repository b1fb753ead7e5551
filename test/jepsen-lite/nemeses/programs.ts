/** Another version of the program, to and fro: what an upgrade and a downgrade do, in a cluster whose level is held. */
import type { Ground } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

const SERVES_TIMEOUT_MS = 30_000

/** By name only: the nodes begin with the previous release, and so everything that came since is refused. */
export const programNemeses: readonly Nemesis[] = [
  { name: 'swap-program', needs: 'programs', byNameOnly: true, aim: async (...where) => swapOne(...where) },
  { name: 'swap-program-rolling', needs: 'programs', byNameOnly: true, aim: async (ground) => swapAll(ground) },
]

/** One node runs the other program for a while. */
function swapOne(ground: Ground, random: Random): Fault {
  const node = ground.anyFree(random)
  const victims = ground.seize([node])
  return {
    target: `${node.id} ${ground.need('programs').nameOf(node)} for a while another`,
    begin: () => swap(ground, node),
    end: async () => {
      await swap(ground, node)
      victims.release()
    },
  }
}

/** As an operator does it: one by one, each with the other program from then on. */
function swapAll(ground: Ground): Fault {
  let done: Promise<void> = Promise.resolve()
  const swapEach = async (): Promise<void> => {
    for (const node of ground.nodes) {
      if (!ground.free().includes(node) || !ground.canSpare(1)) continue
      const victims = ground.seize([node])
      try {
        await swap(ground, node)
      } finally {
        victims.release()
      }
    }
  }
  return {
    target: ground.nodes.map((node) => `${node.id} ${ground.need('programs').nameOf(node)}`).join(' '),
    begin: async () => {
      done = swapEach()
      // Its failure is that of the end.
      done.catch(() => {})
    },
    end: () => done,
  }
}

async function swap(ground: Ground, node: LocalNode): Promise<void> {
  await node.stop()
  node.install(ground.need('programs').otherThan(node))
  node.start()
  await ground.cluster.untilServes(node, SERVES_TIMEOUT_MS)
}
