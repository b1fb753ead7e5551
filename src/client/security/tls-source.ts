/** Certificates and keys as users give them: as PEM, or as files, which are read again before each connection. */
import { InvalidOptionError } from '../errors.js'
import { KeptFile, type KeptText } from './kept-file.js'
import { contextOf, type TlsMaterial } from './secure-stream.js'

export type TlsPart = 'ca' | 'cert' | 'key'

/** A value, and where it was said, for words about it: `tls.ca`, `--tls-ca`, `TNL_TLS_CA`. */
export interface Said<T> {
  readonly value: T
  readonly by: string
}

export type SaidTls = Readonly<Partial<Record<TlsPart, Said<string | Uint8Array>> & { serverName: Said<string> }>>

/** Plain data, for the guardian of a tnl-do. */
export interface KeptTls {
  readonly parts: Readonly<Partial<Record<TlsPart, KeptText>>>
  readonly serverName: string | undefined
}

const PARTS = ['ca', 'cert', 'key'] as const
const PEM = '-----BEGIN '
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export class TlsSource {
  #material: TlsMaterial

  private constructor(
    private readonly files: ReadonlyMap<TlsPart, KeptFile>,
    private readonly serverName: string | undefined,
  ) {
    this.#material = this.#materialOf((part) => files.get(part)?.text)
  }

  /** Reads everything once. Throws InvalidOptionError, which says what is wrong with which. */
  static open(said: SaidTls): TlsSource {
    const { cert, key, serverName } = said
    if ((cert === undefined) !== (key === undefined)) {
      const [given, missing] = cert === undefined ? [key?.by, 'certificate'] : [cert.by, 'key']
      throw new InvalidOptionError(`${given}: a certificate and its key belong together, and there is no ${missing}`)
    }
    if (serverName?.value === '') throw new InvalidOptionError(`${serverName.by}: no name`)
    const files = new Map<TlsPart, KeptFile>()
    for (const part of PARTS) {
      const given = said[part]
      if (given !== undefined) files.set(part, readPart(part, given))
    }
    const source = new TlsSource(files, serverName?.value)
    try {
      contextOf(source.#material)
    } catch (error) {
      throw new InvalidOptionError(`${[cert?.by, key?.by, said.ca?.by].find(Boolean) ?? 'tls'}: ${wordsOf(error)}`)
    }
    return source
  }

  /** As another process kept it. */
  static of({ parts, serverName }: KeptTls): TlsSource {
    const kept = PARTS.flatMap((part) => {
      const text = parts[part]
      return text === undefined ? [] : [[part, KeptFile.of(text)] as const]
    })
    return new TlsSource(new Map(kept), serverName)
  }

  get kept(): KeptTls {
    const parts = Object.fromEntries([...this.files].map(([part, file]) => [part, file.kept]))
    return { parts, serverName: this.serverName }
  }

  get material(): TlsMaterial {
    return this.#material
  }

  /** What the files hold by now, if that belongs together: a certificate is often replaced a moment before its key. Never rejects. */
  async refresh(): Promise<void> {
    const read = new Map<TlsPart, string>()
    for (const [part, file] of this.files) read.set(part, (await file.present()) ?? file.text)
    const material = this.#materialOf((part) => read.get(part))
    if (PARTS.every((part) => material[part] === this.#material[part])) return
    try {
      contextOf(material)
      for (const [part, text] of read) if (part === 'ca') assertCertificates(text)
    } catch {
      return
    }
    for (const [part, text] of read) this.files.get(part)?.keep(text)
    this.#material = material
  }

  #materialOf(textOf: (part: TlsPart) => string | undefined): TlsMaterial {
    return { ca: textOf('ca'), cert: textOf('cert'), key: textOf('key'), serverName: this.serverName }
  }
}

function readPart(part: TlsPart, { value, by }: Said<string | Uint8Array>): KeptFile {
  const text = typeof value === 'string' ? value : Buffer.from(value).toString('utf8')
  const isPem = typeof value !== 'string' || text.includes(PEM)
  const what = isPem ? by : `${by} ${text}`
  try {
    const file = isPem ? KeptFile.of({ path: null, text }) : KeptFile.read(text)
    if (part === 'key') process.getBuiltinModule('node:crypto').createPrivateKey(file.text)
    else assertCertificates(file.text)
    return file
  } catch (error) {
    throw new InvalidOptionError(`${what}: ${part === 'key' ? wordsOfKey(error) : wordsOf(error)}`)
  }
}

/** Node takes a text without a certificate for a list of none, and trusts nobody then. */
function assertCertificates(text: string): void {
  const blocks = text.match(CERTIFICATES)
  if (blocks === null) throw new Error('no certificate in it (PEM)')
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  for (const block of blocks) new X509Certificate(block)
}

function wordsOfKey(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ERR_MISSING_PASSPHRASE') return 'the key is encrypted; it has to be given without a passphrase'
  return code.startsWith('ERR_') ? 'no private key in it (PEM)' : wordsOf(error)
}

/** Never with a part of the file. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('reason' in error && typeof error.reason === 'string') return error.reason
  return error.message.replace(/^error:[^:]*:[^:]*:[^:]*:/, '')
}
