/** Machines that lose their power: what was not synced is gone with the process. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ground } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

export const powerNemeses: readonly Nemesis[] = [
  {
    name: 'power-cut-random',
    needs: 'preload',
    aim: async (ground, random) => {
      const victims = ground.seize([ground.anyFree(random)])
      return powerCut(ground, random, victims.nodes, victims.release)
    },
  },
  {
    name: 'power-cut-all',
    needs: 'preload',
    // Takes the quorum on purpose: what was answered has to be there afterwards.
    aim: async (ground, random) =>
      powerCut(
        ground,
        random,
        ground.cluster.all.filter(({ state }) => state !== 'down'),
        () => {},
      ),
  },
]

/** Before the cut the disks are busy, so that there is something to lose. */
const BUSY_MIN_MS = 2
const BUSY_MAX_MS = 200
const BUSY_FOR_MS = 1_000

function powerCut(ground: Ground, random: Random, nodes: readonly LocalNode[], release: () => void): Fault {
  const preload = ground.need('preload')
  const busyMs = Math.round(random.logBetween(BUSY_MIN_MS, BUSY_MAX_MS))
  const slowDown = (delayMs: number): void => {
    for (const { id } of nodes) preload.set(id, 'syncDelayMs', delayMs)
  }
  return {
    target: `${nodes.map(({ id }) => id).join(' ')}: syncs take ${busyMs} ms`,
    begin: async () => {
      slowDown(busyMs)
      await sleep(BUSY_FOR_MS)
      const cuts = nodes.map((node) => node.cutPower(() => void preload.losePower(node.id, node.plan.dataDir, random)))
      await Promise.all(cuts)
    },
    end: async () => {
      slowDown(0)
      for (const node of nodes) node.start()
      release()
    },
  }
}
