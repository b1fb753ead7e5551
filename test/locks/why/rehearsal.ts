/**
 * A copy of the machine in which what `why` said is tried: what is in the way is taken away, or time passes and nobody does
 * anything. The copy is made by a snapshot, and what happens in it has no consequences.
 */
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { type Command, CommandType, HOLD_CLOCKS } from '../../../src/locks/commands/commands.js'
import type { Answer, Effect } from '../../../src/locks/effects.js'
import { LockMachine } from '../../../src/locks/machine.js'
import type { ModelRequest } from '../service/model/entities.js'
import { GENESIS } from '../service/world.js'
import type { Thing } from './judge.js'

const CHUNK_BYTES = 64 * 1024
const OPERATOR_EPOCH = 77_777
const OPERATOR_NODE = 'n1'

/** A moment of a machine, of which copies are made. */
export class Moment {
  readonly #chunks: Uint8Array[] = []

  constructor(
    of: LockMachine,
    readonly index: number,
  ) {
    const source = of.snapshot()
    for (let chunk = source.next(CHUNK_BYTES); chunk !== null; chunk = source.next(CHUNK_BYTES))
      this.#chunks.push(chunk)
  }

  copy(): LockMachine {
    const copy = new LockMachine(GENESIS)
    const restorer = copy.beginRestore()
    for (const chunk of this.#chunks) restorer.push(chunk)
    restorer.end()
    restorer.finish(this.index)
    return copy
  }
}

export class Rehearsal {
  readonly #machine: LockMachine
  #index: number
  /** How the request ended, once it has. */
  #ended: Answer | null = null

  constructor(
    moment: Moment,
    readonly request: ModelRequest,
  ) {
    this.#machine = moment.copy()
    this.#index = moment.index
  }

  get waits(): boolean {
    const { session, request } = this.request
    const found = this.#machine.session(session.id)
    return found?.queued.some((one) => one.request === request) === true
  }

  /** It has left the queues without a turn: with its session, or because of a freeze of some of its names. */
  get isOver(): boolean {
    return !this.waits && !this.hadItsTurn
  }

  /** It had its turn: it was granted, or found a done-mark there. */
  get hadItsTurn(): boolean {
    if (this.waits) return false
    const { session, request } = this.request
    // A detached session is told nothing: the answer waits for it, if the client has not said that it needs none.
    const stored = this.#machine.session(session.id)?.answers.find(([id]) => id === request)?.[1]
    const kind = (this.#ended ?? stored)?.kind
    if (kind !== undefined) return kind === 'granted' || kind === 'done'
    return [...this.#machine.inspect().holds.values()].some(
      (hold) => hold.request === request && (hold.session?.id ?? hold.owner?.session) === session.id,
    )
  }

  #apply(command: Command): readonly Effect[] {
    this.#index += 1
    this.#machine.applyCommand(this.#index, encodeCommand(command, this.#machine.level))
    this.#machine.endEntry(this.#index)
    const effects = this.#machine.takeEffects()
    for (const effect of effects) {
      if (effect.kind !== 'answered' || effect.session !== this.request.session.id) continue
      if (effect.request === this.request.request) this.#ended = effect.answer
    }
    return effects
  }

  // ------------------------------------------------------------------------------------------------ taking away

  /** Who stands before gives up, the last one first, so that none of them is granted meanwhile; an operator breaks holds and thaws. */
  takeAway(things: readonly Thing[]): void {
    const before = things.flatMap((thing) => (thing.kind === 'place' ? [thing.request] : []))
    for (const request of before.sort((a, b) => b.number - a.number)) this.#giveUp(request)
    const operator = this.#operator()
    for (const thing of things) {
      if (thing.kind === 'frozen') this.#apply({ type: CommandType.thaw, ...operator(), prefix: thing.prefix })
      if (thing.kind === 'hold') {
        const { name, token } = thing.hold
        // The first blow may leave a tail.
        for (let blow = 0; blow < 2 && this.#machine.inspect().holds.get(name, token) !== null; blow += 1) {
          const words = { name, token, reason: 'rehearsed', now: true, wallMs: 0 }
          this.#apply({ type: CommandType.forceRelease, ...operator(), ...words })
        }
      }
    }
  }

