/** The server's end of TLS over connections that are there already. */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type CredentialSource, contextOf } from './credentials.js'
import type { FirstBytes } from './first-bytes.js'
import { subjectOfSocket } from './subject.js'

export interface TlsServerTerms {
  readonly credentials: CredentialSource
  /** False: those who speak plainly are let in as well. */
  readonly isRequired: boolean
  readonly firstBytes: FirstBytes
  /** Clients may have a certificate; a peer must have one. */
  readonly needsCertificate: boolean
}

/** `reason` if there is none. */
type Secured = (socket: TLSSocket | null, reason: string) => void

interface UnderWay {
  readonly tcp: Socket
  readonly secured: Secured
}

/**
 * Node's TLS server without a port: it is handed connections, keeps the current credentials, and verifies certificates. Which
 * connection has become secure it says only by its addresses: the kernel knows no two connections with the same four.
 */
export class TlsServer {
  readonly isRequired: boolean
  readonly firstBytes: FirstBytes
  readonly #server: Server
  readonly #underWay = new Map<string, UnderWay>()

  constructor(private readonly terms: TlsServerTerms) {
    this.isRequired = terms.isRequired
    this.firstBytes = terms.firstBytes
    const { credentials } = terms
    const { ca } = credentials.current
    this.#server = createServer({
      ...contextOf(credentials.current),
      requestCert: ca !== null,
      // Whether it was verified is said with the name that it has: here, so that the log tells why.
      rejectUnauthorized: false,
    })
    credentials.onChange((now) => this.#server.setSecureContext(contextOf(now)))
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket))
    this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => this.#failed(error, socket))
  }

  /** Calls back once, or never if the connection is closed before: its owner hears of that by the connection itself. */
  secure(tcp: Socket, secured: Secured): void {
    const key = keyOf(tcp)
    if (key === null || tcp.destroyed) return
    const underWay: UnderWay = { tcp, secured }
    this.#underWay.set(key, underWay)
    tcp.once('close', () => {
      if (this.#underWay.get(key) === underWay) this.#underWay.delete(key)
    })
    // Who ends in the middle of its handshake does not go on with it: Node lets go of it then, and not when the time is over.
    tcp.allowHalfOpen = false
    this.#server.emit('connection', tcp)
  }

  #secured(socket: TLSSocket): void {
    // From here on an end is a word of its own (rule 5), and an answer may follow it.
    socket.allowHalfOpen = true
    // Bytes that are no TLS any more, or an alert: whatever came afterwards, a FIN above all, would prove nothing.
    socket.on('error', () => socket.destroy())
    const { secured } = this.#take(socket) ?? {}
    const problem = this.terms.needsCertificate && subjectOfSocket(socket) === null ? problemOf(socket) : null
    if (secured === undefined || problem !== null) {
      socket.destroy()
      secured?.(null, problem ?? '')
      return
    }
    secured(socket, '')
  }

  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    // That the connection is over its owner hears by itself.
    if (error.code !== 'ECONNRESET') this.#take(socket)?.secured(null, wordsOf(error))
  }

  #take(socket: TLSSocket): UnderWay | undefined {
    const key = keyOf(socket)
    const underWay = key === null ? undefined : this.#underWay.get(key)
    if (key !== null) this.#underWay.delete(key)
    return underWay
  }
}

/** Null once the connection is closed. */
function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string | null {
  if (localAddress === undefined || remoteAddress === undefined) return null
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`
}

function problemOf(socket: TLSSocket): string {
  // Without a certificate OpenSSL speaks of one that it cannot find.
  if (Object.keys(socket.getPeerCertificate()).length === 0) return 'it has no certificate'
  return `its certificate is not accepted: ${String(socket.authorizationError)}`
}

/** `tlsv1 alert unknown ca`, and not `0018C5F1717F0000:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert …`. */
export function wordsOf(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
  return `TLS: ${reason}`
}
