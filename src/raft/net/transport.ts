import { AddressError, formatHostPort, type HostPort, parseHostPort } from '../../address.js'
import { invariant } from '../../invariant.js'
import type { Clock, Random } from '../../platform.js'
import type { Channel, StreamListener, StreamNetwork } from '../../sockets/streams.js'
import { PEER_FRAME_BYTES, UNKNOWN_CONNECTIONS } from '../limits.js'
import {
  type FrameKind,
  type Lane,
  type Peer,
  type PeerDownReason,
  type PeerHello,
  type Refusal,
  RefusalCode,
  type Transport,
  type TransportHandlers,
} from '../ports/transport.js'
import { byteLength } from './frame.js'
import { LinkKind } from './handshake.js'
import { BindError, peerTcp } from './network.js'
import type { LaneBounds } from './outbox.js'
import type { PeerCertificates } from './peer-certificate.js'
import { type ConnectionEnd, type ConnectionOwner, type ConnectionVerdict, PeerConnection } from './peer-connection.js'
import { type LinkEvents, PeerLink } from './peer-link.js'
import type { PeerSecrets } from './peer-secret.js'
import { RefusalLog, type TransportLogger } from './refusal-log.js'

export type { TransportLogger } from './refusal-log.js'

export interface TransportOptions {
  readonly nodeId: string
  /** HOST:PORT to listen on for peers, IPv6 in brackets; port 0: any free one. */
  readonly listen: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: TransportLogger
  /** Null: peers need not know a secret. */
  readonly secrets?: PeerSecrets | null
  /** Null: `network` is without TLS. */
  readonly certificates?: PeerCertificates | null
  /** Where streams come from; TCP unless given. */
  readonly network?: StreamNetwork
  /** What may wait for one peer; the bounds of `limits.ts` unless given. */
  readonly lanes?: LaneBounds
}

export interface PeerTransport extends Transport {
  /** HOST:PORT that it listens on, once started. */
  listenAddress(): string
}

/** The flag that a bind error names. */
const LISTEN_FLAG = '--peer-listen'

/** Connections to peers over TCP. `start` rejects with a BindError when it cannot listen. */
export function createTransport(options: TransportOptions): PeerTransport {
  return new SocketTransport(options)
}

class SocketTransport implements PeerTransport, ConnectionOwner, LinkEvents {
  readonly #options: TransportOptions
  readonly #network: StreamNetwork
  readonly #refusals: RefusalLog
  readonly #links = new Map<string, PeerLink>()
  readonly #connections = new Set<PeerConnection>()
  #peers: readonly Peer[] = []
  #handlers: TransportHandlers | null = null
  #listener: StreamListener | null = null
  #closed = false

  constructor(options: TransportOptions) {
    this.#options = options
    this.#network = options.network ?? peerTcp
    this.#refusals = new RefusalLog(options.logger, options.clock)
  }

  // ----------------------------------------------------------------------------------------- Transport

