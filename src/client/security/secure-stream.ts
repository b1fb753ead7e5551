/**
 * TLS above a TCP connection. The socket below stays within reach: Node can neither reset a TLS socket nor hand it to another process
 * (rules.md rules 5 and 6). A node has always to prove who it is; nothing turns that off.
 */
import { isIP, type Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'

/** As PEM. Plain data, for the thread of the connections. */
export interface TlsMaterial {
  /** Who may vouch for a node; unless given, whomever this Node trusts. */
  readonly ca?: string | undefined
  /** With `key` it says who this client is. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** What a node's certificate has to name, whatever address it was reached at. */
  readonly serverName?: string | undefined
}

/** Why there is no speaking over TLS with whom was reached, in words. */
export class TlsFailure extends Error {
  static readonly NAME = 'TlsFailure'
  override readonly name = TlsFailure.NAME
  constructor(
    /** Node's. */
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** So a port for TLS alone leaves whoever speaks plainly. */
export const CLOSED_WITHOUT_A_WORD = 'closed by the server without a word: does it speak TLS?'

/** Below it are no versions that anybody should speak. */
const MIN_VERSION = 'TLSv1.2'

/** Loaded when first asked for: a program that speaks plain text starts without it. */
const tls = (): typeof import('node:tls') => process.getBuiltinModule('node:tls')

let last: { readonly material: TlsMaterial; readonly context: SecureContext } | null = null

/** Throws what OpenSSL says of a material that is none. */
export function contextOf(material: TlsMaterial): SecureContext {
  const { ca, cert, key } = material
  const known = last?.material
  // A list of all authorities takes longer to read than a handshake.
  if (last !== null && known?.ca === ca && known?.cert === cert && known?.key === key) return last.context
  const context = tls().createSecureContext({ ca, cert, key, minVersion: MIN_VERSION })
  last = { material, context }
  return context
}

/** On a TCP connection that stands. `host`: where it leads, as users and nodes write it. The stream emits `secureConnect` or `error`. */
export function secure(tcp: Socket, material: TlsMaterial, host: string): TLSSocket {
  // A zone means something on this machine only.
  const name = (material.serverName ?? host).replace(/%.*$/, '')
  return tls().connect({
    socket: tcp,
    secureContext: contextOf(material),
    host: name,
    // No address may stand there (RFC 6066); it is looked for in the certificate all the same.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    // Unsaid, a variable of the environment could turn it off.
    rejectUnauthorized: true,
  })
}

/** OpenSSL's words hold addresses in memory and names of C functions. */
export function explainTls(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  const code = error.code ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return new TlsFailure(code, wrongName(error))
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : code
    const hint = /wrong version number|packet length too long/.test(reason) ? ': does it speak TLS?' : ''
    return new TlsFailure(code, `the TLS handshake failed (${reason})${hint}`)
  }
  if (isOfTheSystem(code)) return error
  return new TlsFailure(code, `its certificate is not trusted: ${error.message} (${code})`)
}

/** Such as ECONNRESET, EAI_AGAIN: trouble of the network, which may pass. */
function isOfTheSystem(code: string): boolean {
  return /^E(?:AI_)?[A-Z0-9]*$/.test(code)
}

function wrongName(error: NodeJS.ErrnoException): string {
  const host = 'host' in error ? String(error.host) : 'its address'
  const certificate = 'cert' in error && typeof error.cert === 'object' ? error.cert : null
  const named = certificate !== null && 'subjectaltname' in certificate ? String(certificate.subjectaltname) : 'nobody'
  return `its certificate is not for '${host}' but for ${named}`
}
