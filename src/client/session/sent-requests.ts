/** The requests of a session that have no final answer yet, and what the client acknowledges (rules.md rule 10). */
import { type Fields, formatLine, type Line } from '../../protocol/line.js'
import type { TcpNetLockError } from '../errors.js'
import { BUSY_PERIOD_MS, BUSY_REQUESTS } from '../limits.js'

export interface Request {
  readonly id: number
  /** How many answers it counts for (docs/protocol.md, `ack`); 0 if it only reads: of that no answer is kept. */
  readonly answers: number
  /** How many answers all requests before it have, of those that count. */
  readonly answersBefore: number
  /** The last request before it that counts; 0 if there is none. */
  readonly countedBefore: number
  readonly action: string
  /** Asked for whenever it is sent: what reads begins anew on another connection. */
  readonly fields: () => Fields
  /** Returns true when `line` was the last answer. */
  readonly answered: (line: Line) => boolean
  readonly failed: (error: TcpNetLockError) => void
}

/** A request that changes nothing. */
export type Reading = Pick<Request, 'action' | 'fields' | 'answered' | 'failed'>

export class SentRequests {
  /** By id, lowest first: ids only grow, and a Map keeps the order of insertion. */
  readonly #unanswered = new Map<number, Request>()
  #lastId = 0
  #lastCounted = 0
  /** Of all requests up to now. */
  #answers = 0
  #acknowledged = 0
  /** When the last requests were made, by `performance.now()`; a ring. */
  readonly #madeAt = new Float64Array(BUSY_REQUESTS)

  get size(): number {
    return this.#unanswered.size
  }

  get unacknowledged(): number {
    for (const { answers, answersBefore } of this.#unanswered.values()) {
      if (answers > 0) return this.#answers - answersBefore
    }
    return 0
  }

  /** True when there were many requests of late: then answers are on their way most of the time. */
  get busy(): boolean {
    const oldest = this.#madeAt[this.#lastId % BUSY_REQUESTS] ?? 0
    return this.#lastId >= BUSY_REQUESTS && performance.now() - oldest < BUSY_PERIOD_MS
  }

  /** `answers`: how many the request counts for. */
  add({ action, fields, answered, failed }: Reading, answers: number): Request {
    this.#madeAt[this.#lastId % BUSY_REQUESTS] = performance.now()
    this.#lastId += 1
    const numbers = { id: this.#lastId, answers, answersBefore: this.#answers, countedBefore: this.#lastCounted }
    const request = { ...numbers, action, fields, answered, failed }
    this.#answers += answers
    if (answers > 0) this.#lastCounted = request.id
    this.#unanswered.set(request.id, request)
    return request
  }

  /** Nobody waits for further answers. False: nobody did. */
  drop(id: number): boolean {
    return this.#unanswered.delete(id)
  }

  format({ id, action, fields }: Request): string {
    return formatLine(action, { id, ...fields(), ack: this.newAcknowledgement() })
  }

  /** The number up to which all answers have arrived, if that has not been said yet. */
  newAcknowledgement(): number | undefined {
    const answered = this.#answeredUpTo()
    if (answered <= this.#acknowledged) return undefined
    this.#acknowledged = answered
    return answered
  }

  /** After a reconnect: every unanswered request again under its own id; the server answers each once. */
  *unansweredLines(): Iterable<string> {
    // What was acknowledged on the old connection may not have arrived.
    this.#acknowledged = 0
    for (const request of this.#unanswered.values()) yield this.format(request)
  }

  answer(id: number, line: Line): void {
    const request = this.#unanswered.get(id)
    if (request?.answered(line) === true) this.#unanswered.delete(id)
  }

  fail(error: TcpNetLockError): void {
    const failed = [...this.#unanswered.values()]
    this.#unanswered.clear()
    for (const request of failed) request.failed(error)
  }

  /** By the ids of requests that count: a node that the session was resumed at knows of no others. */
  #answeredUpTo(): number {
    for (const { answers, countedBefore } of this.#unanswered.values()) if (answers > 0) return countedBefore
    return this.#lastCounted
  }
}
