/** Disks that are slow, full, or fail. */
import type { Faults, Ground } from './fault.js'

const durationMs = ({ random }: Ground): number => random.logBetween(500, 15_000)

/** Some of what is written in a run: a disk fills up in the middle of anything. */
const FREE_BYTES_MAX = 32 * 1024

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
} as const satisfies Faults
