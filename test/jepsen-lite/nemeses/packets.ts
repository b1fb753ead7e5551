/** Packets that vanish: unlike a cut link, nobody acknowledges them in the node's stead, so TCP itself is under attack. */
import type { Ground } from '../ground.js'
import type { Heal } from '../links/links.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

type Direction = 'in' | 'out'

export const packetNemeses: readonly Nemesis[] = [
  { name: 'blackhole-leader', minNodes: 3, needs: 'namespaces', aim: (ground) => blackholeLeader(ground) },
  {
    name: 'blackhole-one-way',
    minNodes: 3,
    needs: 'namespaces',
    aim: async (ground, random) => blackhole(ground, ground.anyFree(random), [random.pick(['in', 'out'])]),
  },
  { name: 'packet-loss', needs: 'namespaces', aim: async (ground, random) => packetLoss(ground, random) },
]

async function blackholeLeader(ground: Ground): Promise<Fault> {
  return blackhole(ground, await ground.leader(), ['in', 'out'])
}

function blackhole(ground: Ground, node: LocalNode, directions: readonly Direction[]): Fault {
  const victims = ground.seize([node])
  const drop = dropping(ground, [node], directions, 1)
  return {
    target: `${node.id} ${directions.join(' ')}`,
    begin: drop.begin,
    end: async () => {
      await drop.end()
      victims.release()
    },
  }
}

function packetLoss(ground: Ground, random: Random): Fault {
  const nodes = random.chance(0.5) ? ground.nodes : [random.pick(ground.nodes)]
  const share = Math.round(random.logBetween(0.01, 0.3) * 100) / 100
  const target = `${nodes.map(({ id }) => id).join(' ')}: ${Math.round(share * 100)} % each way`
  return { target, ...dropping(ground, nodes, ['in', 'out'], share) }
}

function dropping(
  ground: Ground,
  nodes: readonly LocalNode[],
  directions: readonly Direction[],
  share: number,
): Pick<Fault, 'begin' | 'end'> {
  const namespaces = ground.need('namespaces')
  const heals: Heal[] = []
  return {
    begin: async () => {
      for (const node of nodes) {
        for (const direction of directions) heals.push(namespaces.drop(node.id, direction, share))
      }
    },
    end: async () => {
      for (const heal of heals) heal()
    },
  }
}
