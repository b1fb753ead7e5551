/** How a client reaches nodes and says who it is: in TLS or plain text, with a token or without. */
import { type HostPort, isLoopbackHost } from '../../address.js'
import { CREDENTIALS_PATIENCE_MS } from '../limits.js'
import { LinkError } from '../transport/link.js'
import type { KeptText } from './kept-file.js'
import type { TlsMaterial } from './secure-stream.js'
import { type KeptTls, TlsSource } from './tls-source.js'
import { TokenSource } from './token-source.js'

/** Plain data, for the guardian of a tnl-do. */
export interface KeptCredentials {
  readonly tls: KeptTls | null
  readonly token: KeptText | null
  readonly insecureAuth: boolean
}

/** A connection, as far as it matters to what may be said on it. */
export interface Confidant {
  readonly isSecure: boolean
  readonly remote: HostPort
}

export class Credentials {
  /** Plain text, and nobody in particular. */
  static readonly NONE = new Credentials(null, null, false)

  constructor(
    private readonly tls: TlsSource | null,
    private readonly token: TokenSource | null,
    /** The token is sent in plain text as well, to other hosts. */
    private readonly insecureAuth: boolean,
  ) {}

  static of({ tls, token, insecureAuth }: KeptCredentials): Credentials {
    return new Credentials(
      tls === null ? null : TlsSource.of(tls),
      token === null ? null : TokenSource.kept(token),
      insecureAuth,
    )
  }

  get kept(): KeptCredentials {
    const { tls, token, insecureAuth } = this
    return { tls: tls?.kept ?? null, token: token?.kept ?? null, insecureAuth }
  }

  /** Null: plain text. */
  get material(): TlsMaterial | null {
    return this.tls?.material ?? null
  }

  get usesTls(): boolean {
    return this.tls !== null
  }

  get hasToken(): boolean {
    return this.token !== null
  }

  /**
   * Before connections are made: what is in the files by now. It takes a millisecond; where it takes long, what was known before is
   * used. Rejects only if a function was to give the first token and failed.
   */
  async refresh(): Promise<void> {
    if (this.tls === null && this.token === null) return
    const reading = Promise.all([this.tls?.refresh(), this.token?.refresh()])
    if (this.token !== null && this.token.text === null) await reading
    else await inTime(reading)
  }

  /**
   * For `auth:` on the first line of a connection; undefined: there is no token. Throws LinkError where others could read it: without
   * its token a client that has one is nobody there, so it does not ask.
   */
  authOn({ isSecure, remote }: Confidant): string | undefined {
    const text = this.token?.text ?? null
    if (text === null) return undefined
    if (isSecure || this.insecureAuth || isLoopbackHost(remote.host)) return text
    throw new LinkError('the token is not sent in plain text, where others could read it', 'insecure')
  }
}

function inTime(reading: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CREDENTIALS_PATIENCE_MS)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    reading.then(done, done)
  })
}
