/** Clients that freeze or sleep, links to nodes that are cut, and lines that come late. */
import type { ClientConnection } from '../network/client-connection.js'
import type { Fault, Faults, Ground } from './fault.js'
import { isolate } from './network-faults.js'

const durationMs = ({ random }: Ground): number => random.logBetween(100, 20_000)

function stopClient(ground: Ground, suspend: boolean): boolean {
  ground.random.pick(ground.clients).process.stop(durationMs(ground), suspend)
  return true
}

/** As late as frames between nodes may come: long after the client went elsewhere, or its session ended. */
const LATE_MAX_MS = 120_000
const TURNS = ['dial', 'command', 'command', 'command'] as const

/** A node that hears of nothing may take a late line for one of its time. */
function deafen(ground: Ground, connection: ClientConnection): void {
  const { cluster, random } = ground
  const victim = cluster.upHosts().find(({ process }) => process === connection.node?.process)
  if (victim === undefined) return
  // About as long as it takes the client to go elsewhere.
  const ms = random.between(0.3, 1) * cluster.swarm.settings.nodeLeaseMs
  if (random.chance(0.3)) victim.process?.stop(ms)
  else isolate({ ...ground, victim }, random.pick(['both', 'in']), ms)
}

/**
 * From the first line of its next connection on, which opens or resumes a session or asks for a lock, or from its next
 * command on; mostly until it has gone elsewhere, and may have repeated there what was not answered.
 */
const lateLines: Fault = (ground) => {
  const { cluster, clients, random } = ground
  const turn = random.pick(TURNS)
  cluster.late.atNext(turn, random.pick(clients).process, (connection) => {
    const after = random.chance(0.8) ? { turn: random.pick(TURNS), ms: random.logBetween(1, 1_000) } : null
    cluster.late.holdBack(connection, { ms: random.logBetween(1_000, LATE_MAX_MS), after })
    if (turn === 'command' && random.chance(0.9)) deafen(ground, connection)
  })
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
  'late client lines': lateLines,
} as const satisfies Faults
