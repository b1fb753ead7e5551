/** The options `tls`, `token` and `insecureAuth`, and the variables of the same meaning. */
import { statSync } from 'node:fs'
import { InvalidOptionError } from '../errors.js'
import { Credentials } from './credentials.js'
import { type Said, type SaidTls, TlsSource } from './tls-source.js'
import { type TokenFunction, TokenSource } from './token-source.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Each of `ca`, `cert` and `key` is the PEM itself (a text with `-----BEGIN` in it, or bytes), or the name of a file, which is read
 * again before each connection: a renewed certificate needs no restart.
 */
export interface TlsOptions {
  /** Who may vouch for a node; unless given, whomever this Node trusts. */
  readonly ca?: string | Uint8Array
  /** With `key` it says who this client is, to nodes that ask. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** What a node's certificate has to name; unless given, the host of its address, as the endpoint or a redirect has it. */
  readonly serverName?: string
}

export interface CredentialOptions {
  /** True: as the variables say, and else with the authorities that this Node trusts. Unless given, the variables decide. */
  readonly tls?: boolean | TlsOptions
  /**
   * Says who this client is. A function is called before each connection. Unless given: `TNL_TOKEN_FILE`, then `TNL_AUTH_TOKEN`,
   * then `TNL_TOKEN`.
   */
  readonly token?: string | TokenFunction
  /** Sends the token in plain text too, to other hosts than this one. */
  readonly insecureAuth?: boolean
}

/** A variable has a wrong value, not an option. */
export class InvalidVariableError extends InvalidOptionError {}

/** What a program was told on its command line. */
export interface SaidCredentials {
  /** True: TLS, whatever the variables say; false: plain text. */
  readonly isOn?: boolean | undefined
  readonly tls: SaidTls
  readonly tokenFile?: Said<string> | undefined
  readonly token?: Said<string> | TokenFunction | undefined
  readonly insecureAuth?: boolean | undefined
}

/** Throws InvalidOptionError. */
export function readCredentials(options: CredentialOptions, env: Environment): Credentials {
  const { tls, token, insecureAuth } = options
  const said = typeof token === 'string' ? { value: token, by: 'token' } : token
  // What is said in full is not completed by variables.
  if (typeof tls === 'object') {
    return new Credentials(TlsSource.open(optionsOf(tls)), tokenOf({ token: said, env }), insecureAuth === true)
  }
  return credentialsOf({ isOn: tls, tls: {}, token: said, insecureAuth }, env)
}

/** What was said, and for the rest the variables. Throws InvalidOptionError. */
export function credentialsOf(said: SaidCredentials, env: Environment): Credentials {
  const { tls, tokenFile, token, insecureAuth } = said
  const isOn = said.isOn ?? (Object.keys(tls).length > 0 || isOnByVariables(env))
  const source = isOn ? openTls(tls, env) : null
  return new Credentials(source, tokenOf({ tokenFile, token, env }), insecureAuth === true)
}

/** A token that whoever has an account on this host can read is hardly one. Null: nothing to say. */
export function warningOf(tokenFile: string | undefined): string | null {
  if (tokenFile === undefined || tokenFile === '') return null
  try {
    const found = statSync(tokenFile)
    if (!found.isFile() || (found.mode & 0o004) === 0) return null
    return `${tokenFile}: every user of this host can read the token (chmod o-r)`
  } catch {
    return null
  }
}

function openTls(tls: SaidTls, env: Environment): TlsSource {
  const variables = tlsVariables(env)
  const source = { ...variables, ...tls }
  // What nobody said besides is a variable's fault.
  const isOfVariables = Object.keys(tls).length === 0
  return isOfVariables ? ofVariables(() => TlsSource.open(source)) : TlsSource.open(source)
}

function optionsOf({ ca, cert, key, serverName }: TlsOptions): SaidTls {
  return {
    ...said('ca', ca, 'tls.ca'),
    ...said('cert', cert, 'tls.cert'),
    ...said('key', key, 'tls.key'),
    ...said('serverName', serverName, 'tls.serverName'),
  }
}

function tlsVariables(env: Environment): SaidTls {
  return {
    ...said('ca', env.TNL_TLS_CA || undefined, 'TNL_TLS_CA'),
    ...said('cert', env.TNL_TLS_CERT || undefined, 'TNL_TLS_CERT'),
    ...said('key', env.TNL_TLS_KEY || undefined, 'TNL_TLS_KEY'),
    ...said('serverName', env.TNL_TLS_SERVER_NAME || undefined, 'TNL_TLS_SERVER_NAME'),
  }
}

function said<Key extends string, T>(key: Key, value: T | undefined, by: string): Partial<Record<Key, Said<T>>> {
  return value === undefined ? {} : ({ [key]: { value, by } } as Record<Key, Said<T>>)
}

/**
 * `TNL_TLS` is a setting of tnl-server too, which has further values and certificates of its own: whoever calls `tnl` where a node
 * runs has that node's variables. A node that takes both is spoken to in TLS where there is somebody to vouch for it.
 */
function isOnByVariables(env: Environment): boolean {
  switch (env.TNL_TLS ?? '') {
    case 'on':
    case 'required':
      return true
    case 'off':
      return false
    case 'optional':
      return Boolean(env.TNL_TLS_CA)
    case '':
      return Object.keys(tlsVariables(env)).length > 0
    default:
      throw new InvalidVariableError(`TNL_TLS '${env.TNL_TLS}': on or off`)
  }
}

function tokenOf({
  tokenFile,
  token,
  env,
}: Pick<SaidCredentials, 'tokenFile' | 'token'> & { readonly env: Environment }): TokenSource | null {
  if (typeof token === 'function') return TokenSource.of(token)
  if (token !== undefined) return TokenSource.literal(token)
  if (tokenFile !== undefined) return TokenSource.file(tokenFile)
  return ofVariables(() => {
    const { TNL_TOKEN_FILE: path, TNL_AUTH_TOKEN: auth } = env
    if (path !== undefined && path !== '') return TokenSource.file({ value: path, by: 'TNL_TOKEN_FILE' })
    if (auth !== undefined && auth !== '') return TokenSource.literal({ value: auth, by: 'TNL_AUTH_TOKEN' })
    const plain = authTokenOf(env.TNL_TOKEN)
    return plain === null ? null : TokenSource.literal({ value: plain, by: 'TNL_TOKEN' })
  })
}

/**
 * `TNL_TOKEN` has two meanings: under a tnl-do it is the fencing token of the lock, or several, which are numbers. Null: it is that,
 * or nothing.
 */
export function authTokenOf(text: string | undefined): string | null {
  return text === undefined || /^[\d ]*$/.test(text) ? null : text
}

function ofVariables<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof InvalidOptionError) throw new InvalidVariableError(error.message)
    throw error
  }
}
