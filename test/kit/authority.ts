/** Certificates for tests: an authority, and whatever it signs. */
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const DAY_MS = 86_400_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface Issued {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface CertificateSpec {
  readonly commonName?: string
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly uris?: readonly string[]
  /** From now on; negative: it has expired a day after so many days ago. */
  readonly days?: number
  /** Both unless given. */
  readonly uses?: readonly ('server' | 'client')[]
}

export class Authority {
  private constructor(
    /** PEM: what others are told to believe. */
    readonly cert: string,
    private readonly name: string,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(name = 'test authority', days = 36_500): Promise<Authority> {
    const keys = await newKeys()
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=${name}`,
      ...span(days),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    })
    return new Authority(pem(made), name, keys)
  }

  async issue({
    commonName = 'test',
    dns = [],
    ips = [],
    uris = [],
    days = 365,
    uses,
  }: CertificateSpec): Promise<Issued> {
    const keys = await newKeys()
    const names = [
      ...dns.map((value) => ({ type: 'dns', value }) as const),
      ...ips.map((value) => ({ type: 'ip', value }) as const),
      ...uris.map((value) => ({ type: 'url', value }) as const),
    ]
    const purposes = (uses ?? ['server', 'client']).map((use) =>
      use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
    )
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${commonName}`,
      issuer: `CN=${this.name}`,
      ...span(days),
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension(purposes),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    })
    return { cert: pem(made), key: await pemOfKey(keys.privateKey) }
  }
}

/** A directory of files that is gone after the test. */
export class CertificateDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'tnl-certificates-'))

  /** Writes `NAME.pem` and `NAME.key`. */
  put(name: string, { cert, key }: Issued): { readonly cert: string; readonly key: string } {
    return { cert: this.write(`${name}.pem`, cert), key: this.write(`${name}.key`, key) }
  }

  write(name: string, text: string): string {
    const file = join(this.path, name)
    writeFileSync(file, text)
    return file
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

const serial = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex')

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})/g, '$1\n').trim()}\n-----END PRIVATE KEY-----\n`
}

function span(days: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now()
  const notAfter = new Date(nowMs + days * DAY_MS)
  return { notBefore: new Date(Math.min(nowMs, notAfter.getTime()) - DAY_MS), notAfter }
}
