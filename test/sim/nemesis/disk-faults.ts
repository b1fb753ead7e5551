/** Disks that are slow, full, fail, or change what was written. */
import { DAMAGES } from './damage.js'
import type { Fault, Faults, Ground } from './fault.js'

const durationMs = ({ random }: Ground): number => random.logBetween(500, 15_000)

/** Some of what is written in a run: a disk fills up in the middle of anything. */
const FREE_BYTES_MAX = 32 * 1024

/**
 * A directory of a minority is changed while its process runs. Nothing is read back before the next start, so that is
 * often brought about.
 */
const damage =
  (kind: keyof typeof DAMAGES): Fault =>
  ({ cluster, random, victim }) => {
    const { volume } = victim
    // Not a learner: it could be made a voter before anybody notices.
    const isVoter = cluster.voterIds().includes(victim.nodeId)
    if (victim.raftId === 0 || victim.isLost || !isVoter || !cluster.canLoseOne()) return false
    volume.damage = random.pick(DAMAGES[kind])(volume.memory, random)
    if (volume.damage === null) return false
    cluster.world.note(`${victim.nodeId}: ${volume.damage}`)
    const end = random.float()
    if (end < 0.3) cluster.kill(victim)
    else if (end < 0.5) cluster.losePower(victim)
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
} as const satisfies Faults
