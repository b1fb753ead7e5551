/** The guardian's copy of the connection: held without a word while tnl-do has it, and ended when nothing is left. */
import { setTimeout as sleep } from 'node:timers/promises'
import { HOLD_FRACTION, HOLD_MARGIN_MS, KEEPALIVES_PER_LEASE } from '../../client/limits.js'
import { Credentials } from '../../client/security/credentials.js'
import { KeepAlive } from '../../client/session/keep-alive.js'
import { type HoldLimit, type Instant, instantNow } from '../../client/session/local-lease.js'
import { Link, LinkError } from '../../client/transport/link.js'
import { type DialAddress, openSocket } from '../../client/transport/link-socket.js'
import { formatLine } from '../../protocol/line.js'
import {
  GOODBYE_TIMEOUT_MS,
  OWN_CONNECTION_MAX_TIMEOUT_MS,
  OWN_CONNECTION_TIMEOUT_MS,
  RENEWAL_PAUSE_MS,
  SHUT_DOWN_TIMEOUT_MS,
} from '../guarding/limits.js'
import type { Resumption } from '../guarding/messages.js'
import { isRawHandle, type RawHandle, shutDown } from '../system/raw-handle.js'

export class GuardianConnection {
  /** Null: the classic dialect, or not known yet. */
  resumption: Resumption | null = null
  private handle: RawHandle | null = null
  /** Once the guardian speaks itself, because tnl-do is dead. */
  private link: Link | null = null
  private isEnding = false

  /** False if what came with the message is no longer a connection. */
  adopt(handle: unknown): boolean {
    this.handle?.close()
    this.handle = isRawHandle(handle) ? handle : null
    return this.handle !== null
  }

  /**
   * Frees what the session holds. An empty line first: tnl-do may have died in the middle of one. In the classic dialect
   * the FIN says it all. A connection that has broken meanwhile is replaced by one of the guardian's own, and so is one in TLS:
   * without tnl-do's keys nothing can be said on it. The node leaves that one when the session is resumed; should nobody answer,
   * its FIN leaves the session to its lease, as `linger` asked for.
   */
  async end(): Promise<void> {
    const { handle, link, resumption } = this
    this.isEnding = true
    const lastWords = resumption === null ? '' : `\n${formatLine('bye')}`
    if (link !== null) {
      link.send(lastWords)
      if (await isHeard(link)) return
    } else if (handle !== null && resumption?.credentials.tls == null) {
      if (await shutDown(handle, lastWords, SHUT_DOWN_TIMEOUT_MS)) return
    }
    if (resumption !== null) await this.byeElsewhere(resumption)
  }

  /**
   * Keeps the lock in the place of a dead tnl-do, while something of the command lives that cannot be killed. On a
   * connection of its own: on tnl-do's an answer to an older keepalive may be under way, and would prove too much.
   * `confirmed` is told of each later limit; `isHeld`: the limit has not passed.
   */
  async renew(holdMs: number, isHeld: () => boolean, confirmed: (limit: HoldLimit) => void): Promise<void> {
    const { resumption } = this
    if (resumption === null) return
    const intervalMs = (holdMs + HOLD_MARGIN_MS) / HOLD_FRACTION / KEEPALIVES_PER_LEASE
    const proved = (since: Instant): void => confirmed({ since, holdMs })
    while (isHeld() && !this.isEnding) {
      const link = await this.resumeElsewhere(resumption, proved)
      if (link === null) await sleep(RENEWAL_PAUSE_MS)
      else await this.keepAlive(link, intervalMs, proved)
    }
  }

  /** Resolves when the connection is of no more use. */
  private keepAlive(link: Link, intervalMs: number, proved: (sentAt: Instant) => void): Promise<void> {
    this.link = link
    return new Promise((resolve) => {
      const ended = (): void => {
        keepAlive.stop()
        link.reset()
        resolve()
      }
      const keepAlive = new KeepAlive(intervalMs, undefined, {
        send: () => link.send(formatLine('.keepalive')),
        confirmed: proved,
        overdue: ended,
      })
      link.attach({ line: ({ action }) => action === 'alive' && keepAlive.answered(), closed: ended })
      keepAlive.start()
    })
  }

  private async byeElsewhere(resumption: Resumption): Promise<void> {
    const startedAt = performance.now()
    for (let round = 1; performance.now() - startedAt < GOODBYE_TIMEOUT_MS; round += 1) {
      for (const address of resumption.addresses) {
        const link = await openAt(address, resumption, round)
        if (link === 'over') return
        link?.send(formatLine('bye'))
        if (link !== null && (await isHeard(link))) return
      }
      await sleep(RENEWAL_PAUSE_MS)
    }
  }

  private async resumeElsewhere(resumption: Resumption, proved: (sentAt: Instant) => void): Promise<Link | null> {
    for (const address of resumption.addresses) {
      const sentAt = instantNow()
      const link = await openAt(address, resumption)
      if (link === null || link === 'over') continue
      proved(sentAt)
      return link
    }
    return null
  }
}

/** Takes the session over; null if that is not possible at this address; `over`: there is no such session any more. */
async function openAt(address: DialAddress, resumption: Resumption, round = 1): Promise<Link | 'over' | null> {
  const never = new AbortController().signal
  const timeoutMs = Math.min(round * OWN_CONNECTION_TIMEOUT_MS, OWN_CONNECTION_MAX_TIMEOUT_MS)
  const { session, secret } = resumption
  const credentials = Credentials.of(resumption.credentials)
  await credentials.refresh()
  let link: Link | null = null
  try {
    link = await Link.dial(address, timeoutMs, never, (to, opening) => openSocket(to, credentials.material, opening))
    link.send(formatLine('resume', { session, secret, auth: credentials.authOn(link) }))
    for (;;) {
      const line = await link.nextLine(timeoutMs, never)
      if (line.action === 'ready') return link
      if (line.action === 'err') {
        link.reset()
        return line.get('code') === 'session-expired' ? 'over' : null
      }
    }
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    link?.reset()
    return null
  }
}

async function isHeard(link: Link): Promise<boolean> {
  const never = new AbortController().signal
  try {
    while ((await link.nextLine(SHUT_DOWN_TIMEOUT_MS, never)).action !== 'bye');
    link.finish()
    return true
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    return false
  }
}
