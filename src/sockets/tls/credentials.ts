/** What TLS shows and believes, and how it is spoken. */
import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

/** What is shown to the other end, and whose certificates are believed; all as PEM. */
export interface Credentials {
  readonly cert: string
  readonly key: string
  /** Null: the other end is not asked for a certificate. */
  readonly ca: string | null
}

/** With the credentials as they are now, which change while the process runs. */
export interface CredentialSource {
  readonly current: Credentials
  /** Called with each new value. */
  onChange(use: (credentials: Credentials) => void): void
}

/** Both ends alike. */
export function contextOf({ cert, key, ca }: Credentials): SecureContextOptions & { ca?: string } {
  return {
    cert,
    key,
    ...(ca === null ? {} : { ca }),
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    // A client could have this node sign again and again.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    // Without a name of its own no session can be resumed once certificates are asked for.
    sessionIdContext: 'tcpnetlock',
  }
}
