/** Certificates that tests of several rooms need, made once for each process, in a directory that ends with it. */
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Authority, CertificateDirectory, type CertificateSpec } from './authority.js'

const HERE = { ips: ['127.0.0.1', '::1'] }

const SPECS = {
  /** Of a node, whichever: every address of this host's loopback, a name, and the ids by which peers know each other. */
  node: { commonName: 'node', dns: ['localhost', 'n1.test', 'n1', 'n2', 'n3', 'n4', 'n5'], ...HERE },
  /** Its name only: whoever looks for an address in it is wrong. */
  named: { commonName: 'named', dns: ['localhost'] },
  elsewhere: { commonName: 'elsewhere', dns: ['elsewhere.test'] },
  expired: { commonName: 'expired', dns: ['localhost'], ...HERE, days: -1 },
  client: { commonName: 'build-7', uris: ['tnl://test/client/build-7'] },
} as const satisfies Record<string, CertificateSpec>

/** `stranger`: as `node`, but nobody who believes `ca.pem` believes it. */
export type TestCertificate = keyof typeof SPECS | 'stranger'
export type TestFile = `${TestCertificate}.pem` | `${TestCertificate}.key` | 'ca.pem' | 'other-ca.pem'

const directory = new CertificateDirectory()
process.once('exit', () => directory.close())
// Programs of other users read them too.
chmodSync(directory.path, 0o755)

const [ca, other] = [await Authority.create('test authority'), await Authority.create('another authority')]
directory.write('ca.pem', ca.cert)
directory.write('other-ca.pem', other.cert)
for (const [name, spec] of Object.entries(SPECS)) directory.put(name, await ca.issue(spec))
directory.put('stranger', await other.issue(SPECS.node))

export const certificateFile = (name: TestFile): string => join(directory.path, name)
export const certificateText = (name: TestFile): string => readFileSync(certificateFile(name), 'utf8')
