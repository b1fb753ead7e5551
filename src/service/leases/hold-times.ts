/**
 * The times of holds, which only the leader counts: how long a tail stands after an unclean end (`delay`), for how long after
 * its grant a hold leaves one (`min-hold`), and when a hold ends though its session lives on (`ttl`). Never short: a leader
 * begins with what the state says is left, and tells the state now and then how much that is (rules.md rule 4, tails).
 *
 * `min-hold` and `ttl` are counted from the grant. A hold that is given back early becomes a tail and its time goes on.
 */
import { CommandType, HOLD_CLOCKS, type HoldClock, type Token } from '../../locks/commands/commands.js'
import type { Clock } from '../../platform.js'
import { type Deadline, DeadlineQueue } from '../deadline-queue.js'
import type { StateView } from '../state-view.js'
import { Checkpoints, type Countdown } from './checkpoints.js'
import type { Office } from './office.js'
import { Overdue } from './overdue.js'
import { Slices } from './slices.js'

export interface HoldTimesDeps {
  readonly clock: Clock
  readonly state: StateView
}

/** One of the times of a hold. */
interface HoldTime {
  readonly name: string
  readonly token: Token
  readonly clock: HoldClock
}

interface Counted extends HoldTime {
  deadline: Deadline<Counted> | null
  readonly countdown: Countdown<HoldTime>
}

/** Before there was `timeOver` only delays were counted, by commands of their own. */
const LEVEL_OF_TIMES = 2

export class HoldTimes {
  readonly #deadlines: DeadlineQueue<Counted>
  readonly #checkpoints: Checkpoints<HoldTime>
  readonly #overdue: Overdue<Counted>
  readonly #counted = new Map<Token, Counted[]>()
  readonly #slices: Slices

  constructor(
    private readonly deps: HoldTimesDeps,
    private readonly office: Office,
  ) {
    const { clock, state } = deps
    this.#slices = new Slices(clock)
    this.#deadlines = new DeadlineQueue(clock, (counted) => {
      counted.deadline = null
      this.#overdue.add(counted)
    })
    this.#checkpoints = new Checkpoints(clock, (time, leftMs) => this.#tell(time, leftMs))
    this.#overdue = new Overdue({
      clock,
      isOver: ({ name, token, clock: which }) => !state.isTimed(name, token, which),
      propose: (time) => this.#proposeEnd(time),
    })
  }

  /** Holds of which some time is counted. */
  get count(): number {
    return this.#counted.size
  }

  /** The office was taken. */
  begin(): void {
    const { state } = this.deps
    this.#slices.begin(state.timedHolds(), ({ name, token, clock, forMs }) => this.timed(name, token, clock, forMs))
  }

  end(): void {
    this.#slices.cancel()
    this.#deadlines.clear()
    this.#checkpoints.clear()
    this.#overdue.clear()
    this.#counted.clear()
  }

  /** Another is about to take over. */
  handingOver(): void {
    this.#checkpoints.tellAll()
  }

  /** From now on. A time that is counted already goes on as it is: a hold that becomes a tail does not begin anew. */
  timed(name: string, token: Token, clock: HoldClock, forMs: number): void {
    if (!this.office.isTaken) return
    const known = this.#counted.get(token)
    if (known?.some((counted) => counted.clock === clock)) return
    const counted: Counted = {
      name,
      token,
      clock,
      deadline: null,
      countdown: this.#checkpoints.begin({ name, token, clock }, forMs),
    }
    counted.deadline = this.#deadlines.add(counted, forMs)
    if (known === undefined) this.#counted.set(token, [counted])
    else known.push(counted)
  }

  /** Nothing is left of the hold. */
  untimed(token: Token): void {
    const times = this.#counted.get(token)
    if (times === undefined) return
    this.#counted.delete(token)
    for (const counted of times) {
      if (counted.deadline !== null) this.#deadlines.cancel(counted.deadline)
      this.#checkpoints.end(counted.countdown)
      this.#overdue.delete(counted)
    }
  }

  /** An entry was applied. */
  look(): void {
    this.#overdue.look()
  }

  #tell({ name, token, clock }: HoldTime, leftMs: number): void {
    if (this.#hasTimes) {
      this.office.propose({ type: CommandType.timeLeft, name, token, clock: HOLD_CLOCKS.indexOf(clock), leftMs })
    } else this.office.propose({ type: CommandType.delayLeft, name, token, leftMs })
  }

  #proposeEnd({ name, token, clock }: HoldTime): void {
    const wallMs = this.deps.clock.wallNow()
    if (this.#hasTimes) {
      this.office.propose({ type: CommandType.timeOver, name, token, clock: HOLD_CLOCKS.indexOf(clock), wallMs })
    } else this.office.propose({ type: CommandType.delayOver, name, token })
  }

  get #hasTimes(): boolean {
    return this.deps.state.level >= LEVEL_OF_TIMES
  }
}
