/**
 * Clocks that change their rate while all of them stay within the ratio that the rules bear (rules.md, Time); and the time of
 * day, which may be anything.
 */
import type { Machine } from '../process.js'
import type { Faults, Ground } from './fault.js'

/** The ends of the range as often as anything between: rules break there. */
function draw({ cluster, random }: Ground): number {
  const { maxClockRate } = cluster.swarm
  return random.pick([1, maxClockRate, random.between(1, maxClockRate)])
}

/** False: none of them changed. */
function redraw(ground: Ground, machines: Iterable<Machine>): boolean {
  const changed = [...machines].filter((machine) => machine.changeRate(draw(ground)))
  for (const { name, rate } of changed) ground.cluster.world.note(`clocks of ${name} run at ${rate.toFixed(4)}`)
  return changed.length > 0
}

const YEAR_MS = 365 * 86_400_000
/** It is set right again after a while. */
const WRONG_MS = 15_000

/** Seconds, or the year 2040: whatever a wrong clock says is over must not take what is not. */
function setWallClock({ cluster, random, victim: { machine } }: Ground): boolean {
  const { world } = cluster
  if (machine.wallOffsetMs !== 0) return false
  machine.wallOffsetMs = Math.floor(random.pick([-15 * YEAR_MS, -5_000, 5_000, 15 * YEAR_MS]))
  world.note(`the wall clock of ${machine.name} is set by ${machine.wallOffsetMs} ms`)
  world.after(random.around(WRONG_MS), () => {
    machine.wallOffsetMs = 0
  })
  return true
}

export const CLOCK_FAULTS = {
  'wall clock set': setWallClock,
  'clock rate of a node': (ground) => redraw(ground, [ground.victim.machine]),
  'clock rate of a client': (ground) => redraw(ground, [ground.random.pick(ground.clients).process.machine]),
  'clock rate of many': (ground) => {
    const { cluster, clients, random } = ground
    const processes = [
      ...clients.map(({ process }) => process),
      ...cluster.upHosts().flatMap((host) => host.process ?? []),
    ]
    return redraw(ground, new Set(processes.filter(() => random.chance(0.5)).map(({ machine }) => machine)))
  },
} as const satisfies Faults
