/** Clocks that run fast or slow, or jump; through the preloaded library. */

import type { ProcessFault } from '../../preload/preload.js'
import type { Ground } from '../ground.js'
import type { Fault, Nemesis, Random } from '../types.js'

/** rules.md (Time) allows any two clocks a ratio of 1.10; these bounds keep that, also against clients with true clocks. */
const FAST_PPM = 49_000
const SLOW_PPM = -46_000
const JUMP_MAX_MS = 24 * 3_600_000

export const clockNemeses: readonly Nemesis[] = [
  { name: 'clock-rate', needs: 'preload', aim: async (ground, random) => rates(ground, random) },
  { name: 'clock-jump', needs: 'preload', aim: async (ground, random) => jumps(ground, random) },
]

/** All of a node's clocks, each node at another rate. */
function rates(ground: Ground, random: Random): Fault {
  return perNode(ground, 'driftPpm', () =>
    Math.round(random.pick([FAST_PPM, SLOW_PPM, random.between(SLOW_PPM, FAST_PPM)])),
  )
}

/** The wall clock alone: no clock that leases are measured by ever jumps. */
function jumps(ground: Ground, random: Random): Fault {
  return perNode(ground, 'wallOffsetMs', () => {
    const sign = random.chance(0.5) ? 1 : -1
    return sign * Math.round(random.logBetween(100, JUMP_MAX_MS))
  })
}

function perNode(ground: Ground, fault: ProcessFault, choose: () => number): Fault {
  const preload = ground.need('preload')
  const values = ground.nodes.map((node) => ({ node, value: choose() }))
  return {
    target: values.map(({ node, value }) => `${node.id} ${value > 0 ? '+' : ''}${value}`).join(', '),
    begin: async () => {
      for (const { node, value } of values) preload.set(node.id, fault, value)
    },
    end: async () => {
      for (const { node } of values) preload.set(node.id, fault, 0)
    },
  }
}
