import { EMPTY_IDS, withId, withoutId } from '../quorum/id-set.js'
import { isVoter, jointIds } from '../quorum/joint.js'
import { type Config, isJoint } from '../tracker/config.js'
import { Inflights } from '../tracker/inflights.js'
import { Progress } from '../tracker/progress.js'
import type { InflightLimits, Membership } from '../tracker/tracker.js'
import { type ConfChangeSingle, ConfChangeType, type ConfChangeV2, type Index, NONE, type RaftId } from '../types.js'
import { enterJoint, leaveJoint } from './conf-change.js'

/** A membership change that must not be made. `message` says why. */
export class ConfChangeError extends Error {
  override readonly name = 'ConfChangeError'
  readonly code = 'TNL_CONF_CHANGE'
}

/**
 * Computes the membership that follows from a change (thesis chapter 4). The membership it starts from is left as it is,
 * also when the change is refused with a ConfChangeError. New members are probed from `lastIndex`.
 */
export class Changer {
  readonly #base: Membership
  readonly #limits: InflightLimits
  readonly #lastIndex: Index

  constructor(base: Membership, limits: InflightLimits, lastIndex: Index) {
    this.#base = base
    this.#limits = limits
    this.#lastIndex = lastIndex
  }

  /** Changes that touch at most one voter: any majority before shares a member with any majority after (thesis 4.1). */
  simple(changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft()
    if (isJoint(draft.config)) throw new ConfChangeError("can't apply simple config change in joint config")
    draft.apply(changes)
    if (votersChanged(this.#base.config, draft.config) > 1) {
      throw new ConfChangeError('more than one voter changed without entering joint config')
    }
    return draft.checked()
  }

  /** From (1 2 3) to (incoming)&&(1 2 3): the changes apply to the incoming half, decisions need both (thesis 4.3). */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): Membership {
    const draft = this.#draft()
    if (isJoint(draft.config)) throw new ConfChangeError('config is already joint')
    const { incoming } = draft.config.voters
    if (incoming.length === 0) throw new ConfChangeError("can't make a zero-voter config joint")
    draft.config = { ...draft.config, voters: { incoming, outgoing: incoming } }
    draft.apply(changes)
    draft.config = { ...draft.config, autoLeave }
    return draft.checked()
  }

  /** The incoming half decides alone from now on; voters that wait to be learners become learners, others left over go. */
  leaveJoint(): Membership {
    const draft = this.#draft()
    if (!isJoint(draft.config)) throw new ConfChangeError("can't leave a non-joint config")
    draft.leaveJoint()
    return draft.checked()
  }

  #draft(): Draft {
    const draft = new Draft(this.#base, this.#limits, this.#lastIndex)
    draft.checked()
    return draft
  }
}

/** A membership under construction. The progress of members that keep their role is shared with the base, not copied. */
class Draft implements Membership {
  config: Config
  readonly progress: Map<RaftId, Progress>
  readonly #limits: InflightLimits
  readonly #lastIndex: Index

  constructor(base: Membership, limits: InflightLimits, lastIndex: Index) {
    this.config = base.config
    this.progress = new Map(base.progress)
    this.#limits = limits
    this.#lastIndex = lastIndex
  }

  apply(changes: readonly ConfChangeSingle[]): void {
    for (const change of changes) {
      // Id zero stands for a change that was withdrawn after it was proposed.
      if (change.nodeId !== NONE) this.#applyOne(change)
    }
    if (this.config.voters.incoming.length === 0) throw new ConfChangeError('removed all voters')
  }

  leaveJoint(): void {
    const { voters, learnersNext } = this.config
    for (const id of learnersNext) {
      this.config = { ...this.config, learners: withId(this.config.learners, id) }
      this.#setRole(id, true)
    }
    this.config = {
      ...this.config,
      voters: { incoming: voters.incoming, outgoing: EMPTY_IDS },
      learnersNext: EMPTY_IDS,
      autoLeave: false,
    }
    for (const id of voters.outgoing) {
      if (!voters.incoming.includes(id) && !this.config.learners.includes(id)) this.progress.delete(id)
    }
  }

  checked(): Membership {
    checkMembership(this)
    return { config: this.config, progress: this.progress }
  }

