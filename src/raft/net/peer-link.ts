import type { HostPort } from '../../address.js'
import type { Clock, Random, Timer } from '../../platform.js'
import {
  PROBE_SPREAD_MS,
  PROBE_VERDICT_MS,
  RECONNECT_FOREIGN_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  STABLE_CONNECTION_MS,
  UNREACHABLE_REASONS_COUNT,
  UNSTABLE_CONNECTIONS,
} from '../limits.js'
import { PeerDownReason, type PeerHello, RefusalCode } from '../ports/transport.js'
import type { ConnectionEnd, ConnectionLink, PeerConnection } from './peer-connection.js'

export interface LinkEvents {
  dial(link: PeerLink, address: HostPort): PeerConnection
  up(link: PeerLink, peer: PeerHello, connection: PeerConnection): void
  lost(link: PeerLink, end: ConnectionEnd): void
  down(link: PeerLink, reason: PeerDownReason): void
  /** A failed dial, once for each of its reasons since the peer was last connected, and a few of them at most. */
  unreachable(link: PeerLink, end: ConnectionEnd): void
}

/** Answers of a system on which the process that we talked to just now is gone; a container's name goes with it. */
const DEAD_PEER_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND'])

const DROPPED: ConnectionEnd = { cause: 'local', detail: 'no longer a peer' }
const REPLACED: ConnectionEnd = { cause: 'local', detail: 'the peer has connected again' }
const NOT_NEEDED: ConnectionEnd = { cause: 'local', detail: 'the peer has connected meanwhile' }

/**
 * Keeps one connection to one peer. Both sides may dial; of a pair, the node with the smaller id decides which connection
 * is used and accepts only that one, so that the two never choose differently: its own dial if it has got through, else
 * the peer's. The other side goes by what it accepts.
 */
export class PeerLink implements ConnectionLink {
  readonly nodeId: string
  readonly #decides: boolean
  readonly #events: LinkEvents
  readonly #clock: Clock
  readonly #random: Random
  /** Where the peer may be found. The first is dialled, and moves to the end when that fails. None: no connection is kept. */
  #addresses: readonly HostPort[] = []
  /** The same in the order in which they were given: a different order is no news. */
  #told: readonly HostPort[] = []
  /** The connection in use. At the side that decides: from its choice on, before the peer has accepted, too. */
  #current: PeerConnection | null = null
  #dialling: PeerConnection | null = null
  #redial: Timer | null = null
  /** Runs while a lost connection is being checked and `down` is still owed. */
  #verdictDue: Timer | null = null
  #failedDials = 0
  /** Why it cannot be reached, as it was told: another reason is news. */
  readonly #toldReasons = new Set<string>()
  #unstableConnections = 0
  #upSinceMs = 0

  constructor(nodeId: string, ownNodeId: string, events: LinkEvents, clock: Clock, random: Random) {
    this.nodeId = nodeId
    this.#decides = ownNodeId < nodeId
    this.#events = events
    this.#clock = clock
    this.#random = random
  }

  /** The connection for frames, if there is one. */
  get connection(): PeerConnection | null {
    return this.#current?.isUp === true ? this.#current : null
  }

  /** Neither told to keep a connection nor having one. */
  get isIdle(): boolean {
    return this.#addresses.length === 0 && this.#current === null
  }

