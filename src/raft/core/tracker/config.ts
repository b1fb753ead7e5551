import { EMPTY_IDS, type IdSet } from '../quorum/id-set.js'
import type { JointConfig } from '../quorum/joint.js'
import type { ConfState } from '../types.js'

/** The membership in force. */
export interface Config {
  readonly voters: JointConfig
  /** Leave a joint configuration as soon as it is committed, without being asked to. */
  readonly autoLeave: boolean
  /** Never a voter at the same time, in neither half: a member has one role. */
  readonly learners: IdSet
  /**
   * Voters of the outgoing half that become learners when the joint configuration is left. Making them learners earlier
   * would give them two roles.
   */
  readonly learnersNext: IdSet
}

export const EMPTY_CONFIG: Config = {
  voters: { incoming: EMPTY_IDS, outgoing: EMPTY_IDS },
  autoLeave: false,
  learners: EMPTY_IDS,
  learnersNext: EMPTY_IDS,
}

export function isJoint(config: Config): boolean {
  return config.voters.outgoing.length > 0
}

export function toConfState(config: Config): ConfState {
  return {
    voters: config.voters.incoming,
    learners: config.learners,
    votersOutgoing: config.voters.outgoing,
    learnersNext: config.learnersNext,
    autoLeave: config.autoLeave,
  }
}
