/** Who may what at a fuzzed node, and with which certificates strangers come. */
import { sha256 } from '../../../src/digest.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { Authority, CertificateSpec } from '../../kit/authority.js'
import { HTTP_TOKEN } from '../http-grammar.js'
import { HIDDEN_RULE, KNOWN_PREFIX, TOKEN_START } from './planted.js'

export const KEEPER_TOKEN = `${TOKEN_START}keeper`
/** Its certificate has this name, and no attacker's has. */
const KEEPER_URI = 'tnl://clients/keeper'

const hash = (token: string): string => `'sha256:${sha256(token).toString('hex')}'`
/** Longest prefix first in nobody's favour: what is hidden stays so for whoever may all else. */
const BUT_HIDDEN = `'${HIDDEN_RULE}': [], '${KNOWN_PREFIX}': []`

const some = `
  some:
    tokens: [${hash(`${TOKEN_START}some`)}]
    may: { '': [lock, see], 'a': [], 'a/': [lock], ${BUT_HIDDEN} }`
/** `all` can do to the cluster what leaves it a cluster of one that serves. */
const file = (ofSome: string) => `
identities:
  keeper:
    tokens: [${hash(KEEPER_TOKEN)}]
    certificates: ['${KEEPER_URI}']
    may: { '': [lock, see, break] }
  all:
    tokens: [${hash(`${TOKEN_START}all`)}]
    certificates: ['tnl://clients/all', 'all']
    may: { '': [lock, see, break], ${BUT_HIDDEN} }
    cluster: [transfer]
  team:
    tokens: [${hash(HTTP_TOKEN)}]
    may: { 'a': [see] }${ofSome}
anonymous: { may: { '': [lock], ${BUT_HIDDEN} } }
policies:
  'e/': { max-waiters: 1, modes: [exclusive, shared] }
  'g.': { max-hold: 5, metadata: needed }
`

export const AUTH_FILE = file(some)
/** Some may less from now on, or are nobody any more. */
const CHANGES: readonly string[] = [
  file(''),
  file(some.replace("'': [lock, see]", "'': [see], 'b': [lock]")),
  // No YAML, no auth file, or one with a mistake: what was in force stays so.
  'identities: [',
  AUTH_FILE.replace('[lock, see]', '[look]'),
]

export const changedFile = (random: SeededRandom): string => random.pick([AUTH_FILE, AUTH_FILE, ...CHANGES])

/** Certificates that are nearly somebody's. Verified ones and others. */
const SPECS: readonly CertificateSpec[] = [
  { commonName: 'nobody' },
  { commonName: 'all', uris: [] },
  { commonName: KEEPER_URI },
  { commonName: 'x', uris: [`${KEEPER_URI}/`, 'tnl://clients/KEEPER', 'tnl://clients/all'] },
  { commonName: 'x', uris: [`tnl://x, URI:${KEEPER_URI}`] },
  { commonName: 'x', dns: [`x, URI:${KEEPER_URI}`] },
  { commonName: 'x', uris: [`x", URI:"${KEEPER_URI}`, `"${KEEPER_URI}"`] },
  { commonName: `x\\,URI=${KEEPER_URI}` },
  { commonName: 'x'.repeat(60), dns: Array.from({ length: 100 }, (_, at) => `n${at}.example`) },
  { commonName: 'late', uris: [KEEPER_URI], days: -1 },
  { commonName: 'n1', dns: ['n1', 'n2', 'n3'] },
]

export interface Shown {
  readonly cert: string
  readonly key: string
}

export async function oddCertificates(ours: Authority, others: Authority): Promise<readonly Shown[]> {
  const issued = await Promise.all(SPECS.map((spec) => ours.issue(spec)))
  // Of an authority that nobody believes it may say anything.
  return [...issued, await others.issue({ commonName: 'keeper', uris: [KEEPER_URI], dns: ['n2'] })]
}
