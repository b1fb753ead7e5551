import { createPrivateKey } from 'node:crypto'
import { rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/server/exit-codes.js'
import { CredentialFiles, type CredentialFilesOptions } from '../../../src/server/tls/credential-files.js'
import { checkOwnCertificate } from '../../../src/server/tls/own-certificate.js'
import { Authority, CertificateDirectory, type Issued } from '../../kit/authority.js'

const DAY_MS = 86_400_000
const directory = new CertificateDirectory()
let authority: Authority
let issued: Issued
beforeAll(async () => {
  authority = await Authority.create()
  issued = await authority.issue({ dns: ['n1'], days: 100 })
})
afterAll(() => directory.close())

let warnings: string[] = []
let nowMs = Date.now()
beforeEach(() => {
  warnings = []
  nowMs = Date.now()
})

function options(changes: Partial<CredentialFilesOptions> = {}): CredentialFilesOptions {
  const files = directory.put('own', issued)
  return {
    flags: { cert: '--tls-cert', key: '--tls-key', ca: '--tls-client-ca' },
    certFile: files.cert,
    keyFile: files.key,
    caFile: directory.write('ca.pem', authority.cert),
    clock: { wallNow: () => nowMs },
    warn: (message) => void warnings.push(message),
    info: () => undefined,
    ...changes,
  }
}

describe('files that are bad are bad usage, and named with their flag', () => {
  const encrypted = () =>
    createPrivateKey(issued.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })

  it.each<[string, () => Promise<Partial<CredentialFilesOptions>> | Partial<CredentialFilesOptions>, RegExp]>([
    ['no file', () => ({ certFile: join(directory.path, 'none') }), /^--tls-cert .*none: ENOENT/],
    ['a directory', () => ({ certFile: directory.path }), /^--tls-cert .*: EISDIR/],
    ['a device without an end', () => ({ keyFile: '/dev/zero' }), /^--tls-key \/dev\/zero: longer than \d+ bytes/],
    ['nothing in it', () => ({ certFile: directory.write('x', '') }), /^--tls-cert .*: no certificate in it/],
    [
      'a key in its place',
      () => ({ certFile: directory.write('x', issued.key) }),
      /^--tls-cert .*: no certificate in it/,
    ],
    [
      'a broken certificate',
      () => ({ certFile: directory.write('x', issued.cert.replace(/\n.{20}/, `\n${'A'.repeat(20)}`)) }),
      /^--tls-cert .*: certificate 1: /,
    ],
    ['no key', () => ({ keyFile: directory.write('x', issued.cert) }), /^--tls-key .*: not a private key as PEM/],
    [
      'a key with a passphrase',
      () => ({ keyFile: directory.write('x', String(encrypted())) }),
      /^--tls-key .*: protected by a passphrase/,
    ],
    [
      'the key of another certificate',
      async () => ({ keyFile: directory.put('other', await authority.issue({})).key }),
      /^--tls-key .*: not the private key of the certificate in .*own\.pem/,
    ],
    ['no authority', () => ({ caFile: directory.write('x', 'nothing') }), /^--tls-client-ca .*: no certificate in it/],
    [
      'a check that fails',
      () => ({ check: () => Promise.reject(new Error('it does not name this node')) }),
      /^--tls-cert .*: it does not name this node/,
    ],
  ])('%s', async (_what, changes, message) => {
    const load = CredentialFiles.load(options(await changes()))
    await expect(load).rejects.toThrow(UsageError)
    await expect(load).rejects.toThrow(message)
  })
})

