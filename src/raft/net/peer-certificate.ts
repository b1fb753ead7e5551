/**
 * Mutual TLS between peers: the certificate of each end was verified before a word was said (src/sockets/tls). Here it is
 * compared with who the peer says it is. Whether that is a member is for peer-verdict.ts.
 */
import type { CertificateSubject } from '../../sockets/streams.js'
import { type Refusal, RefusalCode } from '../ports/transport.js'

export interface PeerCertificates {
  /** False: a peer that does not speak TLS is let in too, while a cluster is being given certificates. */
  readonly isRequired: boolean
  /** Null: a node is known by a DNS name that is its id. */
  readonly clusterName: string | null
}

/** What a certificate of `nodeId` has to name, as openssl writes it. */
export const nameOfNode = (clusterName: string | null, nodeId: string): string =>
  clusterName === null ? `DNS:${nodeId}` : `URI:tnl://${clusterName}/${nodeId}`

/** With a name of the cluster nothing less will do: two clusters under one authority may both have a node n1. */
export function isNamed(clusterName: string | null, nodeId: string, { uris, dnsNames }: CertificateSubject): boolean {
  return clusterName === null ? dnsNames.includes(nodeId) : uris.includes(`tnl://${clusterName}/${nodeId}`)
}

/** Null: the connection is `nodeId`'s, or anybody's where certificates are optional. `subject` null: it is not over TLS. */
export function certificateRefusal(
  { isRequired, clusterName }: PeerCertificates,
  subject: CertificateSubject | null,
  nodeId: string,
): Refusal | null {
  if (subject === null) {
    return isRequired ? refusal('this node asks for a certificate (--peer-tls), and the peer has none') : null
  }
  if (isNamed(clusterName, nodeId, subject)) return null
  const names = [...subject.uris, ...subject.dnsNames].join(', ') || 'nobody'
  return refusal(`the certificate of ${nodeId} does not name it (${nameOfNode(clusterName, nodeId)}), but ${names}`)
}

const refusal = (message: string): Refusal => ({ code: RefusalCode.certificate, isFinal: false, message })
