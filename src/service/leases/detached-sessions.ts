/**
 * Sessions without a connection are the leader's to count (rules 4, 11, 12): how long they may be resumed, how long their
 * requests wait, and when what they have lost is passed on. A new leader goes on from what the state says is left of the first two.
 */
import { CommandType, type RequestId, type SessionId, type WaitLeft } from '../../locks/commands/commands.js'
import type { SessionView } from '../../locks/effects.js'
import type { Clock } from '../../platform.js'
import { type Deadline, DeadlineQueue } from '../deadline-queue.js'
import { REPEAT_PROPOSAL_MS } from '../limits.js'
import type { StateView } from '../state-view.js'
import { Checkpoints, type Countdown } from './checkpoints.js'
import { LettingGo, type LostHold } from './letting-go.js'
import type { Office } from './office.js'
import { Slices } from './slices.js'

export interface DetachedSessionsDeps {
  readonly clock: Clock
  readonly state: StateView
}

interface DetachedSince {
  readonly session: SessionId
  readonly attach: number
}

/** What ends when a session has been detached long enough: the session, or one of its waiting requests. */
interface DetachedDue extends DetachedSince {
  /** Null: the session itself. */
  readonly target: RequestId | null
}

interface CountedSession extends DetachedSince {
  readonly leaseMs: number
  readonly time: Countdown<DetachedSince>
  readonly deadlines: Deadline<DetachedDue>[]
  readonly lost: LostHold[]
}

export class DetachedSessions {
  readonly #deadlines: DeadlineQueue<DetachedDue>
  readonly #checkpoints: Checkpoints<DetachedSince>
  readonly #lettingGo: LettingGo
  readonly #slices: Slices
  readonly #counted = new Map<SessionId, CountedSession>()

  constructor(
    private readonly deps: DetachedSessionsDeps,
    private readonly office: Office,
  ) {
    const { clock, state } = deps
    this.#slices = new Slices(clock)
    this.#deadlines = new DeadlineQueue(clock, (due) => this.#onDue(due))
    this.#checkpoints = new Checkpoints(clock, (session, leftMs) => {
      office.propose({ type: CommandType.left, ...session, leftMs })
    })
    this.#lettingGo = new LettingGo({ clock, state, propose: (command) => office.propose(command) })
  }

  get count(): number {
    return this.#counted.size
  }

  /** The office was taken. */
  begin(): void {
    // A list, because sessions leave what it is made of while it is walked.
    this.#slices.begin([...this.deps.state.detachedSessions()], ({ session, attach, forMs }) => {
      // An effect may have been faster.
      if (!this.#counted.has(session)) this.detached(session, attach, forMs)
    })
  }

  end(): void {
    this.#slices.cancel()
    this.#deadlines.clear()
    this.#checkpoints.clear()
    this.#lettingGo.clear()
    this.#counted.clear()
  }

  /** Another is about to take over, and goes on with what the state says is left. */
  handingOver(): void {
    this.#checkpoints.tellAll()
    for (const { session, attach, deadlines } of this.#counted.values()) this.#tellWaits(session, attach, deadlines)
  }

  detached(session: SessionId, attach: number, forMs: number): void {
    if (!this.office.isTaken) return
    const view = this.deps.state.session(session)
    // It may have been resumed before its turn came (see `begin`).
    if (view === null || view.where !== null || view.attach !== attach) return
    this.settled(session)
    this.#counted.set(session, {
      session,
      attach,
      leaseMs: view.leaseMs,
      time: this.#checkpoints.begin({ session, attach }, forMs),
      deadlines: this.#begun(view, forMs),
      lost: [],
    })
    for (const { name, token } of view.ending) this.lost(session, name, token)
  }

  #begun({ session, attach, queued }: SessionView, forMs: number): Deadline<DetachedDue>[] {
    const deadlines = [this.#deadlines.add({ session, attach, target: null }, forMs)]
    for (const { request, waitMs } of queued) {
      if (waitMs >= 0) deadlines.push(this.#deadlines.add({ session, attach, target: request }, waitMs))
    }
    return deadlines
  }

  /** Rule 12: nobody can be told, so a whole lease begins now. What a session of an ended epoch loses counts when it is swept. */
  lost(session: SessionId, name: string, token: number): void {
    const counted = this.#counted.get(session)
    if (counted === undefined) return
    const hold = { name, token, session, attach: counted.attach }
    counted.lost.push(hold)
    this.#lettingGo.count(hold, counted.leaseMs)
  }

  /** Rule 11: the node that has the connection now goes on counting the waits, from where this leader is. */
  resumed(session: SessionId, attach: number): void {
    const deadlines = this.#counted.get(session)?.deadlines ?? []
    this.settled(session)
    this.#tellWaits(session, attach, deadlines)
  }

  #tellWaits(session: SessionId, attach: number, deadlines: readonly Deadline<DetachedDue>[]): void {
    const waits: WaitLeft[] = []
    for (const deadline of deadlines) {
      const { target } = deadline.item
      if (target !== null) waits.push({ request: target, leftMs: Math.ceil(this.#deadlines.leftMs(deadline)) })
    }
    if (waits.length > 0) this.office.propose({ type: CommandType.waitsLeft, session, attach, waits })
  }

  /** The node that had the connection has counted the wait of a session that is detached now. */
  waitLeft(session: SessionId, target: RequestId, leftMs: number): void {
    const counted = this.#counted.get(session)
    if (counted === undefined) return
    // The later deadline of the same request stays: it will find nothing that waits.
    counted.deadlines.push(this.#deadlines.add({ session, attach: counted.attach, target }, leftMs))
  }

  /** The session was resumed, or is gone. */
  settled(session: SessionId): void {
    const counted = this.#counted.get(session)
    if (counted === undefined) return
    this.#counted.delete(session)
    this.#checkpoints.end(counted.time)
    for (const deadline of counted.deadlines) this.#deadlines.cancel(deadline)
    for (const { token } of counted.lost) this.#lettingGo.forget(token)
  }

  /** An entry was applied. */
  look(): void {
    this.#lettingGo.look()
  }

  #onDue(due: DetachedDue): void {
    if (!this.office.isHeld()) return
    const { session, attach, target } = due
    const view = this.deps.state.session(session)
    if (view === null || view.attach !== attach || view.where !== null) return
    if (target === null) {
      this.office.propose({ type: CommandType.expireSession, session, attach, wallMs: this.deps.clock.wallNow() })
    } else {
      if (!view.queued.some((waiting) => waiting.request === target)) return
      this.office.propose({ type: CommandType.detachedWaitTimeout, session, attach, target })
    }
    this.#counted.get(session)?.deadlines.push(this.#deadlines.add(due, REPEAT_PROPOSAL_MS))
  }
}
