/** The files of a certificate: read at the start, where bad ones are bad usage, and again while the node runs. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../../platform.js'
import { PEM_FILE_MAX_BYTES } from '../../sockets/limits.js'
import { type CredentialSource, type Credentials, contextOf } from '../../sockets/tls/credentials.js'
import { readBounded } from '../config/bounded-file.js'
import { UsageError } from '../exit-codes.js'
import { CERTIFICATE_EXPIRES_SOON_DAYS } from '../limits.js'

const DAY_MS = 86_400_000

/** How the flags are called, and what they name. */
export interface CredentialFlags {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface CredentialFilesOptions {
  readonly flags: CredentialFlags
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string | null
  readonly clock: Pick<Clock, 'wallNow'>
  /** Throws an Error that says why these cannot be used, though each of them is sound. */
  readonly check?: (credentials: Credentials) => void | Promise<void>
  warn(message: string): void
  info(message: string): void
}

/** One file, and until when what is in it is valid. */
interface Expiry {
  readonly file: string
  readonly notAfterMs: number
}

interface Loaded {
  readonly credentials: Credentials
  /** The first to expire of all that is in the files. */
  readonly expiry: Expiry
}

export class CredentialFiles implements CredentialSource {
  readonly files: readonly string[]
  #loaded: Loaded
  /** Why the newest files are bad, and those from before are in force; empty: they are not. */
  #problem = ''
  readonly #users: ((credentials: Credentials) => void)[] = []

  private constructor(
    private readonly options: CredentialFilesOptions,
    loaded: Loaded,
  ) {
    const { certFile, keyFile, caFile } = options
    this.files = caFile === null ? [certFile, keyFile] : [certFile, keyFile, caFile]
    this.#loaded = loaded
  }

  /** Rejects with UsageError that names the flag, the file, and what is wrong. */
  static async load(options: CredentialFilesOptions): Promise<CredentialFiles> {
    const files = new CredentialFiles(options, await load(options))
    files.warnOfExpiry()
    return files
  }

  get current(): Credentials {
    return this.#loaded.credentials
  }

  onChange(use: (credentials: Credentials) => void): void {
    this.#users.push(use)
  }

  /** Unix time in milliseconds at which the first certificate of these files expires. */
  get notAfterMs(): number {
    return this.#loaded.expiry.notAfterMs
  }

  get isStale(): boolean {
    return this.#problem !== ''
  }

  /** A slip of the hand must not cost a port: what is bad now changes nothing. */
  async reload(): Promise<boolean> {
    try {
      const loaded = await load(this.options)
      if (loaded.expiry.notAfterMs <= this.options.clock.wallNow()) throw new UsageError(expired(loaded.expiry))
      const wasStale = this.isStale
      this.#problem = ''
      this.#use(loaded, wasStale)
      return true
    } catch (error) {
      // Tried again and again, and told once.
      const problem = wordsOf(error)
      if (problem === this.#problem) return false
      this.#problem = problem
      this.options.warn(`${problem}; the certificate from before stays in force`)
      this.warnOfExpiry()
      return false
    }
  }

  #use(loaded: Loaded, wasStale: boolean): void {
    const isNew = JSON.stringify(loaded.credentials) !== JSON.stringify(this.current)
    this.#loaded = loaded
    if (!isNew) {
      if (wasStale)
        this.options.info(`${this.options.flags.cert}: the files are again those of the certificate in force`)
      return
    }
    for (const use of this.#users) use(loaded.credentials)
    this.options.info(
      `${this.options.flags.cert}: new connections get the certificate that is in force until ${dayOf(this.notAfterMs)}`,
    )
    this.warnOfExpiry()
  }

  /** From two weeks before. */
  warnOfExpiry(): void {
    const { expiry } = this.#loaded
    const leftMs = expiry.notAfterMs - this.options.clock.wallNow()
    if (leftMs <= 0) this.options.warn(expired(expiry))
    else if (leftMs <= CERTIFICATE_EXPIRES_SOON_DAYS * DAY_MS) {
      const days = Math.floor(leftMs / DAY_MS)
      this.options.warn(
        `${expiry.file}: a certificate expires in ${days === 1 ? 'one day' : `${days} days`} (${dayOf(expiry.notAfterMs)})`,
      )
    }
  }
}

async function load(options: CredentialFilesOptions): Promise<Loaded> {
  const { flags, certFile, keyFile, caFile, check } = options
  const cert = await readPem(flags.cert, certFile)
  const key = await readPem(flags.key, keyFile)
  const ca = caFile === null ? null : await readPem(flags.ca, caFile)
  const chain = certificatesOf(flags.cert, certFile, cert)
  const authorities = ca === null || caFile === null ? [] : certificatesOf(flags.ca, caFile, ca)
  const [own] = chain
  if (own === undefined) throw new UsageError(`${flags.cert} ${certFile}: no certificate in it`)
  if (!own.checkPrivateKey(privateKeyOf(flags.key, keyFile, key))) {
    throw new UsageError(`${flags.key} ${keyFile}: not the private key of the certificate in ${certFile}`)
  }
  const credentials = { cert, key, ca }
  try {
    createSecureContext(contextOf(credentials))
    await check?.(credentials)
  } catch (error) {
    throw new UsageError(`${flags.cert} ${certFile}: ${wordsOf(error)}`)
  }
  const expiries = [...chain.map(expiryIn(certFile)), ...authorities.map(expiryIn(caFile ?? ''))]
  return { credentials, expiry: expiries.reduce((first, one) => (one.notAfterMs < first.notAfterMs ? one : first)) }
}

async function readPem(flag: string, file: string): Promise<string> {
  try {
    return (await readBounded(file, PEM_FILE_MAX_BYTES)).toString('utf8')
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${wordsOf(error)}`)
  }
}

const PEM_CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

function certificatesOf(flag: string, file: string, pem: string): X509Certificate[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? []
  if (blocks.length === 0)
    throw new UsageError(`${flag} ${file}: no certificate in it (PEM begins with -----BEGIN CERTIFICATE-----)`)
  return blocks.map((block, place) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new UsageError(`${flag} ${file}: certificate ${place + 1}: ${wordsOf(error)}`)
    }
  })
}

function privateKeyOf(flag: string, file: string, pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) {
    throw new UsageError(
      `${flag} ${file}: protected by a passphrase, which nobody can type here (openssl pkey -in FILE -out PLAIN)`,
    )
  }
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new UsageError(`${flag} ${file}: not a private key as PEM: ${wordsOf(error)}`)
  }
}

const expiryIn =
  (file: string) =>
  ({ validTo }: X509Certificate): Expiry => ({ file, notAfterMs: Date.parse(validTo) })

const expired = ({ file, notAfterMs }: Expiry): string => `${file}: a certificate has expired (${dayOf(notAfterMs)})`

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** OpenSSL's own words begin with numbers of its insides. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'reason' in error && typeof error.reason === 'string'
    ? error.reason
    : error.message.replace(/^error:[^:]*:(?:[^:]*:){2}/, '')
}
