/** TLS before a port that speaks plain text, as a proxy or a mesh has it: what is said passes, and so does how it ends. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type PeerCertificate,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls'
import { certificateText, type TestCertificate } from './certificates.js'

export interface FrontOptions {
  readonly certificate?: TestCertificate
  /** Whoever has no certificate of this authority is refused. */
  readonly clientCa?: 'ca.pem'
}

export class TlsFront {
  /** How many have connected. */
  accepted = 0
  /** How many have spoken TLS with it. */
  handshakes = 0
  /** The certificates' names of those. */
  readonly clients: string[] = []
  /** The TCP connections of clients, by their ports. */
  readonly #open = new Map<number | undefined, Socket>()

  private constructor(
    private readonly server: Server,
    private readonly tls: TlsServer,
    readonly port: number,
  ) {}

  static async open(target: number, { certificate = 'node', clientCa }: FrontOptions = {}): Promise<TlsFront> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const tls = createTlsServer({
      ...pair(certificate),
      ...(clientCa !== undefined && { ca: certificateText(clientCa), requestCert: true, rejectUnauthorized: true }),
    })
    const front = new TlsFront(server, tls, address.port)
    server.on('connection', (tcp) => front.#accept(tcp))
    tls.on('secureConnection', (client) => front.#join(client, target))
    tls.on('tlsClientError', () => {})
    return front
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** From now on. */
  use(certificate: TestCertificate): void {
    this.tls.setSecureContext(pair(certificate))
  }

  /** Every connection is reset, as by a node that dies; new ones are taken. */
  reset(): void {
    for (const tcp of this.#open.values()) tcp.resetAndDestroy()
  }

  close(): void {
    this.server.close()
    for (const tcp of this.#open.values()) tcp.destroy()
  }

  #accept(tcp: Socket): void {
    const { remotePort } = tcp
    this.accepted += 1
    this.#open.set(remotePort, tcp)
    tcp.on('error', () => {})
    tcp.on('close', () => this.#open.delete(remotePort))
    this.tls.emit('connection', tcp)
  }

  #join(client: TLSSocket, target: number): void {
    this.handshakes += 1
    // There is none if it was not asked for.
    const { subject } = client.getPeerCertificate() as Partial<PeerCertificate>
    if (subject !== undefined) this.clients.push(String(subject.CN))
    const node = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true })
    pass(client, node)
    pass(node, client)
    client.on('error', () => node.resetAndDestroy())
    node.on('error', () => this.#open.get(client.remotePort)?.resetAndDestroy())
  }
}

function pair(certificate: TestCertificate): { readonly cert: string; readonly key: string } {
  return { cert: certificateText(`${certificate}.pem`), key: certificateText(`${certificate}.key`) }
}

function pass(from: Socket, to: Socket): void {
  from.on('data', (bytes) => to.write(bytes))
  from.on('end', () => to.end())
  from.on('close', () => to.end())
}
