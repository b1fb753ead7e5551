/**
 * Done-marks and freezes end at a time of day, by the leader's own wall clock. That is the only wall clock that decides
 * anything, and it never enters the state: what is proposed names the object and its generation, so that a leader whose clock is
 * wrong ends what it sees and nothing that comes later. (A highest wall time in the state would be poisoned for ever by one node that
 * woke in the year 2040.)
 */
import { CommandType } from '../../locks/commands/commands.js'
import type { Clock } from '../../platform.js'
import { type CountingClock, type Deadline, DeadlineQueue } from '../deadline-queue.js'
import { LEFTOVERS_LEAST_COUNT, WALL_CLOCK_LOOK_MS } from '../limits.js'
import type { StateView } from '../state-view.js'
import type { Office } from './office.js'
import { Overdue } from './overdue.js'
import { Slices } from './slices.js'

export interface WallTimesDeps {
  readonly clock: Clock
  readonly state: StateView
}

interface Ending {
  readonly kind: 'mark' | 'freeze'
  /** Of a freeze its prefix. */
  readonly name: string
  readonly generation: number
}

export class WallTimes {
  readonly #deadlines: DeadlineQueue<Ending>
  readonly #overdue: Overdue<Ending>
  /** By kind and name: a new mark takes the place of an old one. */
  readonly #counted = new Map<string, Deadline<Ending>>()
  readonly #slices: Slices
  #lookAtCount = LEFTOVERS_LEAST_COUNT

  constructor(
    private readonly deps: WallTimesDeps,
    private readonly office: Office,
  ) {
    const { clock } = deps
    this.#slices = new Slices(clock)
    this.#deadlines = new DeadlineQueue(wallOf(clock), (ending) => this.#onDue(ending))
    this.#overdue = new Overdue({
      clock,
      isOver: (ending) => !this.#stands(ending),
      propose: (ending) => this.#proposeEnd(ending),
    })
  }

  get count(): number {
    return this.#counted.size
  }

  /** The office was taken. */
  begin(): void {
    const { state } = this.deps
    for (const { prefix, generation, untilWallMs } of state.endingFreezes()) {
      this.frozen(prefix, generation, untilWallMs)
    }
    this.#slices.begin(state.endingMarks(), ({ key, generation, expiresWallMs }) => {
      this.marked(key, generation, expiresWallMs)
    })
  }

  end(): void {
    this.#slices.cancel()
    this.#deadlines.clear()
    this.#overdue.clear()
    this.#counted.clear()
    this.#lookAtCount = LEFTOVERS_LEAST_COUNT
  }

  marked(key: string, generation: number, expiresWallMs: number): void {
    if (expiresWallMs > 0) this.#count({ kind: 'mark', name: key, generation }, expiresWallMs)
  }

  frozen(prefix: string, generation: number, untilWallMs: number): void {
    if (untilWallMs > 0) this.#count({ kind: 'freeze', name: prefix, generation }, untilWallMs)
  }

  /** An entry was applied. */
  look(): void {
    this.#overdue.look()
  }

  #count(ending: Ending, atWallMs: number): void {
    if (!this.office.isTaken) return
    const known = this.#counted.get(keyOf(ending))
    if (known !== undefined) this.#deadlines.cancel(known)
    const deadline = this.#deadlines.add(ending, atWallMs - this.deps.clock.wallNow())
    this.#counted.set(keyOf(ending), deadline)
    this.#forgetLeftovers()
  }

  #onDue(ending: Ending): void {
    if (this.#counted.get(keyOf(ending))?.item === ending) this.#counted.delete(keyOf(ending))
    this.#overdue.add(ending)
  }

  #stands({ kind, name, generation }: Ending): boolean {
    const { state } = this.deps
    return kind === 'mark' ? state.isMarked(name, generation) : state.isFrozen(name, generation)
  }

  #proposeEnd({ kind, name, generation }: Ending): void {
    if (kind === 'mark') this.office.propose({ type: CommandType.markOver, key: name, generation })
    else this.office.propose({ type: CommandType.freezeOver, prefix: name, generation })
  }

  /** Nobody says when a mark was forgotten or a prefix thawed. */
  #forgetLeftovers(): void {
    if (this.#counted.size < this.#lookAtCount) return
    for (const [key, deadline] of this.#counted) {
      if (this.#stands(deadline.item)) continue
      this.#deadlines.cancel(deadline)
      this.#counted.delete(key)
    }
    this.#lookAtCount = Math.max(LEFTOVERS_LEAST_COUNT, 2 * this.#counted.size)
  }
}

const keyOf = ({ kind, name }: Ending): string => `${kind} ${name}`

/** Deadlines by the time of day. It may be set at any moment, back and forth, so it is looked at often. */
function wallOf(clock: Clock): CountingClock {
  return {
    takerNow: () => clock.wallNow(),
    after: (delayMs, run) => clock.after(Math.min(delayMs, WALL_CLOCK_LOOK_MS), run),
    soon: (run) => clock.soon(run),
  }
}
