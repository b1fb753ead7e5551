/** Clients that freeze or sleep, and links to nodes that are cut. */
import type { Faults, Ground } from './fault.js'

const durationMs = ({ random }: Ground): number => random.logBetween(100, 20_000)

function stopClient(ground: Ground, suspend: boolean): boolean {
  ground.random.pick(ground.clients).process.stop(durationMs(ground), suspend)
  return true
}

export const CLIENT_FAULTS = {
  'client freeze': (ground) => stopClient(ground, false),
  'client suspend': (ground) => stopClient(ground, true),
  'client link cut': ({ clients, random }) => {
    const connection = random.pick(clients).connection()
    connection?.cut(random.logBetween(100, 30_000))
    return connection !== null
  },
} as const satisfies Faults