  async start(handlers: TransportHandlers): Promise<void> {
    invariant(this.#handlers === null, 'transport: started twice')
    this.#handlers = handlers
    const { listen, logger } = this.#options
    try {
      this.#listener = await this.#network.listen(
        parseHostPort(listen),
        (channel) => this.#accept(channel),
        (error) => logger.warn({ err: error }, 'the peer port has trouble to accept connections'),
      )
    } catch (cause) {
      throw new BindError(LISTEN_FLAG, listen, cause)
    }
    if (this.#closed) this.#listener.close()
    this.setPeers(this.#peers)
  }

  setPeers(peers: readonly Peer[]): void {
    this.#peers = peers
    // Before the start the handlers are missing that a dial needs; `start` calls again.
    if (this.#listener === null || this.#closed) return
    const kept = new Set(peers.map((peer) => peer.nodeId))
    for (const [nodeId, link] of this.#links) {
      if (kept.has(nodeId)) continue
      this.#links.delete(nodeId)
      link.drop()
    }
    for (const peer of peers) {
      const addresses = peer.nodeId === this.#options.nodeId ? [] : this.#parseAddresses(peer)
      if (addresses.length > 0) this.#linkOf(peer.nodeId).keep(addresses)
    }
  }

  send(to: string, lane: Lane, kind: FrameKind, parts: readonly Uint8Array[]): boolean {
    invariant(kind < LinkKind.hello, () => `transport: ${kind} is no frame kind`)
    const bytes = byteLength(parts)
    if (bytes > PEER_FRAME_BYTES) {
      // Senders bundle their frames, so this does not happen. If it does after all, it must not end this node.
      this.#options.logger.warn({ peer: to, kind, bytes }, 'did not send a frame that is too long')
      return false
    }
    return this.#links.get(to)?.connection?.send(lane, kind, parts) ?? false
  }

  isUp(nodeId: string): boolean {
    return this.#connectionTo(nodeId) !== null
  }

  wasDialled(nodeId: string): boolean {
    const connection = this.#connectionTo(nodeId)
    return connection?.dialled === true && connection.isTrusted
  }

  bulkBacklogBytes(to: string): number {
    return this.#connectionTo(to)?.bulkBacklogBytes ?? 0
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#listener?.close()
    const stopped = [...this.#connections].map((connection) => connection.stop())
    for (const link of this.#links.values()) link.drop()
    this.#links.clear()
    await Promise.all(stopped)
  }

  listenAddress(): string {
    invariant(this.#listener !== null, 'transport: not started')
    return formatHostPort({ host: parseHostPort(this.#options.listen).host, port: this.#listener.port })
  }

  // ----------------------------------------------------------------------------------- ConnectionOwner

  judge(connection: PeerConnection, hello: PeerHello): ConnectionVerdict {
    const refusal = this.#refusalOf(connection, hello)
    if (refusal !== null) {
      this.#refusals.refused(hello.nodeId, connection.remoteAddress, refusal.message)
      return { refuse: refusal }
    }
    connection.link ??= this.#linkOf(hello.nodeId)
    return connection.link.admit(connection) ? 'accept' : 'surplus'
  }

  refusedUnheard(connection: PeerConnection, refusal: Refusal): void {
    this.#refusals.refused(connection.link?.nodeId ?? 'unknown', connection.remoteAddress, refusal.message)
  }

  established(connection: PeerConnection): void {
    const { link, peer } = connection
    invariant(link !== null && peer !== null, 'transport: established without a hello')
    if (this.#links.get(link.nodeId) === link) link.established(connection, peer)
    else connection.close({ cause: 'local', detail: 'no longer a peer' })
  }

  refusedByPeer(connection: PeerConnection, refusal: Refusal): void {
    const { link, peer, dialled } = connection
    const hello = connection.isTrusted ? peer : null
    const nodeId = link?.nodeId ?? peer?.nodeId
    this.#refusals.refusedBy(nodeId ?? connection.remoteAddress, refusal.message)
    if (nodeId === undefined || this.#closed) return
    this.#handlers?.onRefused(refusal, { nodeId, wasDialled: dialled && hello?.nodeId === nodeId, hello })
  }

  frame(connection: PeerConnection, kind: number, payload: Uint8Array): void {
    // What arrives on a connection that another one replaced is out of order.
    if (this.#closed || connection.link?.connection !== connection) return
    this.#handlers?.onFrame(connection.link.nodeId, kind as FrameKind, payload)
  }

  closed(connection: PeerConnection, end: ConnectionEnd, wasUp: boolean): void {
    this.#connections.delete(connection)
    if (this.#closed) return
    const { link } = connection
    if (end.cause === 'protocol') {
      this.#refusals.broken(link?.nodeId ?? 'unknown', connection.remoteAddress, end.detail)
    }
    if (link === null) return
    link.closed(connection, end, wasUp)
    // A node that is not a peer leaves nothing behind.
    if (link.isIdle && this.#links.get(link.nodeId) === link) this.#links.delete(link.nodeId)
  }

  // ---------------------------------------------------------------------------------------- LinkEvents

  dial(link: PeerLink, address: HostPort): PeerConnection {
    return this.#adopt(this.#network.dial(address), link)
  }

  up(link: PeerLink, peer: PeerHello, connection: PeerConnection): void {
    if (this.#closed) return
    const { dialled, remote } = connection
    this.#refusals.forget(link.nodeId)
    this.#options.logger.info({ peer: link.nodeId, remote, dialled }, 'peer connected')
    this.#handlers?.onUp(peer)
  }

  lost(link: PeerLink, end: ConnectionEnd): void {
    this.#options.logger.warn(
      { peer: link.nodeId, cause: end.cause, reason: end.detail },
      'lost the connection to a peer',
    )
  }

  down(link: PeerLink, reason: PeerDownReason): void {
    if (!this.#closed) this.#handlers?.onDown(link.nodeId, reason)
  }

  unreachable(link: PeerLink, end: ConnectionEnd): void {
    this.#options.logger.info({ peer: link.nodeId, reason: end.detail }, 'a peer cannot be reached; trying on')
  }

  // --------------------------------------------------------------------------------------------- helpers

  #accept(channel: Channel): void {
    if (this.#closed) channel.stream.destroy()
    else {
      this.#adopt(channel, null)
      this.#makeRoom()
    }
  }

  /**
   * Silent connections must not keep peers out: of the address that has the most, the oldest goes. A peer says who it is
   * within a round trip, and has to fear only as many newcomers from its own address in that time.
   */
  #makeRoom(): void {
    const unknown = [...this.#connections].filter((connection) => connection.link === null)
    if (unknown.length <= UNKNOWN_CONNECTIONS) return
    const counts = new Map<string, number>()
    for (const { remoteAddress } of unknown) counts.set(remoteAddress, (counts.get(remoteAddress) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const oldest = unknown.find(({ remoteAddress }) => counts.get(remoteAddress) === most)
    oldest?.close({ cause: 'local', detail: 'too many connections that do not say who they are' })
  }

  #adopt(channel: Channel, dialledBy: PeerLink | null): PeerConnection {
    const handlers = this.#handlers
    invariant(handlers !== null, 'transport: a connection before the start')
    const { clock, random, secrets = null, certificates = null, lanes } = this.#options
    const hello = () => handlers.hello()
    const terms = { owner: this, clock, random, secrets, certificates, lanes }
    const connection = new PeerConnection({ channel, dialledBy, hello, ...terms })
    this.#connections.add(connection)
    return connection
  }

  #refusalOf(connection: PeerConnection, hello: PeerHello): Refusal | null {
    const verdict = this.#handlers?.judge(hello, connection.dialled)
    if (verdict?.accept === false) return verdict.refusal
    if (hello.nodeId === this.#options.nodeId) {
      return soft(RefusalCode.sameNode, `${hello.nodeId} is the id of this node itself`)
    }
    const expected = connection.link?.nodeId ?? hello.nodeId
    if (hello.nodeId === expected) return null
    return soft(RefusalCode.otherNode, `${hello.nodeId} answers at the address of ${expected}`)
  }

  #linkOf(nodeId: string): PeerLink {
    const known = this.#links.get(nodeId)
    if (known !== undefined) return known
    const link = new PeerLink(nodeId, this.#options.nodeId, this, this.#options.clock, this.#options.random)
    this.#links.set(nodeId, link)
    return link
  }

  #connectionTo(nodeId: string): PeerConnection | null {
    return this.#links.get(nodeId)?.connection ?? null
  }

  #parseAddresses({ nodeId, address, otherAddress }: Peer): HostPort[] {
    const texts = otherAddress === undefined ? [address] : [address, otherAddress]
    return texts.flatMap((text) => this.#parseAddress(nodeId, text))
  }

  /** A member's address that cannot be read must not stop the others: it may dial us. */
  #parseAddress(peer: string, address: string): HostPort[] {
    try {
      return [parseHostPort(address)]
    } catch (error) {
      if (!(error instanceof AddressError)) throw error
      this.#options.logger.warn({ peer, address, reason: error.message }, 'cannot dial a peer')
      return []
    }
  }
}

const soft = (code: RefusalCode, message: string): Refusal => ({ code, isFinal: false, message })
