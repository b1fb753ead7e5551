/** The requests of one session's connection that have no final answer yet, and their waits (rule 11). */
import type { RequestId, Token, WaitLeft } from '../../locks/commands/commands.js'
import type { SessionView } from '../../locks/effects.js'
import type { Deadline, DeadlineQueue } from '../deadline-queue.js'
import type { AttachmentListener } from '../sessions/attachment.js'
import type { Operation } from './audited.js'

/** What a request is about, as far as the node must know when it is answered. */
export interface Subject {
  /** The first that a `lock` asks for; else empty. */
  readonly name: string
  /** How many names a `lock` asks for; 0 for any other request. */
  readonly names: number
  /** How long it waits at most; 0: it does not, -1: forever. */
  readonly waitMs: number
  /** What it takes will not be bound to the session. */
  readonly loose: boolean
  /** The hold that a `release` gives back; 0: the only one of its name. */
  readonly token: Token
  /** What an operator asked for, to be written down with its answer. */
  readonly operation: Operation | null
}

/** Of a request that asks for no lock and gives none back. */
export const NO_LOCK: Subject = { name: '', names: 0, waitMs: 0, loose: false, token: 0, operation: null }

export interface OutstandingRequest {
  readonly request: RequestId
  readonly subject: Subject
  /** Number of the command that carries it; 0 if it was asked under an earlier connection. */
  readonly n: number
  isQueued: boolean
  deadline: Deadline<() => void> | null
}

export class PendingRequests {
  readonly #requests = new Map<RequestId, OutstandingRequest>()
  #undecided = 0
  #locks = 0

  constructor(
    private readonly deadlines: DeadlineQueue<() => void>,
    private readonly onWaitOver: (request: RequestId) => void,
  ) {}

  /** Requests of which nothing is known yet, not even that they wait. */
  get undecided(): number {
    return this.#undecided
  }

  /** Names that are asked for, by requests that wait and by those of which nothing is known yet. */
  get locks(): number {
    return this.#locks
  }

  /**
   * Tells what became of the requests while nobody was told (rule 9). False if the state knows nothing of one that it has
   * seen.
   */
  reconcile(view: SessionView, tell: Pick<AttachmentListener, 'queued' | 'answered'>): boolean {
    const answers = new Map(view.answers)
    const waiting = new Map(view.queued.map((queued) => [queued.request, queued]))
    for (const { request, n, isQueued } of [...this.#requests.values()]) {
      const queued = waiting.get(request)
      const answer = answers.get(request)
      if (queued !== undefined) {
        if (!isQueued) tell.queued(request, queued)
      } else if (answer !== undefined) tell.answered(request, answer)
      else if (n <= view.lastN) return false
    }
    return true
  }

  ask(request: RequestId, n: number, subject: Subject): void {
    // A repeat of a request that waits: its time goes on.
    const known = this.#requests.get(request)
    const deadline = known?.deadline ?? null
    if (known !== undefined) known.deadline = null
    this.settle(request)
    this.#requests.set(request, { request, subject, n, isQueued: false, deadline })
    this.#undecided++
    this.#locks += subject.names
  }

  /** The request waits from now on, for `waitMs`. */
  queued(request: RequestId): void {
    const outstanding = this.#requests.get(request)
    if (outstanding === undefined || outstanding.isQueued) return
    outstanding.isQueued = true
    this.#undecided--
    const { waitMs } = outstanding.subject
    if (waitMs <= 0 || outstanding.deadline !== null) return
    outstanding.deadline = this.deadlines.add(() => this.onWaitOver(request), waitMs)
  }

  /** Another has counted the wait until now: no more than this is left. */
  shorten(request: RequestId, leftMs: number): void {
    const outstanding = this.#requests.get(request)
    if (outstanding === undefined || outstanding.deadline === null) return
    if (this.deadlines.leftMs(outstanding.deadline) <= leftMs) return
    this.deadlines.cancel(outstanding.deadline)
    outstanding.deadline = this.deadlines.add(() => this.onWaitOver(request), leftMs)
  }

  /** What is left to those that wait for a time. */
  waitsLeft(): WaitLeft[] {
    const waits: WaitLeft[] = []
    for (const { request, deadline } of this.#requests.values()) {
      if (deadline !== null) waits.push({ request, leftMs: Math.ceil(this.deadlines.leftMs(deadline)) })
    }
    return waits
  }

  /** It is answered. Returns what it was about; undefined if this connection did not ask it. */
  settle(request: RequestId): Subject | undefined {
    const outstanding = this.#requests.get(request)
    if (outstanding === undefined) return undefined
    this.#requests.delete(request)
    if (outstanding.deadline !== null) this.deadlines.cancel(outstanding.deadline)
    if (!outstanding.isQueued) this.#undecided--
    this.#locks -= outstanding.subject.names
    return outstanding.subject
  }

  clear(): void {
    for (const request of [...this.#requests.keys()]) this.settle(request)
  }
}
