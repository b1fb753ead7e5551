/**
 * Sessions that only read. They are apart from those that hold locks: the end of a connection frees locks in milliseconds only
 * if no answer is on its way to a process that dies, and on a connection that watches something there always may be one.
 */
import type { Fields, Line } from '../../protocol/line.js'
import type { TcpNetLockError } from '../errors.js'
import { WATCHES_PER_SESSION_MAX_COUNT } from '../limits.js'
import type { SessionHooks } from '../session/lock-session.js'
import type { Reading } from '../session/sent-requests.js'
import type { ClientSession } from '../session/session.js'
import { readRefusal } from '../session/session-replies.js'

/** What is asked, and how its answer is read. */
export interface Question<Answer> {
  readonly action: string
  /** Called whenever it is asked: on another connection the answer begins anew. */
  fields(): Fields
  /** Undefined while further lines are to come. */
  take(line: Line): Answer | undefined
}

export class ReadingSessions {
  /** Each with the watches that are on it. */
  readonly #watches = new Map<ClientSession, number>()
  #opening: Promise<ClientSession> | null = null

  constructor(
    private readonly openSession: (hooks: SessionHooks) => Promise<ClientSession>,
    /** Aborted when the client is closed. */
    private readonly closed: AbortSignal,
  ) {}

  /** Rejects with what the cluster refused it for, with what kept a session from being opened, and with the reason of `signal`. */
  async ask<Answer>(question: Question<Answer>, signal?: AbortSignal): Promise<Answer> {
    return this.#use(
      () => true,
      (session) => asked(session, question, signal),
    )
  }

  /** Begins a watch on a session with room for one. Returns what ends it. Rejects if no session can be opened. */
  async watch(reading: Reading): Promise<() => void> {
    return this.#use(
      (watches) => watches < WATCHES_PER_SESSION_MAX_COUNT,
      (session) => this.#watch(session, reading),
    )
  }

  #watch(session: ClientSession, reading: Reading): () => void {
    this.#count(session, 1)
    let isOver = false
    const over = (): void => {
      if (isOver) return
      isOver = true
      this.#count(session, -1)
    }
    const stop = session.read({
      ...reading,
      answered: (line) => {
        const isLast = reading.answered(line)
        if (isLast) over()
        return isLast
      },
      failed: (error: TcpNetLockError) => {
        over()
        reading.failed(error)
      },
    })
    return () => {
      over()
      stop()
    }
  }

  get ids(): readonly string[] {
    return [...this.#watches.keys()].map(({ id }) => id)
  }

  async close(): Promise<void> {
    const opening = this.#opening?.then((session) => session.close()).catch(() => {})
    await Promise.all([opening, ...[...this.#watches.keys()].map((session) => session.close())])
  }

  /** Nothing may come between looking for room and taking it. */
  async #use<Result>(
    hasRoom: (watches: number) => boolean,
    use: (session: ClientSession) => Result | Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      this.closed.throwIfAborted()
      for (const [session, watches] of this.#watches) if (!session.ended && hasRoom(watches)) return use(session)
      this.#opening ??= this.#open().finally(() => {
        this.#opening = null
      })
      await this.#opening
    }
  }

  async #open(): Promise<ClientSession> {
    const session = await this.openSession({ ended: () => this.#watches.delete(session) })
    this.#watches.set(session, 0)
    return session
  }

  #count(session: ClientSession, change: number): void {
    const watches = this.#watches.get(session)
    if (watches !== undefined) this.#watches.set(session, watches + change)
  }
}

/** Resolves with the answer; rejects with a refusal, the end of the session, or the reason of `signal`. */
function asked<Answer>(session: ClientSession, question: Question<Answer>, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const settled = (): void => signal?.removeEventListener('abort', aborted)
    const reading: Reading = {
      action: question.action,
      fields: () => question.fields(),
      answered: (line) => {
        const answer = line.action === 'err' ? readRefusal(line, '') : question.take(line)
        if (answer === undefined) return false
        settled()
        if (line.action === 'err') reject(answer)
        else resolve(answer as Answer)
        return true
      },
      failed: (error) => {
        settled()
        reject(error)
      },
    }
    const stop = session.read(reading)
    const aborted = (): void => {
      settled()
      stop()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', aborted)
  })
}