  #applyOne({ type, nodeId }: ConfChangeSingle): void {
    switch (type) {
      case ConfChangeType.addNode:
        this.#makeVoter(nodeId)
        break
      case ConfChangeType.addLearnerNode:
        this.#makeLearner(nodeId)
        break
      case ConfChangeType.removeNode:
        this.#remove(nodeId)
        break
      case ConfChangeType.updateNode:
        break
      default:
        throw new ConfChangeError(`unexpected conf type ${String(type)}`)
    }
  }

  #makeVoter(id: RaftId): void {
    this.#leaveRoles(id)
    const { voters } = this.config
    this.config = { ...this.config, voters: { ...voters, incoming: withId(voters.incoming, id) } }
    this.#setRole(id, false)
  }

  #makeLearner(id: RaftId): void {
    if (this.config.learners.includes(id)) return
    this.#leaveRoles(id)
    if (this.config.voters.outgoing.includes(id)) {
      this.config = { ...this.config, learnersNext: withId(this.config.learnersNext, id) }
      return
    }
    this.config = { ...this.config, learners: withId(this.config.learners, id) }
    this.#setRole(id, true)
  }

  #remove(id: RaftId): void {
    this.#leaveRoles(id)
    // A voter of the outgoing half still takes part in decisions.
    if (!this.config.voters.outgoing.includes(id)) this.progress.delete(id)
  }

  #leaveRoles(id: RaftId): void {
    const { voters, learners, learnersNext } = this.config
    this.config = {
      ...this.config,
      voters: { ...voters, incoming: withoutId(voters.incoming, id) },
      learners: withoutId(learners, id),
      learnersNext: withoutId(learnersNext, id),
    }
  }

  #setRole(id: RaftId, isLearner: boolean): void {
    const progress = this.progress.get(id)
    if (progress?.isLearner === isLearner) return
    this.progress.set(id, progress?.withRole(isLearner) ?? this.#newProgress(isLearner))
  }

  #newProgress(isLearner: boolean): Progress {
    // Recently active, or the next quorum check could depose the leader before the new member had a chance to speak.
    const init = { match: 0, next: Math.max(this.#lastIndex, 1), isLearner, recentActive: true }
    return new Progress(init, new Inflights(this.#limits.maxInflight, this.#limits.maxInflightBytes))
  }
}

function votersChanged(before: Config, after: Config): number {
  const was = before.voters.incoming
  const is = after.voters.incoming
  return was.filter((id) => !is.includes(id)).length + is.filter((id) => !was.includes(id)).length
}

/** Refuses a membership in which a member has two roles, or none of its progress, or a rest of a joint configuration. */
export function checkMembership({ config, progress }: Membership): void {
  const { voters, learners, learnersNext } = config
  const refuseIf = (broken: boolean, why: string): void => {
    if (broken) throw new ConfChangeError(why)
  }
  for (const id of [...jointIds(voters), ...learners, ...learnersNext]) {
    refuseIf(!progress.has(id), `no progress for ${id}`)
  }
  for (const id of learnersNext) {
    refuseIf(!voters.outgoing.includes(id), `${id} is in learnersNext, but not in the outgoing voters`)
    refuseIf(progress.get(id)?.isLearner === true, `${id} is in learnersNext, but is already marked as learner`)
  }
  for (const id of learners) {
    refuseIf(isVoter(voters, id), `${id} is both learner and voter`)
    refuseIf(progress.get(id)?.isLearner === false, `${id} is in learners, but is not marked as learner`)
  }
  refuseIf(!isJoint(config) && config.autoLeave, 'autoLeave must be false when not joint')
}

/** The membership that follows from a change, on its own or by way of a joint configuration. Throws ConfChangeError. */
export function membershipAfter(
  base: Membership,
  limits: InflightLimits,
  lastIndex: Index,
  change: ConfChangeV2,
): Membership {
  const changer = new Changer(base, limits, lastIndex)
  if (leaveJoint(change)) return changer.leaveJoint()
  const { useJoint, autoLeave } = enterJoint(change)
  return useJoint ? changer.enterJoint(autoLeave, change.changes) : changer.simple(change.changes)
}
