/** What a campaign must have met: a fault that never struck proves nothing. */
import { FAULT_NAMES } from './nemesis/faults.js'
import { FAILPOINTS } from './nemesis/process-faults.js'

export type Coverage = ReadonlyMap<string, number>

/** Turns of events without which the faults would have had no effect; each is a counter of the run. */
export const EVENTS = [
  'leader elected',
  'leadership confirmed',
  'read at a leader',
  'read at a follower',
  'read unavailable',
  'epoch begun',
  'epoch abandoned',
  'node lease ran out',
  'lease in jeopardy',
  'lease safe',
  'session detached',
  'session resumed',
  'session superseded',
  'session session-expired',
  'answer repeated',
  'grant',
  'seen grant to a waiter',
  'timed delay',
  'snapshot made',
  'log compacted',
  'snapshot installed',
  'snapshot restored',
  'members changed',
  'seen joint entered',
  'seen joint left by another leader',
  'seen damaged directory refused',
  'seen damage without effect',
  'seen directory put back',
  'seen forgotten directory found',
  'seen put-back directory that nobody remembers',
  'seen misdirected journal write',
  'seen misdirected log write',
  'seen misdirected snapshot write',
  'seen older layout read',
  'seen downgrade refused',
  'seen field of the next level',
  'seen command of the next level',
  'seen snapshot of the next level',
  'seen newer layout refused',
  'seen program left behind',
  'level raised',
  'seen read error',
  'seen disk full at log write',
  'seen disk full at snapshot write',
  'seen fsync error at journal write',
  'seen fsync error at log write',
  'seen fsync error at snapshot sync',
  'a write to the disk takes longer than an election timeout',
  'hands the leadership over because its disk hangs and a quorum has stored more',
  'steps down because its disk hangs and the heir has not taken over',
  'seen end by a hanging disk',
  'seen node id renewed',
  'crash in joint',
  'seen split in joint',
  'seen log beyond a snapshot on its way',
  'seen appends in one turn with a snapshot',
  'seen full lane to a peer',
  'peer connected',
  'lost the connection to a peer',
  'refused a peer',
  'refused by a peer',
  'seen dial that hangs in SYN',
  'seen silent peer given up',
  'seen peer that takes no more for now',
  'seen client that takes no more for now',
  'seen node without a place for a client',
  'seen stall after a snapshot acknowledgement',
  'seen busy',
  'seen stall in a turn',
  'seen session resumed elsewhere',
  'seen session resumed on a second connection',
  'seen reset that became a FIN',
  'resume outdated',
  'seen late client line',
  'seen late client line after the client had left',
  'seen late resume',
  'seen late command',
  'seen late command after it was sent again elsewhere',
  'rude client: flood',
] as const

export interface CoverageRow {
  readonly group: 'fault' | 'crash at failpoint' | 'event'
  readonly name: string
  readonly times: number
}

/** Everything that is expected, in the order of the lists. */
export function coverageRows(coverage: Coverage): CoverageRow[] {
  const rows = (group: CoverageRow['group'], names: readonly string[], key: (name: string) => string) =>
    names.map((name) => ({ group, name, times: coverage.get(key(name)) ?? 0 }))
  return [
    ...rows('fault', FAULT_NAMES, (name) => `fault ${name}`),
    ...rows('crash at failpoint', FAILPOINTS, (name) => `crash at ${name}`),
    ...rows('event', EVENTS, (name) => name),
  ]
}

export function addCoverage(sum: Map<string, number>, part: Coverage): void {
  for (const [what, times] of part) sum.set(what, (sum.get(what) ?? 0) + times)
}
