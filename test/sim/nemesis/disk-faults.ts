/** Disks that are slow, full, fail, or change what was written. */
import { STRAY_STEPS, type StrayPlan } from '../stray-writes.js'
import { DAMAGES } from './damage.js'
import type { Fault, Faults, Ground } from './fault.js'

const durationMs = ({ random }: Ground): number => random.logBetween(500, 15_000)

/** Some of what is written in a run: a disk fills up in the middle of anything. */
const FREE_BYTES_MAX = 32 * 1024

/** Not always the first write; and the victim cannot have another fault of its disk until it was made, or called off. */
const STRAY_WRITES_MAX = 6
const STRAY_WAIT_MS = 15_000

/** Not a learner: it could be made a voter before anybody notices. */
function mayBeLost({ cluster, victim }: Ground): boolean {
  const isVoter = cluster.voterIds().includes(victim.nodeId)
  return victim.raftId !== 0 && !victim.isLost && isVoter && cluster.canLoseOne()
}

/**
 * A directory of a minority is changed while its process runs. Nothing is read back before the next start, so that is
 * often brought about.
 */
const damage =
  (kind: keyof typeof DAMAGES): Fault =>
  (ground) => {
    if (!mayBeLost(ground)) return false
    const { cluster, random, victim } = ground
    const { volume } = victim
    volume.damage = random.pick(DAMAGES[kind])(volume.memory, random)
    if (volume.damage === null) return false
    cluster.world.note(`${victim.nodeId}: ${volume.damage}`)
    const end = random.float()
    if (end < 0.3) cluster.kill(victim)
    else if (end < 0.5) cluster.losePower(victim)
    return true
  }

/** A write of this minute lands elsewhere; not long after, the process is often made to read it back. */
const strayWrite: Fault = (ground) => {
  if (!mayBeLost(ground)) return false
  const { cluster, random, victim } = ground
  const { world } = cluster
  const { volume } = victim
  const end = random.float()
  const endMs = random.logBetween(0.1, 3_000)
  const plan: StrayPlan = {
    step: random.pick(STRAY_STEPS),
    left: 1 + random.int(STRAY_WRITES_MAX),
    done: () =>
      world.after(endMs, () => {
        if (victim.volume !== volume || cluster.isHealing) return
        if (end < 0.4) cluster.kill(victim)
        else if (end < 0.7) cluster.losePower(victim)
      }),
  }
  volume.stray = plan
  world.after(STRAY_WAIT_MS, () => {
    if (volume.stray === plan) volume.stray = null
  })
  return true
}

export const DISK_FAULTS = {
  'slow disk': (ground) => {
    const { volume } = ground.victim
    volume.slowness = ground.random.logBetween(3, 300)
    ground.cluster.world.after(durationMs(ground), () => {
      volume.slowness = 1
    })
    return true
  },
  'hanging disk': ({ cluster, random, victim }) => {
    const { volume } = victim
    if (volume.isHanging) return false
    volume.hang()
    // Not always: then it hangs until the end.
    if (random.chance(0.8)) cluster.world.after(random.logBetween(300, 30_000), () => volume.answer())
    return true
  },
  'all disks hang': ({ cluster, random }) => {
    if (cluster.allHang) return false
    cluster.hangAll(random.logBetween(500, 40_000))
    return true
  },
  'full disk': (ground) => {
    const { volume } = ground.victim
    volume.freeBytes = ground.random.pick([0, ground.random.int(FREE_BYTES_MAX)])
    ground.cluster.world.after(durationMs(ground), () => {
      volume.freeBytes = Number.POSITIVE_INFINITY
    })
    return true
  },
  'fsync error': ({ victim }) => {
    victim.volume.failNextSync = true
    return true
  },
  'read error': ({ victim }) => {
    victim.volume.failNextRead = true
    return true
  },
  'bit flip': damage('bit flip'),
  'lost data': damage('lost data'),
  'lost write': damage('lost write'),
  'misdirected write': damage('misdirected write'),
  'write gone astray': strayWrite,
  'put back': (ground) => {
    const { cluster, random, victim } = ground
    if (!mayBeLost(ground) || victim.volume.isHanging) return false
    cluster.putBack.later(victim, random.logBetween(50, 10_000))
    return true
  },
} as const satisfies Faults
