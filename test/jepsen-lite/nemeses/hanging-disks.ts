/** Disks that do not answer: for a while, and then never again. No error tells anybody. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

const HANG_MS = 30_000
/** rules.md, Slow disks: the larger of a minute and six leases; and some time to notice. */
const GIVES_UP_MS = 75_000
const POLL_MS = 100
/** The exit status of a server whose disk failed it (docs/errors.md). */
const SERVING_FAILED = 3

export const hangingDiskNemeses: readonly Nemesis[] = [
  {
    name: 'disk-hangs-leader',
    needs: 'preload',
    minNodes: 3,
    aim: async (ground) => hang(ground, [await ground.leader()], HANG_MS),
  },
  {
    name: 'disk-hangs-random',
    needs: 'preload',
    minNodes: 3,
    aim: async (ground, random) => hang(ground, [ground.anyFree(random)], HANG_MS),
  },
  // A storage box that all share: nobody is better off if a node ends itself.
  { name: 'disk-hangs-all', needs: 'preload', aim: async (ground, random) => hangAll(ground, random) },
  {
    name: 'disk-hangs-for-ever',
    needs: 'preload',
    minNodes: 3,
    aim: async (ground, random) => hangForEver(ground, random),
  },
]

function setHang(ground: Ground, nodes: readonly LocalNode[], hangs: boolean): void {
  const preload = ground.need('preload')
  for (const { id } of nodes) preload.set(id, 'syncHang', hangs ? 1 : 0)
}

function hang(ground: Ground, nodes: readonly LocalNode[], forMs: number): Fault {
  const victims = ground.seize(nodes)
  return {
    target: nodes.map(({ id }) => id).join(' '),
    begin: async () => {
      setHang(ground, nodes, true)
      await sleep(forMs)
    },
    end: async () => {
      setHang(ground, nodes, false)
      victims.release()
    },
  }
}

function hangAll(ground: Ground, random: Random): Fault {
  const { nodes } = ground
  if (ground.free().length < nodes.length) throw new NotNow('a node is down')
  const forMs = random.chance(0.5) ? HANG_MS : random.int(HANG_MS)
  return {
    target: `${nodes.map(({ id }) => id).join(' ')}: ${forMs} ms`,
    begin: async () => {
      setHang(ground, nodes, true)
      await sleep(forMs)
    },
    end: async () => setHang(ground, nodes, false),
  }
}

/** The node has to end by itself once the others go on without it; then its disk is replaced by one that answers. */
async function hangForEver(ground: Ground, random: Random): Promise<Fault> {
  const node = random.chance(0.5) ? await ground.leader() : ground.anyFree(random)
  const victims = ground.seize([node])
  const forbidEnd = node.allowEnd(SERVING_FAILED)
  return {
    target: node.id,
    begin: async () => {
      setHang(ground, [node], true)
      const deadlineMs = performance.now() + GIVES_UP_MS
      while (node.state !== 'down') {
        if (performance.now() > deadlineMs) throw new Error(`${node.id} has not ended, though its disk hangs for ever`)
        await sleep(POLL_MS)
      }
    },
    end: async () => {
      setHang(ground, [node], false)
      await node.kill()
      forbidEnd()
      node.start()
      victims.release()
    },
  }
}
