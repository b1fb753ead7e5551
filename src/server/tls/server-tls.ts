/** TLS at the three ports of a node, and what comes before it: which files, which connections, what is told of them. */
import type { Logger } from 'pino'
import type { Clock } from '../../platform.js'
import { peerTcpTerms } from '../../raft/net/network.js'
import type { PeerCertificates } from '../../raft/net/peer-certificate.js'
import type { HandshakeTerms } from '../../sockets/handshakes.js'
import {
  FIRST_BYTE_MAX_MS,
  HANDSHAKES_MAX_COUNT,
  HTTP_HANDSHAKES_MAX_COUNT,
  PEER_FIRST_BYTE_MAX_MS,
  PEER_HANDSHAKES_MAX_COUNT,
} from '../../sockets/limits.js'
import type { StreamNetwork } from '../../sockets/streams.js'
import { handshakingNetwork } from '../../sockets/tls/tls-network.js'
import { TlsServer } from '../../sockets/tls/tls-server.js'
import { clientTcpTerms } from '../clients/client-tcp.js'
import type { ServerConfig } from '../config/config.js'
import type { WatchedSet } from '../config/watched-files.js'
import { CERTIFICATE_REMINDER_MS } from '../limits.js'
import { CredentialFiles } from './credential-files.js'
import { checkOwnCertificate } from './own-certificate.js'

export const TLS_PORTS = ['client', 'http', 'peer'] as const
export type TlsPort = (typeof TLS_PORTS)[number]

type TlsSettings = Pick<ServerConfig, 'nodeId' | 'tls' | 'peerTls' | 'proxyFrom'>

export class ServerTls {
  /** Null: that port speaks plainly. */
  readonly clients: CredentialFiles | null
  readonly peers: CredentialFiles | null
  /** Connections that came to nothing before their first line. */
  readonly failedCounts: Record<TlsPort, number> = { client: 0, http: 0, peer: 0 }

  private constructor(
    private readonly config: TlsSettings,
    private readonly clock: Clock,
    private readonly log: Pick<Logger, 'info' | 'warn'>,
    files: { readonly clients: CredentialFiles | null; readonly peers: CredentialFiles | null },
  ) {
    this.clients = files.clients
    this.peers = files.peers
  }

  /** Reads all files. Rejects with UsageError if one of them is no good. */
  static async open(config: TlsSettings, clock: Clock, log: Pick<Logger, 'info' | 'warn'>): Promise<ServerTls> {
    const { nodeId, tls, peerTls } = config
    const common = {
      clock,
      warn: (message: string) => log.warn(message),
      info: (message: string) => log.info(message),
    }
    const clients =
      tls === null
        ? null
        : await CredentialFiles.load({
            ...common,
            flags: { cert: '--tls-cert', key: '--tls-key', ca: '--tls-client-ca' },
            certFile: tls.certFile,
            keyFile: tls.keyFile,
            caFile: tls.clientCaFile,
          })
    const peers =
      peerTls === null
        ? null
        : await CredentialFiles.load({
            ...common,
            flags: { cert: '--peer-tls-cert', key: '--peer-tls-key', ca: '--peer-tls-ca' },
            ...peerTls,
            check: (credentials) => checkOwnCertificate(credentials, { nodeId, clusterName: peerTls.clusterName }),
          })
    const made = new ServerTls(config, clock, log, { clients, peers })
    made.#remind()
    return made
  }

  /** What is read again while the node runs. */
  get watched(): readonly WatchedSet[] {
    return this.#files
  }

  get #files(): readonly CredentialFiles[] {
    return [this.clients, this.peers].filter((files) => files !== null)
  }

  /** Says again and again what expires. Ends with the process. */
  #remind(): void {
    this.clock.after(CERTIFICATE_REMINDER_MS, () => {
      for (const files of this.#files) files.warnOfExpiry()
      this.#remind()
    })
  }

  /** Null: nothing comes before a client's first line. */
  clientNetwork(clock: Clock): StreamNetwork | null {
    const { tls, proxyFrom } = this.config
    if (tls === null && proxyFrom === null) return null
    return handshakingNetwork(clientTcpTerms, this.#handshakes('client', clock, HANDSHAKES_MAX_COUNT), null)
  }

  /** Null: plain HTTP. Relays of HTTP have headers of their own. */
  httpHandshakes(clock: Clock): HandshakeTerms | null {
    if (this.clients === null) return null
    return { ...this.#handshakes('http', clock, HTTP_HANDSHAKES_MAX_COUNT), relays: null }
  }

  /** Descriptors that these may take beside those of clients. */
  get handshakesCount(): number {
    const clients = this.config.tls === null && this.config.proxyFrom === null ? 0 : HANDSHAKES_MAX_COUNT
    const http = this.clients === null ? 0 : HTTP_HANDSHAKES_MAX_COUNT
    return clients + http + (this.peers === null ? 0 : PEER_HANDSHAKES_MAX_COUNT)
  }

  /** Null: plain TCP. */
  peerNetwork(): StreamNetwork | null {
    const { peerTls } = this.config
    const credentials = this.peers
    if (peerTls === null || credentials === null) return null
    const { isRequired } = peerTls
    const handshakes: HandshakeTerms = {
      clock: this.clock,
      maxCount: PEER_HANDSHAKES_MAX_COUNT,
      relays: null,
      tls: new TlsServer({ credentials, isRequired, firstBytes: 'peer', needsCertificate: true }),
      firstByteMaxMs: PEER_FIRST_BYTE_MAX_MS,
      silentArePlain: true,
      failed: (remote, reason) => this.#failed('peer', remote, reason),
    }
    return handshakingNetwork(peerTcpTerms, handshakes, { credentials, isRequired })
  }

  /** Null: peers have no certificates. */
  get peerCertificates(): PeerCertificates | null {
    return this.config.peerTls
  }

  #handshakes(port: 'client' | 'http', clock: Clock, maxCount: number): HandshakeTerms {
    const { tls, proxyFrom } = this.config
    const credentials = this.clients
    return {
      clock,
      maxCount,
      relays: proxyFrom,
      tls:
        credentials === null
          ? null
          : new TlsServer({
              credentials,
              isRequired: tls?.isRequired === true,
              firstBytes: 'client',
              needsCertificate: false,
            }),
      firstByteMaxMs: FIRST_BYTE_MAX_MS,
      silentArePlain: false,
      failed: (remote, reason) => this.#failed(port, remote, reason),
    }
  }

  #failed(port: TlsPort, remote: string, reason: string): void {
    this.failedCounts[port] += 1
    const level = port === 'peer' ? 'warn' : 'info'
    this.log[level]({ remote }, `${port} port: a connection came to nothing before its first line: ${reason}`)
  }
}
