/** Links between nodes that are cut. */
import { type Ground, NotNow } from '../ground.js'
import type { Heal } from '../links/links.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

/** From one node to another; the other direction is a cut of its own. */
type Cut = readonly [from: LocalNode, to: LocalNode]

export const partitionNemeses: readonly Nemesis[] = [
  { name: 'partition-halves', minNodes: 3, aim: async (ground, random) => halves(ground, random) },
  { name: 'partition-leader', minNodes: 3, aim: (ground) => leaderAlone(ground) },
  { name: 'partition-bridge', minNodes: 3, aim: async (ground, random) => bridge(ground, random) },
  { name: 'partition-one-way', minNodes: 3, aim: (ground, random) => oneWay(ground, random) },
  {
    name: 'partition-ring',
    minNodes: 5,
    aim: async (ground, random) => ring(ground, random),
  },
]

/** A majority and the rest, which does not hear of each other. */
function halves(ground: Ground, random: Random): Fault {
  const shuffled = random.shuffled(ground.nodes)
  const few = shuffled.slice(0, ground.minority)
  const many = shuffled.slice(ground.minority)
  return cut(ground, few, bothWays(few, many), `${names(few)} | ${names(many)}`)
}

async function leaderAlone(ground: Ground): Promise<Fault> {
  const leader = await ground.leader()
  const others = ground.nodes.filter((node) => node !== leader)
  return cut(ground, [leader], bothWays([leader], others), `${leader.id} | ${names(others)}`)
}

/** Two sides that only the node between them sees both of. */
function bridge(ground: Ground, random: Random): Fault {
  const [middle, ...others] = random.shuffled(ground.nodes)
  const left = others.slice(0, Math.floor(others.length / 2))
  const right = others.slice(left.length)
  const target = `${names(left)} - ${middle?.id} - ${names(right)}`
  return cut(ground, left, bothWays(left, right), target)
}

/** The leader is heard but hears nothing, or hears and is not heard; by one of the others or by all. */
async function oneWay(ground: Ground, random: Random): Promise<Fault> {
  const leader = await ground.leader()
  const others = ground.nodes.filter((node) => node !== leader)
  const some = random.chance(0.5) ? others : [random.pick(others)]
  return random.chance(0.5)
    ? cut(ground, [leader], pairs([leader], some), `${leader.id} -/> ${names(some)}`)
    : cut(ground, [leader], pairs(some, [leader]), `${names(some)} -/> ${leader.id}`)
}

/** Each node sees itself and its two neighbours: everyone has a majority, and no two have the same. */
function ring(ground: Ground, random: Random): Fault {
  const circle = random.shuffled(ground.nodes)
  const cuts = circle.flatMap((node, index) => {
    const distance = (other: number): number => Math.abs(other - index)
    const isNeighbour = (other: number): boolean => [0, 1, circle.length - 1].includes(distance(other))
    return pairs(
      [node],
      circle.filter((_, other) => !isNeighbour(other)),
    )
  })
  return cut(ground, circle.slice(0, ground.minority), cuts, `ring ${names(circle)}`)
}

/** `missing`: whom the majority has to do without. */
function cut(ground: Ground, missing: readonly LocalNode[], cuts: readonly Cut[], target: string): Fault {
  if (cuts.length === 0) throw new NotNow('there is nothing to cut')
  const victims = ground.seize(missing)
  const heals: Heal[] = []
  return {
    target,
    begin: async () => {
      for (const [from, to] of cuts) heals.push(ground.links.impairPeers(from.id, to.id, { cut: true }))
    },
    end: async () => {
      for (const heal of heals) heal()
      victims.release()
    },
  }
}

function pairs(from: readonly LocalNode[], to: readonly LocalNode[]): Cut[] {
  return from.flatMap((one) => to.map((other): Cut => [one, other]))
}

function bothWays(left: readonly LocalNode[], right: readonly LocalNode[]): Cut[] {
  return [...pairs(left, right), ...pairs(right, left)]
}

function names(nodes: readonly LocalNode[]): string {
  return nodes.map(({ id }) => id).join(' ')
}
