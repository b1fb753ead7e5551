/** Processes that die, stop, sleep and stall. */

import { STORE_FAILPOINTS } from '../checks/tapped-store.js'
import type { Cluster } from '../cluster.js'
import { DISK_FAILPOINTS } from '../disk.js'
import type { Fault, Faults } from './fault.js'

export const FAILPOINTS = [
  ...DISK_FAILPOINTS,
  ...STORE_FAILPOINTS,
  'before send',
  'after send',
  'before receive',
  'before apply',
  'after apply',
  'before client write',
  'after client write',
] as const

/** Not between the look at the clock and the write: what hangs there for longer than the margin of rule 2 speaks too late. */
const STALL_POINTS = ['before send', 'after send', 'before receive', 'before apply', 'after apply'] as const

const crashOfAll: Fault = ({ cluster, random }) => {
  const powerless = random.chance(0.5)
  for (const host of cluster.upHosts()) {
    if (powerless) cluster.losePower(host)
    else cluster.kill(host)
  }
  return true
}

const stall: Fault = ({ cluster, random }) => {
  for (const host of cluster.upHosts()) if (random.chance(0.5)) host.process?.stop(random.logBetween(5, 1_500))
  return true
}

/** Each of these strikes one victim, and always can. */
const always =
  (strike: (ground: Parameters<Fault>[0]) => void): Fault =>
  (ground) => {
    strike(ground)
    return true
  }

/** Its directory is started a second time while the process lives; one that was never a member is nobody yet. */
const startTwice =
  (...ways: Parameters<Cluster['startTwice']>[1][]): Fault =>
  ({ cluster, victim, random }) => {
    if (victim.raftId === 0 || victim.isLost) return false
    cluster.startTwice(victim, random.pick(ways))
    return true
  }

const leaseMs = ({ cluster }: Parameters<Fault>[0]): number => cluster.swarm.settings.nodeLeaseMs

/** The process dies at a point that it passes soon, or often, or when it starts again. */
const failpoint: Fault = ({ cluster, victim, random }) => {
  const name = random.pick(FAILPOINTS)
  const times = random.pick([1, 1, 1 + random.int(20)])
  if (random.chance(0.6)) victim.process?.armFailpoint(name, times)
  else {
    victim.failpointAtStart = { name, times }
    cluster.kill(victim)
  }
  return true
}

export const PROCESS_FAULTS = {
  kill: always(({ cluster, victim }) => cluster.kill(victim)),
  'power loss': always(({ cluster, victim }) => cluster.losePower(victim)),
  'crash of all': crashOfAll,
  failpoint,
  pause: always((ground) => ground.victim.process?.stop(ground.random.logBetween(50, leaseMs(ground)))),
  'long pause': always((ground) => ground.victim.process?.stop(ground.random.between(0.5, 4) * leaseMs(ground))),
  'stall in a turn': always((ground) => {
    const { victim, random } = ground
    const ms = random.logBetween(50, 2 * leaseMs(ground))
    victim.process?.armStall(random.pick(STALL_POINTS), 1 + random.int(20), ms)
  }),
  /** It wakes about when its right to speak ends. */
  'pause to the brink': (ground) => {
    const { victim, random } = ground
    const remainingMs = victim.member?.service?.stats().speakRemainingMs ?? 0
    if (remainingMs <= 0) return false
    victim.process?.stop((remainingMs * random.between(0.97, 1.03)) / victim.machine.rate, random.chance(0.3))
    return true
  },
  suspend: always((ground) => ground.victim.process?.stop(ground.random.logBetween(500, 4 * leaseMs(ground)), true)),
  stall,
  'volume moved': always(({ cluster, victim }) => cluster.move(victim)),
  'volume attached elsewhere': startTwice('attached elsewhere'),
  'copied directory': startTwice('copied elsewhere', 'copied'),
  'graceful restart': always(({ victim }) => void victim.member?.stop()),
} as const satisfies Faults
