/**
 * Rule 12: a hold that was broken, or whose `ttl` is over, counts on until nobody can believe in it. Whoever counts for its
 * session counts a whole lease of it, and then lets go of the hold: the node that has the connection from when it wrote `lost`,
 * a new one from the resume, the leader from when the session lost its connection.
 *
 * > A session with a lease of 10 s sent its last keepalive at t = 0; it was answered, so its client believes until 8.95 by
 * > its own clock, 9.85 if that is the slowest allowed. At t = 1 the hold is broken and its node writes `lost`. No `alive`
 * > that is written later is read without that word, so nothing prolongs the belief; at t = 11 the node lets go.
 */

import type { Command } from '../../locks/commands/commands.js'
import { CommandType, type SessionId, type Token } from '../../locks/commands/commands.js'
import type { Clock } from '../../platform.js'
import { type Deadline, DeadlineQueue } from '../deadline-queue.js'
import { LEFTOVERS_LEAST_COUNT } from '../limits.js'
import type { StateView } from '../state-view.js'
import { Overdue } from './overdue.js'

/** A lost hold as it was under one attach count: after a resume the counting begins again. */
export interface LostHold {
  readonly name: string
  readonly token: Token
  readonly session: SessionId
  readonly attach: number
}

export interface LettingGoDeps {
  readonly clock: Clock
  readonly state: StateView
  /** The command is conditional, and may be lost. */
  propose(command: Command): void
}

interface Counted {
  readonly hold: LostHold
  deadline: Deadline<Counted> | null
}

export class LettingGo {
  readonly #deadlines: DeadlineQueue<Counted>
  readonly #overdue: Overdue<Counted>
  readonly #counted = new Map<Token, Counted>()
  #lookAtCount = LEFTOVERS_LEAST_COUNT

  constructor(private readonly deps: LettingGoDeps) {
    const { clock } = deps
    this.#deadlines = new DeadlineQueue(clock, (counted) => this.#leaseIsOver(counted))
    this.#overdue = new Overdue({
      clock,
      isOver: (counted) => this.#forgetIfOver(counted),
      propose: ({ hold }) => deps.propose({ type: CommandType.letGo, ...hold }),
    })
  }

  get size(): number {
    return this.#counted.size
  }

  /** From now on a whole lease of its session is counted, unless it is already, under this attach count. */
  count(hold: LostHold, leaseMs: number): void {
    const known = this.#counted.get(hold.token)
    if (known !== undefined && known.hold.attach === hold.attach) return
    if (known !== undefined) this.#forget(known)
    const counted: Counted = { hold, deadline: null }
    counted.deadline = this.#deadlines.add(counted, leaseMs)
    this.#counted.set(hold.token, counted)
    this.#forgetLeftovers()
  }

  /** Somebody else counts for it now. */
  forget(token: Token): void {
    const counted = this.#counted.get(token)
    if (counted !== undefined) this.#forget(counted)
  }

  /** Something was applied. */
  look(): void {
    this.#overdue.look()
  }

  clear(): void {
    this.#deadlines.clear()
    this.#overdue.clear()
    this.#counted.clear()
    this.#lookAtCount = LEFTOVERS_LEAST_COUNT
  }

  #leaseIsOver(counted: Counted): void {
    counted.deadline = null
    this.#overdue.add(counted)
  }

  /** It was passed on, or its session has come back elsewhere. */
  #forgetIfOver(counted: Counted): boolean {
    const { name, token, session, attach } = counted.hold
    const { state } = this.deps
    if (state.isEnding(name, token) && state.attachOf(session) === attach) return false
    this.#forget(counted)
    return true
  }

  #forget(counted: Counted): void {
    if (counted.deadline !== null) this.#deadlines.cancel(counted.deadline)
    this.#overdue.delete(counted)
    this.#counted.delete(counted.hold.token)
  }

  /**
   * Nobody says when a client has given back what it had lost, and a lease may be a day: 1 ms of `ttl` and a release, again and
   * again, must not fill the memory of a node.
   */
  #forgetLeftovers(): void {
    if (this.#counted.size < this.#lookAtCount) return
    for (const counted of this.#counted.values()) this.#forgetIfOver(counted)
    this.#lookAtCount = Math.max(LEFTOVERS_LEAST_COUNT, 2 * this.#counted.size)
  }
}
