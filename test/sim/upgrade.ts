/** Upgrades: with which programs a run begins, how an operator brings it to its end, and what must follow. */
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { Cluster } from './cluster.js'
import { FORMER_LEVEL, NEXT_LEVEL } from './program.js'
import type { Swarm } from './swarm.js'

const LOOK_AGAIN_MS = 2_000

/** With which program a founder begins, where nodes of several run. */
export function firstLevel({ nextShare, formerShare }: Swarm, random: SeededRandom): number {
  if (random.chance(nextShare)) return NEXT_LEVEL
  return random.chance(formerShare) ? FORMER_LEVEL : FEATURE_LEVEL
}

/** Every node gets the newer program, and nothing holds the level any longer. */
export function finishUpgrade(cluster: Cluster): void {
  cluster.world.note('the upgrade is finished')
  for (const host of cluster.hosts.values()) {
    if (host.programLevel === NEXT_LEVEL) continue
    host.programLevel = NEXT_LEVEL
    host.process?.kill()
  }
  liftHold(cluster)
}

function liftHold(cluster: Cluster): void {
  const { reference } = cluster.checks.log
  if (reference?.isLevelHeld === true) cluster.leader()?.administer('.upgrade-finish', () => undefined)
  cluster.world.after(LOOK_AGAIN_MS, () => liftHold(cluster))
}

/** Every member is up with a program of a higher level, nothing holds the level, and it has not risen. */
export function mustRise(cluster: Cluster): boolean {
  const { reference } = cluster.checks.log
  if (reference === null || reference.isLevelHeld) return false
  return cluster.memberIds().every((id) => (reference.levelOfNode(id) ?? 0) > reference.level)
}
