/** What a fault is, and the ground that it strikes on. */

import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { Client } from '../clients/client.js'
import type { Cluster } from '../cluster.js'
import type { Host } from '../host.js'

export interface Ground {
  readonly cluster: Cluster
  readonly clients: readonly Client[]
  readonly random: SeededRandom
  /** A node that is up; the leader more often than others: it is the most interesting victim. */
  readonly victim: Host
  /** An administration line, sent to any node that is up. */
  ask(line: string): void
}

/** Strikes, and heals itself after a while, mostly. False: it cannot strike now, and is not counted. */
export type Fault = (ground: Ground) => boolean

/** The faults of one area, by the names under which they are drawn and counted. */
export type Faults = Readonly<Record<string, Fault>>
