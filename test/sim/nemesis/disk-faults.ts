/** Disks that are slow, full, or fail. */
import type { Faults, Ground } from './fault.js'

const durationMs = ({ random }: Ground): number => random.logBetween(500, 15_000)

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
    volume.isFull = true
    ground.cluster.world.after(durationMs(ground), () => {
      volume.isFull = false
    })
    return true
  },
  'fsync error': ({ victim }) => {
    victim.volume.failNextSync = true
    return true
  },
} as const satisfies Faults
