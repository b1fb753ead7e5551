/** What one seed is like: every size, every time and every fault's frequency is drawn from it. */

import { BULK_QUEUE_BYTES, CONTROL_QUEUE_BYTES } from '../../src/raft/limits.js'
import { type Bounds, DEFAULT_BOUNDS } from '../../src/raft/node/bounds.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'
import type { ClusterSettings } from './member.js'
import { CORE_FAULTS } from './nemesis/core-faults.js'
import { FAULT_NAMES, type FaultName } from './nemesis/faults.js'
import { UPGRADE_FAULTS } from './nemesis/upgrade-faults.js'
import type { PeerTimes } from './network/peer-network.js'
import type { LaneLimits } from './network/peer-tap.js'

export interface Swarm {
  readonly nodes: number
  readonly classicClients: number
  readonly sessionClients: number
  readonly rudeClients: number
  readonly names: readonly string[]
  /** Names that are asked for as semaphores. */
  readonly semaphores: readonly string[]
  /** Some of the session clients are operators of the locks. */
  readonly hasOperators: boolean
  readonly settings: ClusterSettings
  readonly safetyMs: number
  /** Clock rates lie in [1, this], at every moment. */
  readonly maxClockRate: number
  readonly peer: Readonly<PeerTimes>
  readonly lanes: LaneLimits
  /** All nodes know one secret, and let in nobody without it. */
  readonly hasPeerSecret: boolean
  /** Longest metadata of a lock, in bytes. */
  readonly metaBytes: number
  readonly clientMeanMs: number
  /** Clients that a node has room for. */
  readonly clientPlaces: number
  /** How many of the clients' connections go through a relay. */
  readonly relayedShare: number
  readonly syncMs: number
  readonly thinkMs: number
  readonly holdMs: number
  /** Faults strike already while the cluster forms. */
  readonly earlyFaults: boolean
  /** Mean time between two faults of a kind; a kind that is missing does not happen. */
  readonly faults: ReadonlyMap<FaultName, number>
  /** Nodes run the program of the next feature level too. */
  readonly isMixed: boolean
  /** Of the nodes that begin with it, if any runs it. */
  readonly nextShare: number
  /** Of the others that begin with the program of the level before, and are upgraded under load. */
  readonly formerShare: number
  /** In the end all members have it, and the level must rise. */
  readonly isFinished: boolean
}

/** A frame may exceed its bound by a single entry, and that by a single command: metadata of 4,000 bytes. */
const ONE_ENTRY_BYTES = 5_000
/** Some commands. */
const SMALL_CONTROL_BYTES = 30_000
/** Less than a window of appends, and less than many a snapshot. */
const SMALL_BULK_BYTES = 12_000

/** So small that a few clients reach them. */
const SMALL_BOUNDS: Bounds = {
  ...DEFAULT_BOUNDS,
  entryBytes: 2_000,
  proposalsBytes: 6_000,
  forwardBytes: 6_000,
  uncommittedBytes: 3_000,
  bundleFrameBytes: 8_000,
  appendMessageBytes: 4_000,
  inflightBytes: 16_000,
  snapshotIntervalBytes: 50_000,
  trailingBytes: 20_000,
  heldBytes: 100_000,
}

/** Without one of these nothing newer is ever installed. */
const INSTALLS_NEXT = ['upgrade', 'rolling upgrade'] as const satisfies readonly FaultName[]

const LOCK_NAMES = ['a', 'b', 'c', 'd', 'e']
const SEMAPHORE_NAMES = ['s', 't']

