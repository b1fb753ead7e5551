/** Whom a certificate names. */
import type { Socket } from 'node:net'
import { type PeerCertificate, TLSSocket } from 'node:tls'
import type { CertificateSubject } from '../streams.js'

export function subjectOf(certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): CertificateSubject {
  const names = splitAltNames(certificate.subjectaltname ?? '')
  const ofKind = (kind: string): string[] => names.flatMap((name) => (name.kind === kind ? [name.value] : []))
  const commonName: unknown = certificate.subject?.CN
  return {
    uris: ofKind('URI'),
    dnsNames: ofKind('DNS'),
    // Node gives a list where there is more than one: which of them would be meant?
    commonName: typeof commonName === 'string' && commonName !== '' ? commonName : null,
  }
}

/**
 * What an auth file may know a client by: its URIs first, then the common name. One with a colon in it could be read as the URI of
 * somebody else, and whoever signs certificates may look at URIs more closely than at common names.
 */
export function identityNames({ uris, commonName }: CertificateSubject): readonly string[] {
  return commonName === null || commonName.includes(':') ? uris : [...uris, commonName]
}

/**
 * Of the other end of a connection. Null: it has no certificate, or none that was verified. Node says `authorized` also of whoever
 * goes on with a session of TLS 1.3 in which no certificate was shown.
 */
export function subjectOfSocket(socket: Socket): CertificateSubject | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null
  const certificate = socket.getPeerCertificate()
  return Object.keys(certificate).length === 0 ? null : subjectOf(certificate)
}

interface AltName {
  readonly kind: string
  readonly value: string
}

const ALT_NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|(?!")[^,]*)(?=, |$)/gy

/**
 * `DNS:n1, URI:tnl://prod/n1`. Node quotes a value that could be taken for more than one, as a JSON string:
 * `URI:"tnl://prod/x, URI:tnl://prod/n1"` is one name. Text that is not of this form names nobody.
 */
function splitAltNames(text: string): readonly AltName[] {
  const names: AltName[] = []
  ALT_NAME.lastIndex = 0
  while (ALT_NAME.lastIndex < text.length) {
    const match = ALT_NAME.exec(text)
    if (match === null) return []
    const [, kind = '', value = ''] = match
    names.push({ kind, value: value.startsWith('"') ? unquoted(value) : value })
  }
  return names
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    return ''
  }
}
