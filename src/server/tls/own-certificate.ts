/**
 * Whether other nodes will accept this node's certificate, found out by a handshake with itself: chain, purposes and names are
 * judged by the same code as there. Otherwise a wrong file would show only when a connection is lost, at every node.
 */
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { isNamed, nameOfNode } from '../../raft/net/peer-certificate.js'
import { type Credentials, contextOf } from '../../sockets/tls/credentials.js'
import { subjectOf } from '../../sockets/tls/subject.js'

/** May be wrong by this machine's clock alone; the dates are told of elsewhere. */
const OF_THE_CLOCK: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

export interface OwnName {
  readonly nodeId: string
  /** Null: nodes are known by DNS names. */
  readonly clusterName: string | null
}

/** Rejects with an Error that says why they would not. */
export async function checkOwnCertificate(credentials: Credentials, { nodeId, clusterName }: OwnName): Promise<void> {
  const [near, far] = duplexPair()
  const terms = { ...contextOf(credentials), requestCert: true, rejectUnauthorized: false }
  const server = createServer(terms)
  server.on('tlsClientError', (error) => near.destroy(error))
  server.emit('connection', far)
  const client = connect({ ...terms, socket: near, checkServerIdentity: () => undefined })
  try {
    const secured = once(server, 'secureConnection') as Promise<[TLSSocket]>
    secured.catch(() => undefined)
    await once(client, 'secureConnect')
    const [dialled] = await secured
    dialled.on('error', () => undefined)
    complain('as a server', client)
    complain('as a client', dialled)
    const subject = subjectOf(client.getPeerCertificate())
    if (isNamed(clusterName, nodeId, subject)) return
    const names = [...subject.uris, ...subject.dnsNames].join(', ') || 'nobody'
    throw new Error(`it does not name this node (${nameOfNode(clusterName, nodeId)}), but ${names}`)
  } finally {
    client.destroy()
    far.destroy()
  }
}

function complain(role: string, { authorized, authorizationError }: TLSSocket): void {
  const code = String(authorizationError)
  if (!authorized && !OF_THE_CLOCK.has(code)) throw new Error(`other nodes would not accept it ${role}: ${code}`)
}