  /** From now on a connection is kept, by dialling one of `addresses` after the other when there is none. */
  keep(addresses: readonly HostPort[]): void {
    const first = this.#addresses.length === 0
    if (!isSame(addresses, this.#told)) {
      this.#addresses = addresses
      // A node of another cluster is tried seldom; behind the new address there may be a different node.
      if (this.#redial !== null && !first) this.#dialNow()
    }
    this.#told = addresses
    if (first && this.#current === null) this.#dial()
  }

  /** Closes all connections of this link. `down` follows in a later turn, if the peer was connected. */
  drop(): void {
    this.#addresses = []
    this.#told = []
    const owesDown = this.connection !== null || this.#verdictDue !== null
    const connections = [this.#current, this.#dialling]
    this.#current = null
    this.#dialling = null
    this.#cancelTimers()
    for (const connection of connections) connection?.close(DROPPED)
    // Not at once: the caller is in the middle of something else, and does not expect to be called back.
    if (owesDown) this.#clock.soon(() => this.#events.down(this, PeerDownReason.closed))
  }

  /** Whether a connection whose peer is welcome may be used. False: the pair keeps another one. */
  admit(connection: PeerConnection): boolean {
    if (this.#isTakeover(connection)) return false
    if (!this.#decides) return true
    if (!connection.dialled) {
      if (this.#dialling?.isOpen === true) return false
      if (this.#current?.dialled === true) {
        // The peer seems not to know of this connection. If so, its system answers the probe with a reset.
        this.#current.probe()
        return false
      }
    }
    this.#use(connection)
    return true
  }

  /**
   * Another process says that it is the peer while the peer is connected. If it was restarted, its system answers the probe
   * with a reset, or nothing answers, and its next dial is let in. If not, somebody only claims to be the peer.
   */
  #isTakeover(connection: PeerConnection): boolean {
    const current = this.connection
    if (connection.dialled || current === null || current.peer?.processId === connection.peer?.processId) return false
    current.probe()
    return true
  }

  /** Both sides have accepted: the connection is in use. */
  established(connection: PeerConnection, peer: PeerHello): void {
    this.#settle(PeerDownReason.closed)
    this.#use(connection)
    this.#failedDials = 0
    this.#toldReasons.clear()
    this.#upSinceMs = this.#clock.takerNow()
    this.#events.up(this, peer, connection)
  }

  closed(connection: PeerConnection, end: ConnectionEnd, wasUp: boolean): void {
    if (connection === this.#dialling) this.#dialling = null
    if (connection !== this.#current) {
      if (connection.dialled) this.#dialFailed(end)
      return
    }
    this.#current = null
    if (wasUp) this.#lost(end)
    else this.#dialFailed(end)
  }

  // ------------------------------------------------------------------------------------------ choosing

  #use(connection: PeerConnection): void {
    const before = this.#current
    const dial = this.#dialling
    this.#current = connection
    this.#dialling = null
    this.#redial?.cancel()
    this.#redial = null
    if (dial !== null && dial !== connection) dial.close(NOT_NEEDED)
    if (before === null || before === connection) return
    const wasUp = before.isUp
    before.close(REPLACED)
    if (wasUp) this.#events.down(this, PeerDownReason.replaced)
  }

  // ------------------------------------------------------------------------------------- losing, dialling

  /**
   * A lost connection is a hint that the peer's process died, and the sooner that is known the better: one dial at once
   * tells. Refused, or ended without a verdict: nobody is there.
   */
  #lost(end: ConnectionEnd): void {
    this.#events.lost(this, end)
    const lastedMs = this.#clock.takerNow() - this.#upSinceMs
    this.#unstableConnections = lastedMs < STABLE_CONNECTION_MS ? this.#unstableConnections + 1 : 0
    const checkable = end.cause !== 'timeout' && this.#addresses.length > 0
    if (checkable && this.#unstableConnections <= UNSTABLE_CONNECTIONS) {
      this.#verdictDue = this.#clock.after(PROBE_VERDICT_MS, () => this.#settle(PeerDownReason.closed))
      this.#dialAfter(this.#random.int(PROBE_SPREAD_MS))
    } else {
      this.#events.down(this, end.cause === 'timeout' ? PeerDownReason.timeout : PeerDownReason.closed)
      this.#dialLater()
    }
  }

  /** Says `down` if it is owed. */
  #settle(reason: PeerDownReason): void {
    if (this.#verdictDue === null) return
    this.#verdictDue.cancel()
    this.#verdictDue = null
    this.#events.down(this, reason)
  }

  #dialFailed(end: ConnectionEnd): void {
    const gone = end.cause === 'ended' || (end.cause === 'failed' && DEAD_PEER_CODES.has(end.errorCode ?? ''))
    this.#settle(gone ? PeerDownReason.refused : PeerDownReason.closed)
    const worthTelling = end.cause !== 'surplus' && end.cause !== 'local' && end.cause !== 'refused'
    if (worthTelling && !this.#toldReasons.has(end.detail) && this.#toldReasons.size < UNREACHABLE_REASONS_COUNT) {
      this.#toldReasons.add(end.detail)
      this.#events.unreachable(this, end)
    }
    // If there is another address to try, it need not wait.
    const isForeign = end.refusal?.code === RefusalCode.otherCluster && this.#addresses.length === 1
    if (isForeign) this.#dialAfterAbout(RECONNECT_FOREIGN_MS)
    else this.#dialLater()
  }

  #dialLater(): void {
    const ceilingMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failedDials, 16))
    this.#failedDials++
    this.#dialAfterAbout(ceilingMs)
  }

  #dialAfterAbout(ceilingMs: number): void {
    const [failed, ...others] = this.#addresses
    if (failed !== undefined) this.#addresses = [...others, failed]
    this.#dialAfter(ceilingMs / 2 + this.#random.int(Math.ceil(ceilingMs / 2)))
  }

  #dialAfter(delayMs: number): void {
    if (this.#addresses.length === 0 || this.#current !== null || this.#dialling !== null || this.#redial !== null)
      return
    this.#redial = this.#clock.after(delayMs, () => {
      this.#redial = null
      this.#dial()
    })
  }

  #dialNow(): void {
    this.#redial?.cancel()
    this.#redial = null
    this.#dial()
  }

  #dial(): void {
    const [address] = this.#addresses
    if (address === undefined || this.#current !== null || this.#dialling !== null) return
    this.#dialling = this.#events.dial(this, address)
  }

  #cancelTimers(): void {
    this.#redial?.cancel()
    this.#redial = null
    this.#verdictDue?.cancel()
    this.#verdictDue = null
  }
}

function isSame(some: readonly HostPort[], others: readonly HostPort[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ host, port }, place) => host === others[place]?.host && port === others[place]?.port)
  )
}
