/** Programs of different feature levels side by side: upgraded and downgraded at random, or member by member. */
import { FEATURE_LEVEL } from '../../../src/feature-level.js'
import { formatOfLevel } from '../../../src/raft/store/data-directory.js'
import type { Cluster } from '../cluster.js'
import type { Host } from '../host.js'
import { holdsNewerLayout } from '../newer-layout.js'
import { FORMER_LEVEL, NEXT_LEVEL } from '../program.js'
import type { Fault, Faults } from './fault.js'

/** Another program is installed: nodes of different versions run side by side. */
function install(cluster: Cluster, host: Host, programLevel: number): boolean {
  if (programLevel < FORMER_LEVEL || programLevel > NEXT_LEVEL) return false
  host.programLevel = programLevel
  if (cluster.world.random.chance(0.5)) cluster.kill(host)
  else void host.member?.stop()
  return true
}

/** As operators do it: member after member, in any order, each when the one before has had a while to come back. */
const installEverywhere =
  (direction: 1 | -1, levels: readonly number[]): Fault =>
  ({ cluster, random }) => {
    const { world } = cluster
    const programLevel = random.pick(levels)
    const meanMs = random.logBetween(500, 5_000)
    let atMs = 0
    for (const host of random.shuffled([...cluster.hosts.values()])) {
      world.after(atMs, () => {
        const isBehind = direction * (programLevel - host.programLevel) > 0
        if (!cluster.isHealing && isBehind) install(cluster, host, programLevel)
      })
      atMs += random.around(meanMs)
    }
    return true
  }

/**
 * The older program is made to run on what a newer one wrote: FORMAT lets it in, and it must see for itself. Where the newer one
 * died between raising FORMAT and its first write after that, nothing newer is there, and the older one may serve until it
 * applies the level.
 */
const setFormatBack: Fault = ({ cluster, victim }) => {
  const { volume } = victim
  const isNewer = volume.format > formatOfLevel(FEATURE_LEVEL) && volume.formatSetBack === null
  if (victim.raftId === 0 || victim.isLost || victim.programLevel <= FEATURE_LEVEL || !isNewer) return false
  cluster.kill(victim)
  // What a start of it would lose may be all that is newer.
  if (volume.isDoubtful || !holdsNewerLayout(volume.memory)) return false
  if (!volume.setFormatBack(formatOfLevel(FEATURE_LEVEL))) return false
  victim.programLevel = FEATURE_LEVEL
  return true
}

const asks =
  (...lines: readonly string[]): Fault =>
  ({ ask, random }) => {
    ask(random.pick(lines))
    return true
  }

export const UPGRADE_FAULTS = {
  upgrade: ({ cluster, victim }) => install(cluster, victim, victim.programLevel + 1),
  downgrade: ({ cluster, victim }) => install(cluster, victim, victim.programLevel - 1),
  'rolling upgrade': installEverywhere(1, [FEATURE_LEVEL, NEXT_LEVEL]),
  'rolling downgrade': installEverywhere(-1, [FORMER_LEVEL, FEATURE_LEVEL]),
  'upgrade held or finished': asks('.upgrade-hold', '.upgrade-finish', '.upgrade-finish'),
  /** A command that only the next level has. */
  stamp: asks('.stamp,text:seen'),
  'format set back': setFormatBack,
} as const satisfies Faults
