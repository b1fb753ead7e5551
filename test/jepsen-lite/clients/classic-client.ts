import { setTimeout as sleep } from 'node:timers/promises'
import { parseHostPort } from '../../../src/address.js'
import { Link, LinkError } from '../../../src/client/transport/link.js'
import { formatLine, type Line } from '../../../src/protocol/line.js'
import { formatSeconds } from '../../../src/protocol/values.js'
import { type ClientContext, pause } from './client.js'
import type { HoldEnd } from './hold.js'
import { connectAsAsked } from './way.js'

const DIAL_TIMEOUT_MS = 2_000
/** Longer than a node searches for a leader before it says that it has none. */
const ANSWER_TIMEOUT_MS = 8_000
/** A node that is down is not asked all the time: requests of unknown outcome make a history hard to judge. */
const UNKNOWN_PAUSE_MS = 500
const KEEPALIVE_INTERVAL_MS = 250
/** Patience: a node that was out of reach must not confirm afterwards what it has lost meanwhile. */
const ALIVE_TIMEOUT_MS = 15_000

/** A connection that got `ok`, and what its client can prove. */
export interface ClassicLock {
  readonly name: string
  readonly token: number
  readonly link: Link
  /** When the last line was sent that was answered positively: so long the lock was held for certain. */
  provenUntil: number
}

/** A classic client as bare as `nc`, a connection for each lock. */
export class ClassicClient {
  /** Never aborted: a client ends what it has begun. */
  readonly #signal = new AbortController().signal

  constructor(private readonly context: ClientContext) {}

  /** Null when it was not granted, nobody knows, or no node was reached. */
  async acquire(
    name: string,
    waitMs: number,
    about: Readonly<Record<string, boolean>> = {},
  ): Promise<ClassicLock | null> {
    const { journal, endpoints, random } = this.context
    const link = await this.#dial(random.pick(endpoints))
    if (link === null) return null
    const invoked = journal.invoke('acquire', { name, client: 'classic', wait: waitMs, ...about })
    link.send(formatLine('lock', { name, fence: 'yes', wait: waitMs > 0 ? formatSeconds(waitMs) : undefined }))
    const line = await this.#answer(link, waitMs + ANSWER_TIMEOUT_MS)
    const token = line?.number('token')
    if (line?.action === 'ok' && token !== undefined) {
      journal.ok({ token })
      return { name, token, link, provenUntil: invoked }
    }
    link.reset()
    if (line?.action === 'not-granted') journal.fail({ reason: waitMs > 0 ? 'timeout' : 'held' })
    else {
      journal.unknown({ reason: line === null ? 'closed or silent' : `${line.action} ${line.rest}` })
      await sleep(UNKNOWN_PAUSE_MS)
    }
    return null
  }

  /** Keeps the lock so long, or until the client shall finish. False when it was lost meanwhile. */
  async hold(lock: ClassicLock, ms: number): Promise<boolean> {
    const endMs = performance.now() + ms
    for (;;) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0 || this.context.stopping.aborted) return true
      await pause(this.context, Math.min(leftMs, KEEPALIVE_INTERVAL_MS))
      if (!(await this.prove(lock))) return false
    }
  }

  /** Asks whether the node still stands by its word. */
  async prove(lock: ClassicLock): Promise<boolean> {
    const sentAt = this.context.journal.now()
    lock.link.send(formatLine('.keepalive'))
    const line = await this.#answer(lock.link, ALIVE_TIMEOUT_MS)
    if (line?.action !== 'alive') {
      this.leave(lock, 'closed')
      return false
    }
    lock.provenUntil = sentAt
    return true
  }

  async release(lock: ClassicLock): Promise<void> {
    const { journal } = this.context
    const { name, token, link } = lock
    const sentAt = journal.invoke('release', { name, token })
    link.send(formatLine('release'))
    const line = await this.#answer(link, ANSWER_TIMEOUT_MS)
    if (line?.action === 'released') {
      journal.ok()
      lock.provenUntil = sentAt
      this.#endHold(lock, 'released')
      link.finish()
    } else {
      this.#endHold(lock, 'closed')
      journal.unknown({ reason: line === null ? 'closed or silent' : `${line.action} ${line.rest}` })
      link.reset()
    }
  }

  /** Ends the connection, and with it the lock, without a word. */
  leave(lock: ClassicLock, why: HoldEnd): void {
    this.#endHold(lock, why)
    if (this.context.random.chance(0.5)) lock.link.finish()
    else lock.link.reset()
  }

  #endHold({ name, token, provenUntil }: ClassicLock, why: HoldEnd): void {
    this.context.journal.note('hold-end', { name, token, why, until: provenUntil })
  }

  async #dial(endpoint: string): Promise<Link | null> {
    try {
      return await Link.dial(parseHostPort(endpoint), DIAL_TIMEOUT_MS, this.#signal, connectAsAsked)
    } catch (error) {
      if (error instanceof LinkError) return null
      throw error
    }
  }

  /** Null when the connection broke or the node was silent. */
  async #answer(link: Link, timeoutMs: number): Promise<Line | null> {
    try {
      return await link.nextLine(timeoutMs, this.#signal)
    } catch (error) {
      if (error instanceof LinkError) return null
      throw error
    }
  }
}
