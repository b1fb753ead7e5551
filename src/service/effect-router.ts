/**
 * The way of an entry's effects to whom they concern: the epochs of this node, the leader's timers, and the connections of this
 * node's epoch. It is the only one: the state machine knows nobody, and what is called from here runs on the state after the
 * entry.
 */
import { unreachable } from '../invariant.js'
import type { SessionId } from '../locks/commands/commands.js'
import type { Effect, LockEvent, Where } from '../locks/effects.js'
import type { LeaderDuties } from './leases/leader-duties.js'
import type { NodeEpoch } from './leases/node-epoch.js'
import type { Attachments } from './sessions/attachments.js'

export interface EffectReceivers {
  readonly attachments: Attachments
  readonly duties: LeaderDuties
  readonly epoch: NodeEpoch
  /** Other members than before, or at other addresses. */
  membersChanged(): void
  /** A request waits that nobody could examine for a deadlock. */
  unexamined(session: SessionId, lock: string): void
  /** The cluster's feature level. */
  levelRaised(level: number): void
  /** Something that watches are told. */
  event(event: LockEvent): void
}

/** Effects that are for one connection. */
type Told = Extract<Effect, { readonly where: unknown }>

export class EffectRouter {
  constructor(private readonly to: EffectReceivers) {}

  /** All effects of one entry. */
  route(effects: readonly Effect[]): void {
    if (effects.length === 0) return
    for (const effect of effects) this.#route(effect)
    this.to.attachments.entryTold()
  }

  #route(effect: Effect): void {
    const { attachments, duties, epoch } = this.to
    switch (effect.kind) {
      case 'nodeUp':
        duties.epochs.epochBegun(effect.epoch)
        duties.upgradeChanged()
        epoch.nodeUp(effect.node, effect.epoch)
        return
      case 'epochEnded':
        duties.epochs.epochEnded(effect.epoch)
        epoch.epochEnded(effect.node, effect.epoch)
        return
      case 'membersChanged':
        this.to.membersChanged()
        duties.upgradeChanged()
        return
      case 'nodeTooOld':
        epoch.nodeTooOld(effect.node, effect.epoch, effect.needed)
        return
      case 'levelRaised':
        this.to.levelRaised(effect.level)
        duties.upgradeChanged()
        return
      case 'levelHeld':
        duties.upgradeChanged()
        return
      case 'unexamined':
        this.to.unexamined(effect.session, effect.name)
        return
      case 'event':
        this.to.event(effect)
        return
      case 'detached':
        attachments.detached(effect.session, effect.attach)
        duties.sessions.detached(effect.session, effect.attach, effect.forMs)
        return
      case 'timed':
        duties.holds.timed(effect.name, effect.token, effect.clock, effect.forMs)
        return
      case 'untimed':
        duties.holds.untimed(effect.token)
        return
      case 'marked':
        duties.wall.marked(effect.key, effect.generation, effect.expiresWallMs)
        return
      case 'frozen':
        duties.wall.frozen(effect.prefix, effect.generation, effect.untilWallMs)
        return
      case 'lost':
        if (effect.where === null) duties.sessions.lost(effect.session, effect.name, effect.token)
        break
      case 'resumed':
        duties.sessions.resumed(effect.session, effect.attach)
        break
      case 'waitLeft':
        if (effect.where === null) duties.sessions.waitLeft(effect.session, effect.request, effect.leftMs)
        break
      case 'ended':
        if (effect.where === null) duties.sessions.settled(effect.session)
        break
    }
    if (effect.where !== null && attachments.isHere(effect.where)) this.#tell(effect.where, effect)
  }

  /** To a connection of this node, under its present epoch. */
  #tell(where: Where, effect: Told): void {
    const { attachments } = this.to
    switch (effect.kind) {
      case 'opened':
        attachments.opened(where, effect.session, effect.attach)
        return
      case 'openRefused':
        attachments.refused(where, { kind: 'full' })
        return
      case 'resumed':
        attachments.resumed(where, effect.view)
        return
      case 'resumeRefused':
        attachments.refused(where, { kind: 'expired' })
        return
      case 'resumeForbidden':
        attachments.refused(where, { kind: 'forbidden' })
        return
      case 'resumeOutdated':
        attachments.refused(where, { kind: 'outdated', attempt: effect.attempt })
        return
      case 'superseded':
        attachments.superseded(where)
        return
      case 'applied':
        attachments.applied(where, effect.attach, effect.n)
        return
      case 'queued':
        attachments.listenerAt(where)?.queued(effect.request, effect)
        return
      case 'answered':
        attachments.listenerAt(where)?.answered(effect.request, effect.answer)
        return
      case 'waitLeft':
        attachments.listenerAt(where)?.waitLeft(effect.request, effect.leftMs)
        return
      case 'lost':
        attachments.lost(where, effect)
        return
      case 'ended':
        attachments.ended(where)
        return
      default:
        unreachable(effect, 'telling an effect')
    }
  }
}
