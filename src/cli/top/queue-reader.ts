/** Asks what is waited for, again and again, in one session that lives as long as its connection. */
import { formatHostPort, type HostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { formatLine } from '../../protocol/line.js'
import { nextOf } from '../reads/asking.js'
import { ClusterRefusal, explain } from '../shared/command-failure.js'
import { LineClient } from '../shared/line-client.js'
import { SESSION_LEASE_SECONDS } from './limits.js'

/** A name that somebody waits for. Durations in seconds. */
export interface Queue {
  readonly name: string
  readonly waiters: number
  /** Who waits longest, and for how long. */
  readonly waiter: string
  readonly waitedFor: number
  /** Of the oldest hold, if somebody has it. */
  readonly holder?: string
  readonly heldFor?: number
  /** How many have it. */
  readonly holds: number
}

/** As `queues` answers (docs/protocol.md). */
export interface Queues {
  readonly count: number
  readonly waiters: number
  readonly contended: readonly Queue[]
  readonly oldest: readonly Queue[]
}

export class QueueReader {
  #client: LineClient | null = null
  #id = 0

  constructor(
    private readonly credentials: Credentials | undefined,
    private readonly timeoutMs: number,
  ) {}

  /** At the first of `endpoints` that answers, unless the connection still stands. Rejects with the words of the last that did not. */
  async ask(endpoints: readonly HostPort[], prefix: string): Promise<Queues> {
    if (this.#client !== null) {
      try {
        return await this.#askAt(this.#client, prefix)
      } catch (error) {
        this.#left(error)
      }
    }
    let failure = 'no endpoint'
    for (const endpoint of endpoints) {
      try {
        this.#client = await this.#open(endpoint)
        return await this.#askAt(this.#client, prefix)
      } catch (error) {
        failure = `${formatHostPort(endpoint)}: ${this.#left(error)}`
      }
    }
    throw new Error(failure)
  }

  close(): void {
    this.#client?.send('bye')
    this.#client?.close()
    this.#client = null
  }

  #left(error: unknown): string {
    this.close()
    const isOlder = error instanceof ClusterRefusal && error.refusal === 'bad-request'
    return isOlder ? 'its version cannot tell what is waited for' : explain(error)
  }

  async #open(endpoint: HostPort): Promise<LineClient> {
    const client = await LineClient.open(endpoint, this.credentials, this.timeoutMs)
    try {
      const welcome = await client.hello({ lease: SESSION_LEASE_SECONDS })
      if (welcome.action === 'welcome') return client
      throw new Error(welcome.get('message') ?? welcome.action)
    } catch (error) {
      client.close()
      throw error
    }
  }

  async #askAt(client: LineClient, prefix: string): Promise<Queues> {
    this.#id += 1
    client.send(formatLine('queues', { id: this.#id, prefix: prefix === '' ? undefined : prefix }).trimEnd())
    const text = await nextOf(client, this.#id)
    return JSON.parse(text.slice(text.indexOf('{'))) as Queues
  }
}
