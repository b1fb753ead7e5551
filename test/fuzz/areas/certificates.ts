/**
 * Names in certificates that were made to look like another's, read the way that Node writes them: nobody is taken for whom
 * the certificate does not name, entry by entry.
 */
import { X509Certificate } from 'node:crypto'
import { isNamed } from '../../../src/raft/net/peer-certificate.js'
import { identityNames, subjectOf } from '../../../src/sockets/tls/subject.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Authority } from '../../kit/authority.js'
import { type Area, Finding, Trail } from '../area.js'
import { damaged } from '../values.js'

const CERTIFICATES = 20
/** Each certificate's text is read once as it is, and so often with something changed. */
const DAMAGES = 9
/** Whom all of them want to be. */
const NODE = 'n1'
const CLUSTER = 'prod'
const WANTED = [`tnl://${CLUSTER}/${NODE}`, NODE, 'tnl://clients/ci', 'ci']

const PIECES = [
  ...[
    ', ',
    ',',
    'URI:',
    'DNS:',
    'IP Address:',
    ', URI:',
    ', DNS:',
    '"',
    '\\',
    '\\"',
    "'",
    '\n',
    '\0',
    ' ',
    ':',
    '/',
    '=',
    '+',
    '#',
  ],
  ...['email:', 'othername:<unsupported>', '%2C', '\u007f', 'x', '*', '.', '*.', 'N1', 'tnl:', '//'],
]

/** Within ASCII: alternative names have no other letters. */
function name(random: SeededRandom): string {
  if (random.chance(0.2)) return random.pick(WANTED)
  return Array.from({ length: 1 + random.int(5) }, () => random.pick(random.chance(0.4) ? WANTED : PIECES)).join('')
}

const names = (random: SeededRandom): string[] => Array.from({ length: random.int(4) }, () => name(random))

/** A common name is written as a part of a distinguished name, where some letters need a mark before them. */
const inSubject = (text: string): string =>
  text.replace(/[\\",+<>;#=\n\0 ]/g, (one) => `\\${one.charCodeAt(0).toString(16).padStart(2, '0')}`)

class CertificatesArea implements Area {
  readonly name = 'certificates'
  readonly what = 'names in certificates that look like those of others, and their text with bytes changed'
  readonly through = 'memory'
  #authority: Promise<Authority> | null = null

  async play(seed: number): Promise<number> {
    const random = new SeededRandom(seed)
    const trail = new Trail(5)
    this.#authority ??= Authority.create()
    const authority = await this.#authority
    for (let at = 0; at < CERTIFICATES; at++) await this.#one(authority, random, trail)
    return CERTIFICATES * (1 + DAMAGES)
  }

  async #one(authority: Authority, random: SeededRandom, trail: Trail): Promise<void> {
    const given = { dns: names(random), uris: names(random), commonName: inSubject(name(random)) }
    trail.add(JSON.stringify(given))
    const { cert } = await authority.issue(given)
    const { subject, subjectaltname = '' } = new X509Certificate(cert).toLegacyObject()
    const read = trail.guard(() => subjectOf({ subject, subjectaltname }))
    for (const uri of read.uris) if (!given.uris.includes(uri)) throw new Finding(`names ${uri}`, trail.lines)
    for (const dns of read.dnsNames) if (!given.dns.includes(dns)) throw new Finding(`names ${dns}`, trail.lines)
    if (isNamed(CLUSTER, NODE, read) && !given.uris.includes(`tnl://${CLUSTER}/${NODE}`)) {
      throw new Finding('is taken for a node', trail.lines)
    }
    for (let time = 0; time < DAMAGES; time++) {
      const text = Buffer.from(damaged(random, Buffer.from(subjectaltname))).toString('latin1')
      trail.add(text)
      trail.guard(() => identityNames(subjectOf({ subject, subjectaltname: text })))
    }
  }
}

export const certificates: Area = new CertificatesArea()
