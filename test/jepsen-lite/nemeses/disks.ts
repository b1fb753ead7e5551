/** Disks that are slow, fail, and are full. */
import { constants } from 'node:os'
import { type Ground, NotNow } from '../ground.js'
import type { Fault, Nemesis, Random } from '../types.js'

const SLOW_MIN_MS = 5
const SLOW_MAX_MS = 500
/** The exit status of a server whose disk failed it (docs/errors.md). */
const SERVING_FAILED = 3

export const diskNemeses: readonly Nemesis[] = [
  { name: 'fsync-slow', needs: 'preload', aim: async (ground, random) => slowSync(ground, random) },
  { name: 'fsync-error', needs: 'preload', aim: async (ground, random) => failingSync(ground, random) },
  {
    name: 'disk-full',
    needs: 'smallDisk',
    aim: async (ground) => fullDisk(ground),
  },
]

function slowSync(ground: Ground, random: Random): Fault {
  const preload = ground.need('preload')
  const nodes = random.chance(0.5) ? ground.nodes : [random.pick(ground.nodes)]
  const delayMs = Math.round(random.logBetween(SLOW_MIN_MS, SLOW_MAX_MS))
  return {
    target: `${nodes.map(({ id }) => id).join(' ')}: ${delayMs} ms`,
    begin: async () => {
      for (const node of nodes) preload.set(node.id, 'syncDelayMs', delayMs)
    },
    end: async () => {
      for (const node of nodes) preload.set(node.id, 'syncDelayMs', 0)
    },
  }
}

/** The process has to end itself: what a failed sync left on the disk nobody knows. */
function failingSync(ground: Ground, random: Random): Fault {
  const preload = ground.need('preload')
  const node = ground.anyFree(random)
  const victims = ground.seize([node])
  const forbidEnd = node.allowEnd(SERVING_FAILED)
  return {
    target: node.id,
    begin: async () => preload.set(node.id, 'syncErrno', constants.errno.EIO),
    end: async () => {
      preload.set(node.id, 'syncErrno', 0)
      await node.kill()
      forbidEnd()
      node.start()
      victims.release()
    },
  }
}

function fullDisk(ground: Ground): Fault {
  const smallDisk = ground.need('smallDisk')
  const node = ground.nodes.at(-1)
  if (node === undefined || !ground.free().includes(node))
    throw new NotNow('the node with the small disk has another fault')
  const victims = ground.seize([node])
  const forbidEnd = node.allowEnd(SERVING_FAILED)
  return {
    target: node.id,
    begin: async () => smallDisk.fill(),
    end: async () => {
      smallDisk.free()
      await node.kill()
      forbidEnd()
      node.start()
      victims.release()
    },
  }
}