  #operator() {
    const [node, epoch] = [OPERATOR_NODE, OPERATOR_EPOCH]
    const expected = this.#machine.currentEpoch(node)
    const up = { node, epoch, expected, dead: 0, address: '', peer: '', programLevel: this.#machine.level }
    this.#apply({ type: CommandType.nodeUp, ...up })
    const opening = {
      node,
      epoch,
      conn: 1,
      floor: 1,
      clientId: 'operator',
      secretHash: '',
      identity: '',
      leaseMs: 5_000,
      lingerMs: 0,
    }
    const opened = this.#apply({ type: CommandType.open, ...opening }).find(({ kind }) => kind === 'opened')
    if (opened?.kind !== 'opened') throw new Error('no session for the operator')
    const { session } = opened
    let n = 0
    return () => {
      n += 1
      return { node, epoch, session, attach: 1, n, ack: 0, request: n }
    }
  }

  #giveUp({ session, request: target }: ModelRequest): void {
    const { id, attach, place } = session
    if (place === null) {
      this.#apply({ type: CommandType.detachedWaitTimeout, session: id, attach, target })
      return
    }
    const n = (this.#machine.inspect().sessions.get(id)?.lastN ?? 0) + 1
    const { node, epoch } = place
    this.#apply({ type: CommandType.waitTimeout, node, epoch, session: id, attach, n, ack: 0, target })
  }

  // ------------------------------------------------------------------------------------------------ time passes

  /** Milliseconds until the request had its turn, if nobody does anything; null: it has none, or ends otherwise. */
  turnAfterMs(nowWallMs: number): number | null {
    const due = new Map<string, { readonly atMs: number; readonly command: Command }>()
    for (let nowMs = 0; ; ) {
      this.#schedule(due, nowMs, nowWallMs + nowMs)
      const next = [...due.values()].sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) return null
      nowMs = next.atMs
      this.#apply(next.command)
      if (!this.waits) return this.hadItsTurn ? nowMs : null
    }
  }

  /** What a leader counts that begins now, without what it counts already; and no longer what there is nothing left of. */
  #schedule(
    due: Map<string, { readonly atMs: number; readonly command: Command }>,
    nowMs: number,
    wallMs: number,
  ): void {
    const there = new Set<string>()
    const count = (key: string, forMs: number, command: Command) => {
      there.add(key)
      if (!due.has(key)) due.set(key, { atMs: nowMs + forMs, command })
    }
    const machine = this.#machine
    for (const { name, token, clock, forMs } of machine.timedHolds()) {
      const over = { name, token, clock: HOLD_CLOCKS.indexOf(clock), wallMs: 0 }
      count(`${clock} ${name} ${token}`, forMs, { type: CommandType.timeOver, ...over })
    }
    for (const { name, token, session, attach, leaseMs } of machine.endingHolds()) {
      const letGo: Command = { type: CommandType.letGo, name, token, session, attach }
      const isAttached = machine.session(session)?.where != null
      count(`ending ${name} ${token}`, leaseMs + (isAttached ? machine.nodeLeaseMs : 0), letGo)
    }
    for (const { session, attach, forMs } of machine.detachedSessions()) {
      count(`session ${session}`, forMs, { type: CommandType.expireSession, session, attach, wallMs: 0 })
    }
    for (const { prefix, generation, untilWallMs } of machine.endingFreezes()) {
      const forMs = Math.max(0, untilWallMs - wallMs)
      count(`freeze ${prefix}`, forMs, { type: CommandType.freezeOver, prefix, generation })
    }
    for (const key of due.keys()) if (!there.has(key)) due.delete(key)
  }
}
