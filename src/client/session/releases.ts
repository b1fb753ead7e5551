/** Giving locks back on one session, each once. */
import type { Fields, Line } from '../../protocol/line.js'
import { ClientClosedError, LockLostError, SessionExpiredError, type TcpNetLockError } from '../errors.js'
import type { Holdings } from './holdings.js'
import type { Grant, LooseHold } from './lock-session.js'
import { readRefusal } from './session-replies.js'

export interface ReleasingSession {
  /** Why nothing is sent any more; null while it lives. */
  endedBy(): TcpNetLockError | null
  request(
    action: string,
    fields: Fields,
    answered: (line: Line) => boolean,
    failed: (error: TcpNetLockError) => void,
  ): unknown
}

export class Releases {
  readonly #released = new WeakMap<Grant, Promise<void>>()
  #underWay = 0

  constructor(
    private readonly session: ReleasingSession,
    private readonly holdings: Holdings,
  ) {}

  /** Without a final answer. */
  get underWay(): number {
    return this.#underWay
  }

  release(grant: Grant): Promise<void> {
    const released = this.#released.get(grant) ?? this.#releaseOnce(grant, false)
    this.#released.set(grant, released)
    return released
  }

  releaseDone(grant: Grant): Promise<void> {
    const released = this.#releaseOnce(grant, true)
    const settled = released.catch(() => {})
    this.#released.set(grant, settled)
    return released
  }

  unlock(name: string, { token, owner }: LooseHold): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const endedBy = this.session.endedBy()
      if (endedBy !== null) return reject(endedBy)
      const answered = (line: Line): boolean => {
        if (line.action !== 'released' && line.get('code') !== 'not-holder') reject(readRefusal(line, name))
        else resolve(line.action === 'released')
        return true
      }
      this.session.request('unlock', { name, token, ...owner }, answered, reject)
    })
  }

  #releaseOnce(grant: Grant, done: boolean): Promise<void> {
    this.holdings.delete(grant)
    return new Promise((resolve, reject) => {
      const endedBy = this.session.endedBy()
      if (endedBy !== null) return done ? reject(endedBy) : resolve()
      const fields = { name: grant.name, token: grant.token ?? undefined, done: done ? 'yes' : undefined }
      this.#underWay += 1
      const settled = (): void => {
        this.#underWay -= 1
      }
      const answered = (line: Line): boolean => {
        settled()
        const isLost = line.get('code') === 'not-holder' || this.holdings.wasLost(grant)
        if (line.action !== 'released' && !isLost) reject(readRefusal(line, grant.name))
        // Whose hold was no longer current has marked nothing, though it is told that it has released it.
        else if (done && isLost) reject(new LockLostError(grant.name, grant.token, 'lease-expired'))
        else resolve()
        return true
      }
      this.session.request(grant.loose === true ? 'unlock' : 'release', fields, answered, (error) => {
        settled()
        // Two of them end the session, and with it everything that it held.
        const isReleased = error instanceof SessionExpiredError || error instanceof ClientClosedError
        if (isReleased && !done) resolve()
        else reject(error)
      })
      if (done) this.holdings.watch(grant)
    })
  }
}