describe('read again', () => {
  it('they are given to whoever uses them, once', async () => {
    const files = await CredentialFiles.load(options())
    const seen: string[] = []
    files.onChange(({ cert }) => void seen.push(cert))
    await files.reload()
    expect(seen).toEqual([])
    const next = await authority.issue({ days: 200 })
    directory.put('own', next)
    await files.reload()
    expect(seen).toEqual([next.cert])
    expect(files.current.key).toBe(next.key)
    expect(Math.abs(files.notAfterMs - nowMs - 200 * DAY_MS)).toBeLessThan(DAY_MS)
    expect(warnings).toEqual([])
  })

  it.each<[string, () => void | Promise<void>, RegExp]>([
    ['missing', () => rmSync(join(directory.path, 'own.pem')), /ENOENT/],
    [
      'half written',
      () => writeFileSync(join(directory.path, 'own.pem'), issued.cert.slice(0, 100)),
      /no certificate in it/,
    ],
    [
      'without their key',
      async () => writeFileSync(join(directory.path, 'own.pem'), (await authority.issue({})).cert),
      /not the private key/,
    ],
    ['expired', async () => void directory.put('own', await authority.issue({ days: -1 })), /has expired/],
  ])('and %s, they leave in force what was', async (_what, spoil, message) => {
    const files = await CredentialFiles.load(options())
    await spoil()
    // Tried again, it is no news.
    for (let tries = 1; tries <= 2; tries += 1) expect(await files.reload()).toBe(false)
    expect(files.current.cert).toBe(issued.cert)
    expect(files.isStale).toBe(true)
    expect(warnings).toEqual([expect.stringMatching(message)])
    expect(warnings[0]).toMatch(/the certificate from before stays in force$/)
    directory.put('own', issued)
    await files.reload()
    expect(files.isStale).toBe(false)
  })

  it('behind a link that was swapped', async () => {
    const [first, second] = [directory.put('first', issued), directory.put('second', await authority.issue({}))]
    const [cert, key] = [join(directory.path, 'link.pem'), join(directory.path, 'link.key')]
    symlinkSync(first.cert, cert)
    symlinkSync(first.key, key)
    const files = await CredentialFiles.load(options({ certFile: cert, keyFile: key }))
    for (const [link, target] of [
      [cert, second.cert],
      [key, second.key],
    ] as const) {
      unlinkSync(link)
      symlinkSync(target, link)
    }
    await files.reload()
    expect(files.current.cert).not.toBe(issued.cert)
  })
})

describe('what expires', () => {
  it.each([
    [15, null],
    [13.5, /own\.pem: a certificate expires in 13 days/],
    [1.5, /own\.pem: a certificate expires in one day/],
    [-1, /own\.pem: a certificate has expired/],
  ] as const)('in %d days is told as %s', async (days, message) => {
    directory.put('own', issued)
    nowMs = Date.now() + (100 - days) * DAY_MS
    const files = await CredentialFiles.load(options())
    expect(warnings).toEqual(message === null ? [] : [expect.stringMatching(message)])
    warnings = []
    files.warnOfExpiry()
    expect(warnings).toHaveLength(message === null ? 0 : 1)
  })

  it('first counts: also an authority, or one in between', async () => {
    const short = await Authority.create('short', 4.5)
    const chain = { cert: issued.cert + short.cert, key: issued.key }
    const files = directory.put('chain', chain)
    await CredentialFiles.load(options({ certFile: files.cert, keyFile: files.key }))
    await CredentialFiles.load(options({ caFile: directory.write('short.pem', short.cert) }))
    expect(warnings).toEqual([
      expect.stringMatching(/chain\.pem: .* 4 days/),
      expect.stringMatching(/short\.pem: .* 4 days/),
    ])
  })
})

describe('a node looks at its own certificate as its peers would', () => {
  const check = async (spec: Parameters<Authority['issue']>[0], by = authority, clusterName: string | null = null) =>
    checkOwnCertificate({ ...(await by.issue(spec)), ca: authority.cert }, { nodeId: 'n1', clusterName })

  it('a good one', async () => {
    await check({ dns: ['n1'] })
    await check({ uris: ['tnl://prod/n1'] }, authority, 'prod')
  })

  it('one that has expired is told of elsewhere', () => check({ dns: ['n1'], days: -1 }))

  it.each<[string, () => Promise<void>, RegExp]>([
    ['of another node', () => check({ dns: ['n2'] }), /does not name this node \(DNS:n1\), but n2/],
    [
      'of another cluster',
      () => check({ dns: ['n1'], uris: ['tnl://test/n1'] }, authority, 'prod'),
      /\(URI:tnl:\/\/prod\/n1\), but tnl:\/\/test\/n1, n1/,
    ],
    ['of nobody', () => check({}), /but nobody/],
    [
      'of another authority',
      async () => check({ dns: ['n1'] }, await Authority.create('elsewhere')),
      /as a server: UNABLE_TO/,
    ],
    ['for servers alone', () => check({ dns: ['n1'], uses: ['server'] }), /as a client: INVALID_PURPOSE/],
    ['for clients alone', () => check({ dns: ['n1'], uses: ['client'] }), /as a server: INVALID_PURPOSE/],
  ])('one %s', async (_what, checked, message) => {
    await expect(checked()).rejects.toThrow(message)
  })
})
