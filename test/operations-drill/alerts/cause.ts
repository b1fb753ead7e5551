import type { Client } from '../../../src/client/index.js'
import type { TestNode } from '../../kit/process-cluster.js'
import type { Drill } from '../drill.js'

/** What is done to real nodes, so that alerts fire. */
export interface Cause {
  readonly alerts: readonly string[]
  /** It takes its time, and does no harm to what is done meanwhile. */
  readonly isBeside?: boolean
  /** Resolves once its alerts have fired and what it did is over. */
  run(ground: Ground): Promise<void>
}

export interface Ground {
  readonly drill: Drill
  /** Of `shop`. */
  readonly client: Client
  /** Resolves once the alert fires, and names the node `of` if there is one. `again` is done until then. */
  fires(alert: string, expected?: Expected): Promise<void>
}

export interface Expected {
  readonly of?: TestNode
  again?(): Promise<void>
}
