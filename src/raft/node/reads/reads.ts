/**
 * Reads of the applied state that are as good as commands: what they see is not older than the question, on any node and
 * without an entry of the log (ReadIndex, thesis 6.4). The leader notes what is committed, asks a quorum whether it still
 * leads, and tells the index; the node that asked answers once it has applied so much.
 *
 * One round is under way at a time, and whoever asks meanwhile waits for the next one: a question must not join a round
 * that began before it. Example: a client of n1 is told that it holds lock x, entry 90; a client of n2 that asks right
 * then must see it. n2 began a round a millisecond ago, which the leader may have answered with 89.
 */
import type { Clock } from '../../../platform.js'
import type { Index } from '../../core/types.js'
import { READ_PATIENCE_MS, READ_RETRY_MS, READS_WAITING_COUNT } from '../../limits.js'
import type { ReadContexts } from './read-contexts.js'

/** `current`: the applied state has all that was committed anywhere when the question was asked. */
export type ReadOutcome = 'current' | 'unavailable'
export type ReadDone = (outcome: ReadOutcome) => void

interface Question {
  readonly done: ReadDone
  readonly untilMs: number
}

/** Asked together, before `contexts` were sent: an answer to any of them answers all of these. */
interface Round {
  questions: Question[]
  readonly contexts: Set<number>
  /** Null: to be asked, for the first time or again. */
  askedAtMs: number | null
}

interface Confirmed {
  questions: Question[]
  readonly index: Index
}

export class Reads {
  #waiting: Question[] = []
  #round: Round | null = null
  /** What is to be applied before they are answered, in the order of the rounds. */
  #confirmed: Confirmed[] = []
  #count = 0
  #stopped = false

  constructor(
    private readonly contexts: ReadContexts,
    private readonly clock: Clock,
  ) {}

  /** Called once, perhaps at once: `unavailable` after READ_PATIENCE_MS at the latest, or when too many wait already. */
  ask(done: ReadDone): void {
    if (this.#stopped || this.#count >= READS_WAITING_COUNT) {
      done('unavailable')
      return
    }
    this.#count++
    this.#waiting.push({ done, untilMs: this.clock.takerNow() + READ_PATIENCE_MS })
  }

  /** In each turn: begins a round, or repeats the one under way. `readIndex` hands its context to the core. */
  begin(hasLeader: boolean, readIndex: (context: number) => void): void {
    if (this.#round === null && this.#waiting.length > 0) {
      this.#round = { questions: this.#waiting, contexts: new Set(), askedAtMs: null }
      this.#waiting = []
    }
    const round = this.#round
    // Without a leader there is nobody to ask; the questions wait for one.
    if (round === null || round.askedAtMs !== null || !hasLeader) return
    round.askedAtMs = this.clock.takerNow()
    const context = this.contexts.next()
    round.contexts.add(context)
    readIndex(context)
  }

  /** A context that is not of the round under way changes nothing. */
  confirmed(context: number, index: Index): void {
    const round = this.#round
    if (round?.contexts.has(context) !== true) return
    this.#round = null
    this.#confirmed.push({ questions: round.questions, index })
  }

  /** At the end of a turn: the state is as of `index`, whole. True: another round is to begin. */
  applied(index: Index): boolean {
    const due = this.#confirmed.filter((round) => round.index <= index)
    if (due.length > 0) this.#confirmed = this.#confirmed.filter((round) => round.index > index)
    for (const { questions } of due) this.#answer(questions, 'current')
    return this.#round === null && this.#waiting.length > 0
  }

  /** The leader of before may never answer. True: somebody waits for that. */
  leaderChanged(): boolean {
    if (this.#round !== null) this.#round.askedAtMs = null
    return this.#round !== null || this.#waiting.length > 0
  }

  /** Once a tick: a lost answer is asked for again, and who has waited for too long hears so. */
  tick(): void {
    if (this.#count === 0) return
    const now = this.clock.takerNow()
    const expired: Question[] = []
    this.#waiting = stillWaiting(this.#waiting, now, expired)
    for (const round of this.#confirmed) round.questions = stillWaiting(round.questions, now, expired)
    this.#confirmed = this.#confirmed.filter(({ questions }) => questions.length > 0)
    if (this.#round !== null) this.#keepAsking(this.#round, now, expired)
    // Last: whoever hears it may ask again.
    this.#answer(expired, 'unavailable')
  }

  #keepAsking(round: Round, now: number, expired: Question[]): void {
    round.questions = stillWaiting(round.questions, now, expired)
    if (round.questions.length === 0) this.#round = null
    else if (round.askedAtMs !== null && now - round.askedAtMs >= READ_RETRY_MS) round.askedAtMs = null
  }

  stop(): void {
    this.#stopped = true
    const all = [...this.#confirmed.flatMap(({ questions }) => questions), ...(this.#round?.questions ?? [])]
    const waiting = this.#waiting
    this.#waiting = []
    this.#confirmed = []
    this.#round = null
    this.#answer([...all, ...waiting], 'unavailable')
  }

  #answer(questions: readonly Question[], outcome: ReadOutcome): void {
    this.#count -= questions.length
    for (const { done } of questions) done(outcome)
  }
}

/** Those that may wait on; the others go to `expired`. The oldest stand in front. */
function stillWaiting(questions: Question[], now: number, expired: Question[]): Question[] {
  const first = questions.findIndex(({ untilMs }) => untilMs > now)
  if (first === 0) return questions
  const late = first === -1 ? questions : questions.slice(0, first)
  expired.push(...late)
  return first === -1 ? [] : questions.slice(first)
}
