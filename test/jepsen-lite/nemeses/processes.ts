/** Server processes that die, freeze and are restarted. */
import type { Ground } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

type Choose = (ground: Ground, random: Random) => Promise<LocalNode>

const theLeader: Choose = (ground) => ground.leader()
const anyNode: Choose = async (ground, random) => ground.anyFree(random)

export const processNemeses: readonly Nemesis[] = [
  { name: 'kill-leader', aim: (...where) => killOne(theLeader, ...where) },
  { name: 'kill-random', aim: (...where) => killOne(anyNode, ...where) },
  { name: 'kill-all', aim: async (ground) => killAll(ground) },
  { name: 'pause-leader', aim: (...where) => pauseOne(theLeader, ...where) },
  { name: 'pause-random', aim: (...where) => pauseOne(anyNode, ...where) },
  { name: 'pause-all', aim: async (ground) => pauseAll(ground) },
  { name: 'restart-rolling', aim: async (ground) => rollingRestart(ground) },
]

async function killOne(choose: Choose, ground: Ground, random: Random): Promise<Fault> {
  const node = await choose(ground, random)
  const victims = ground.seize([node])
  return {
    target: node.id,
    begin: () => node.kill(),
    end: async () => {
      node.start()
      victims.release()
    },
  }
}

/** Takes the quorum on purpose: what was answered has to be there afterwards. */
function killAll({ cluster }: Ground): Fault {
  const victims = cluster.all.filter((node) => node.state !== 'down')
  return {
    target: victims.map(({ id }) => id).join(' '),
    begin: async () => {
      await Promise.all(victims.map((node) => node.kill()))
    },
    end: async () => {
      for (const node of victims) node.start()
    },
  }
}

/** For shorter or longer than the leases, as the schedule has it. */
async function pauseOne(choose: Choose, ground: Ground, random: Random): Promise<Fault> {
  const node = await choose(ground, random)
  const victims = ground.seize([node])
  return {
    target: node.id,
    begin: async () => node.pause(),
    end: async () => {
      node.resume()
      victims.release()
    },
  }
}

/** Every lease may run out while nobody looks at a clock. */
function pauseAll({ cluster }: Ground): Fault {
  const victims = cluster.all.filter((node) => node.state === 'up')
  return {
    target: victims.map(({ id }) => id).join(' '),
    begin: async () => {
      for (const node of victims) node.pause()
    },
    end: async () => {
      for (const node of victims) node.resume()
    },
  }
}

const SERVES_TIMEOUT_MS = 30_000

/** As an operator does it: SIGTERM, start, wait until it serves, the next one. */
function rollingRestart(ground: Ground): Fault {
  let done: Promise<void> = Promise.resolve()
  const restartAll = async (): Promise<void> => {
    for (const node of ground.nodes) {
      // An operator would not take away what the cluster cannot do without.
      if (!ground.free().includes(node) || !ground.canSpare(1)) continue
      const victims = ground.seize([node])
      try {
        await node.stop()
        node.start()
        await ground.cluster.untilServes(node, SERVES_TIMEOUT_MS)
      } finally {
        victims.release()
      }
    }
  }
  return {
    target: ground.nodes.map(({ id }) => id).join(' '),
    begin: async () => {
      done = restartAll()
      // Its failure is that of the end.
      done.catch(() => {})
    },
    end: () => done,
  }
}
