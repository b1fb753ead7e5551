/** Links between nodes that are cut, one way or both, slow, or broken. */
import type { Fault, Faults, Ground } from './fault.js'

type Pair = readonly [from: string, to: string]

const durationMs = ({ random }: Ground): number => random.logBetween(200, 20_000)

const others = ({ cluster, victim }: Ground): string[] =>
  [...cluster.hosts.keys()].filter((nodeId) => nodeId !== victim.nodeId)

function cutFor(ground: Ground, pairs: readonly Pair[], ms = durationMs(ground)): boolean {
  const { peers, world } = ground.cluster
  for (const [from, to] of pairs) peers.cut(from, to)
  world.after(ms, () => {
    for (const [from, to] of pairs) peers.heal(from, to)
  })
  return true
}

/** Nothing comes in, or out, or both. */
export function isolate(ground: Ground, ways: 'both' | 'in' | 'out', ms = durationMs(ground)): boolean {
  const { nodeId } = ground.victim
  return cutFor(
    ground,
    others(ground).flatMap((other): Pair[] => [
      ...(ways !== 'in' ? [[nodeId, other] as const] : []),
      ...(ways !== 'out' ? [[other, nodeId] as const] : []),
    ]),
    ms,
  )
}

/** Two halves that both see only the victim. */
const bridge: Fault = (ground) => {
  const nodes = others(ground)
  const side = new Set(ground.random.shuffled(nodes).slice(0, nodes.length >> 1))
  return cutFor(
    ground,
    nodes.flatMap((one) => nodes.filter((two) => side.has(one) !== side.has(two)).map((two): Pair => [one, two])),
  )
}

const slowLink: Fault = (ground) => {
  const { peers, world } = ground.cluster
  const [from, to] = [ground.victim.nodeId, ground.random.pick(others(ground))]
  peers.slow(from, to, ground.random.logBetween(3, 300))
  world.after(durationMs(ground), () => peers.slow(from, to, 1))
  return true
}

/** Nothing for a while, then everything at once. */
const clog: Fault = (ground) => {
  const { nodeId } = ground.victim
  const other = ground.random.pick(others(ground))
  const [from, to] = ground.random.chance(0.5) ? [nodeId, other] : [other, nodeId]
  ground.cluster.peers.clog(from, to, ground.random.logBetween(20, 4_000))
  return true
}

export const NETWORK_FAULTS = {
  cut: (ground) => {
    const [one, other] = [ground.victim.nodeId, ground.random.pick(others(ground))]
    return cutFor(ground, [
      [one, other],
      [other, one],
    ])
  },
  'one-way cut': (ground) => cutFor(ground, [[ground.victim.nodeId, ground.random.pick(others(ground))]]),
  isolation: (ground) => isolate(ground, ground.random.pick(['both', 'in', 'out'])),
  bridge,
  'slow link': slowLink,
  'clogged link': clog,
  'broken peer connection': ({ cluster }) => {
    cluster.peers.breakSome()
    return true
  },
} as const satisfies Faults
