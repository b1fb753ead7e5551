/** The requests of one session's connection that have no final answer yet, and their waits (rule 11). */
import type { RequestId, WaitLeft } from '../../locks/commands/commands.js'
import type { SessionView } from '../../locks/effects.js'
import type { Deadline, DeadlineQueue } from '../deadline-queue.js'
import type { AttachmentListener } from '../sessions/attachment.js'

export interface OutstandingRequest {
  readonly request: RequestId
  /** Number of the command that carries it; 0 if it was asked under an earlier connection. */
  readonly n: number
  readonly waitMs: number
  readonly isLock: boolean
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

  /** Lock requests, whether they wait or not. */
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
        if (!isQueued) tell.queued(request, queued.name, queued.position)
      } else if (answer !== undefined) tell.answered(request, answer)
      else if (n <= view.lastN) return false
    }
    return true
  }

  ask(request: RequestId, n: number, isLock: boolean, waitMs: number): void {
    // A repeat of a request that waits: its time goes on.
    const known = this.#requests.get(request)
    const deadline = known?.deadline ?? null
    if (known !== undefined) known.deadline = null
    this.settle(request)
    this.#requests.set(request, { request, n, isLock, waitMs, isQueued: false, deadline })
    this.#undecided++
    if (isLock) this.#locks++
  }

  /** The request waits from now on, for `waitMs`. */
  queued(request: RequestId): void {
    const outstanding = this.#requests.get(request)
    if (outstanding === undefined || outstanding.isQueued) return
    outstanding.isQueued = true
    this.#undecided--
    if (outstanding.waitMs <= 0 || outstanding.deadline !== null) return
    outstanding.deadline = this.deadlines.add(() => this.onWaitOver(request), outstanding.waitMs)
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

  settle(request: RequestId): void {
    const outstanding = this.#requests.get(request)
    if (outstanding === undefined) return
    this.#requests.delete(request)
    if (outstanding.deadline !== null) this.deadlines.cancel(outstanding.deadline)
    if (!outstanding.isQueued) this.#undecided--
    if (outstanding.isLock) this.#locks--
  }

  clear(): void {
    for (const request of [...this.#requests.keys()]) this.settle(request)
  }
}
