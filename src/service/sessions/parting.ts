/**
 * How a session leaves when its connection ends (rules.md rule 5). What a FIN is worth depends on who sent it: a relay
 * makes one of the client's reset, by which the client means to come back.
 */
import type { HostPort } from '../../address.js'
import type { DetachReason } from './attachment.js'
import { FROM_UNKNOWN, isOwnEnd } from './own-end.js'

/** `revoked`: by this node, because what the client has proven proves nothing any more. */
export type ConnectionEnd = 'fin' | 'break' | 'revoked'
/** What the client has been told: nothing, nothing of a session that it resumes, or all (`welcome`, `ready`). */
export type Told = 'nothing' | 'not-ready' | 'all'

export class Parting {
  /** Somebody stands between: the node sees another address than the client's. */
  isRelayed = false
  #finCounts = true
  #byeSaid = false
  #finDeparture: DetachReason | null = null

  /** `from` of the opening line; `end` is this socket's other end. A client that names none takes its FIN for its word. */
  opening(from: string | undefined, end: HostPort): void {
    this.#finCounts = from === undefined || isOwnEnd(from, end)
    this.isRelayed = !this.#finCounts && from !== FROM_UNKNOWN
  }

  /** Nothing that happens to the connection takes it back. */
  bye(): void {
    this.#byeSaid = true
  }

  get byeSaid(): boolean {
    return this.#byeSaid
  }

  /** The client sent FIN, and what it sent before is still to be carried out. */
  fin(told: Told): void {
    this.#finDeparture ??= this.by('fin', told)
  }

  /** Null while the client has said neither `bye` nor FIN. */
  get detachReason(): DetachReason | null {
    return this.#byeSaid ? 'bye' : this.#finDeparture
  }

  /**
   * Before `welcome` nobody can resume the session, because only that word tells the secret: it ends. Before `ready` the
   * client has not heard what it holds, so no end of the connection can be its word about that.
   */
  by(end: ConnectionEnd, told: Told): DetachReason {
    if (told === 'nothing') return 'end'
    if (end === 'revoked') return this.#byeSaid ? 'bye' : 'lease'
    return this.detachReason ?? (end === 'fin' && told === 'all' && this.#finCounts ? 'linger' : 'detach')
  }
}
