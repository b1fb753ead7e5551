/** Locks are granted in the order of the queue, and never past somebody who waits (FIFO). Told by the effects alone. */
import type { Answer } from '../../../src/locks/effects.js'
import type { World } from '../world.js'

interface Waiter {
  readonly session: number
  readonly request: number
}

export class QueueCheck {
  readonly #queues = new Map<string, Waiter[]>()
  /** The last token of each lock: tokens grow with every grant. */
  readonly #granted = new Map<string, number>()

  constructor(
    private readonly world: World,
    /** A session that has ended waits for nothing; what befalls a detached one is told to nobody. */
    private readonly stillWaits: (session: number, request: number) => boolean,
  ) {}

  queued(session: number, request: number, name: string): void {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    // Told once more when the request is repeated.
    if (!queue.some((waiter) => isSame(waiter, session, request))) queue.push({ session, request })
  }

  answered(session: number, request: number, answer: Answer): void {
    if (answer.kind === 'granted') {
      this.#grant(answer.name, session, answer.token)
      this.#leaves(session, request, answer.name)
    } else for (const name of this.#queues.keys()) this.#leaves(session, request, name)
  }

  /** After an entry `session` has the lock; a session that is detached was told nothing. */
  holds(name: string, session: number, token: number): void {
    this.#grant(name, session, token)
  }

  /** Answers are told again after a resume: only the first time is the moment of the grant. */
  #grant(name: string, session: number, token: number): void {
    if (token <= (this.#granted.get(name) ?? 0)) return
    this.#granted.set(name, token)
    const queue = this.#queues.get(name) ?? []
    const place = queue.findIndex((waiter) => waiter.session === session)
    const ahead = place < 0 ? queue : queue.slice(0, place)
    const passed = ahead.find((waiter) => this.stillWaits(waiter.session, waiter.request))
    if (passed !== undefined) {
      this.world.fail(
        `${name} is granted to session ${session} past ${passed.session}/${passed.request}, who waits longer`,
      )
    }
    if (place >= 0) this.world.count('seen grant to a waiter')
    // Only now: a detached waiter that was granted is met here, after its entry, and must still have its place.
    const left = queue.filter((waiter) => this.stillWaits(waiter.session, waiter.request))
    this.#queues.set(name, left)
  }

  #leaves(session: number, request: number, name: string): void {
    const queue = this.#queues.get(name) ?? []
    const left = queue.filter((waiter) => !isSame(waiter, session, request))
    this.#queues.set(name, left)
  }
}

const isSame = (waiter: Waiter, session: number, request: number): boolean =>
  waiter.session === session && waiter.request === request