/** `only`: these faults instead of those that are drawn. */
export function drawSwarm(random: SeededRandom, nodes: number | null, only: Swarm['faults'] | null = null): Swarm {
  const nodeLeaseMs = random.pick([3_000, 4_000, 6_000])
  const heartbeatMs = random.pick([50, 100])
  // Rule 0: 0.7 L - 50 ms is at least twice the longest election timeout, which is twice the shortest.
  const electionTimeoutMs = Math.min(random.pick([400, 500, 800]), (0.7 * nodeLeaseMs - 50) / 4)
  const drawn = new Map<FaultName, number>()
  const calm = random.chance(0.1)
  // They are of use only together.
  const upgradeChance = random.chance(0.5) ? 0.7 : 0
  const isSmall = random.chance(0.4)
  const bounds = isSmall ? SMALL_BOUNDS : DEFAULT_BOUNDS
  for (const fault of FAULT_NAMES) {
    if (calm || !random.chance(fault in UPGRADE_FAULTS ? upgradeChance : 0.4)) continue
    // A schedule for a rare rule must be tried often: it mostly comes to nothing.
    drawn.set(fault, fault in CORE_FAULTS ? random.logBetween(1_000, 8_000) : random.logBetween(2_000, 40_000))
  }
  const faults = only ?? drawn
  // A log that is cut often, and many entries on their way at a time: or no follower that falls behind needs a snapshot.
  const isCutOften = faults.has('late appends')
  return {
    nodes: nodes ?? random.pick([3, 3, 3, 5, 5, 7]),
    classicClients: random.int(6),
    sessionClients: (isCutOften ? 4 : 1) + random.int(6),
    rudeClients: random.pick([0, 0, 1, 2]),
    names: LOCK_NAMES.slice(0, 1 + random.int(LOCK_NAMES.length)),
    semaphores: SEMAPHORE_NAMES.slice(0, random.int(SEMAPHORE_NAMES.length + 1)),
    hasOperators: random.chance(0.5),
    settings: {
      nodeLeaseMs,
      heartbeatMs,
      electionTimeoutMs,
      bounds: {
        ...bounds,
        // The shorter ones come to six node leases.
        diskHangsMs: random.pick([1_000, 1_000, 20_000, 60_000]),
        snapshotIntervalEntries: random.pick(isCutOften ? [5, 10, 20] : [20, 60, 200, 100_000]),
        trailingEntries: random.pick(isCutOften ? [0, 0, 5] : [0, 5, 50, 10_000]),
        heldEntries: random.pick(isCutOften ? [0] : [0, 0, 20, 300_000]),
      },
    },
    safetyMs: random.logBetween(8_000, 60_000),
    maxClockRate: random.pick([1, 1.01, 1.1, 1.1]),
    peer: {
      minMs: random.pick([0.1, 1, 10]),
      meanMs: random.pick([0.5, 3, 20]),
      lateChance: random.chance(0.5) ? random.logBetween(0.001, 0.05) : 0,
      jitterChance: random.chance(0.3) ? random.logBetween(0.001, 0.1) : 0,
      ackStallChance: random.pick([0, 0, 0.3]),
      windowBytes: random.pick([3_000, 65_536, 1_048_576]),
      splitChance: random.pick([0, 0.02, 0.5]),
    },
    lanes: {
      frameBytes: bounds.bundleFrameBytes + ONE_ENTRY_BYTES,
      controlBytes: isSmall ? SMALL_CONTROL_BYTES : CONTROL_QUEUE_BYTES,
      bulkBytes: isSmall ? SMALL_BULK_BYTES : BULK_QUEUE_BYTES,
    },
    hasPeerSecret: random.chance(0.3),
    metaBytes: isSmall || random.chance(0.1) ? 4_000 : 0,
    clientMeanMs: random.pick([0.5, 5, 40]),
    clientPlaces: random.pick([4, 1_000, 1_000]),
    relayedShare: random.pick([0, 0.3, 1]),
    syncMs: random.pick([0.5, 3, 15]),
    thinkMs: random.logBetween(60, isCutOften ? 300 : 1_200),
    holdMs: random.logBetween(50, isCutOften ? 300 : 5_000),
    earlyFaults: random.chance(0.2),
    faults,
    isMixed: INSTALLS_NEXT.some((fault) => faults.has(fault)),
    nextShare: random.pick([0, 0.5, 1]),
    formerShare: random.pick([0, 0.5, 1]),
    isFinished: random.chance(0.5),
  }
}
