/** Processes that die, stop, sleep and stall. */
import type { Fault, Faults } from './fault.js'

export const FAILPOINTS = [
  'before sync',
  'after sync',
  'before write',
  'after write',
  'before send',
  'after send',
  'before receive',
  'before apply',
  'after apply',
  'before client write',
  'after client write',
] as const

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

const leaseMs = ({ cluster }: Parameters<Fault>[0]): number => cluster.swarm.settings.nodeLeaseMs

export const PROCESS_FAULTS = {
  kill: always(({ cluster, victim }) => cluster.kill(victim)),
  'power loss': always(({ cluster, victim }) => cluster.losePower(victim)),
  'crash of all': crashOfAll,
  failpoint: always(({ victim, random }) => victim.process?.armFailpoint(random.pick(FAILPOINTS), 1 + random.int(20))),
  pause: always((ground) => ground.victim.process?.stop(ground.random.logBetween(50, leaseMs(ground)))),
  'long pause': always((ground) => ground.victim.process?.stop(ground.random.between(0.5, 4) * leaseMs(ground))),
  suspend: always((ground) => ground.victim.process?.stop(ground.random.logBetween(500, 4 * leaseMs(ground)), true)),
  stall,
  'graceful restart': always(({ victim }) => void victim.member?.stop()),
} as const satisfies Faults
