/** A client port behind handshakes, and clients that speak TLS to it over a TCP connection of their own. */
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../../src/platform.js'
import { clientTcpTerms } from '../../src/server/clients/client-tcp.js'
import { SystemClock } from '../../src/server/system-clock.js'
import type { HandshakeTerms } from '../../src/sockets/handshakes.js'
import { relaysOf } from '../../src/sockets/proxy/relays.js'
import type { CredentialSource, Credentials } from '../../src/sockets/tls/credentials.js'
import { handshakingNetwork } from '../../src/sockets/tls/tls-network.js'
import { TlsServer } from '../../src/sockets/tls/tls-server.js'
import type { Authority, CertificateSpec } from '../kit/authority.js'
import { opened, setUp } from '../server/clients/client-port-kit.js'

/** Credentials that a test changes. */
export class TestCredentials implements CredentialSource {
  readonly #users: ((credentials: Credentials) => void)[] = []
  constructor(public current: Credentials) {}

  onChange(use: (credentials: Credentials) => void): void {
    this.#users.push(use)
  }

  set(credentials: Credentials): void {
    this.current = credentials
    for (const use of this.#users) use(credentials)
  }
}

export async function credentialsOf(authority: Authority, spec: CertificateSpec = {}): Promise<TestCredentials> {
  const issued = await authority.issue({ dns: ['localhost'], ...spec })
  return new TestCredentials({ ...issued, ca: authority.cert })
}

export interface PortTerms {
  readonly credentials?: CredentialSource
  readonly isRequired?: boolean
  readonly proxyFrom?: readonly string[]
  readonly maxCount?: number
  readonly clock?: Clock
}

export async function setUpHandshakes({ credentials, isRequired = true, proxyFrom, maxCount = 16, clock }: PortTerms) {
  const failures: string[] = []
  const terms: HandshakeTerms = {
    clock: clock ?? new SystemClock(),
    maxCount,
    relays: proxyFrom === undefined ? null : relaysOf(proxyFrom),
    tls:
      credentials === undefined
        ? null
        : new TlsServer({ credentials, isRequired, firstBytes: 'client', needsCertificate: false }),
    firstByteMaxMs: 60_000,
    silentArePlain: false,
    failed: (_remote, reason) => void failures.push(reason),
  }
  const { service, port } = await setUp({ network: handshakingNetwork(clientTcpTerms, terms, null) })
  return { service, port, failures }
}

export interface TlsClient {
  readonly tls: TLSSocket
  readonly tcp: Socket
  /** What the node said so far. */
  text(): string
}

/** `before`: bytes that go out before the handshake. */
export async function tlsClient(
  port: { readonly port: number },
  authority: Authority,
  options: ConnectionOptions & { readonly before?: Uint8Array | string } = {},
): Promise<TlsClient> {
  const tcp = await tcpClient(port)
  if (options.before !== undefined) tcp.write(options.before)
  const tls = connect({ ca: authority.cert, servername: 'localhost', ...options, socket: tcp })
  tls.on('error', () => undefined)
  let text = ''
  tls.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(tls, 'secureConnect')
  return { tls, tcp, text: () => text }
}

export async function tcpClient({ port }: { readonly port: number }): Promise<Socket> {
  const tcp = dial({ host: '127.0.0.1', port, allowHalfOpen: true })
  tcp.on('error', () => undefined)
  opened.push({ close: () => tcp.resetAndDestroy() })
  await once(tcp, 'connect')
  return tcp
}
