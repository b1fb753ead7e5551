/** An auth file in force, as data: who may what, for tests of the dialects. */
import { sha256 } from '../../../src/digest.js'
import { AccessControl } from '../../../src/service/access/access-control.js'
import type { AuditRecord } from '../../../src/service/access/audit.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'
import type { Policy } from '../../../src/service/access/policy.js'
import type { NameRules, PolicyData } from '../../../src/service/access/policy-data.js'
import type { ClusterVerb, LockVerb } from '../../../src/service/access/verbs.js'

/** `{ 'ci/': 'lock see' }`, and verbs of the cluster at `cluster`. */
export type May = Readonly<Record<string, string>>

export interface Accounts {
  readonly [identity: string]: May
}

/** The token of an identity is `token-of-ID`. `nobody`: what whoever shows none may. */
export function policyOf(accounts: Accounts, rules: Readonly<Record<string, Partial<NameRules>>> = {}): Policy {
  const { nobody = {}, ...named } = accounts
  const identities = Object.entries(named).map(([id, may]) => {
    const tokenHashes = [sha256(`token-of-${id}`).toString('hex')]
    return { id, tokenHashes, certificateNames: [`tnl://clients/${id}`], ...rightsOf(may) }
  })
  const free: NameRules = { maxHoldMs: null, metadata: 'free', modes: null, maxWaiters: null }
  const data: PolicyData = {
    hash: '0123456789abcdef',
    identities,
    anonymous: rightsOf(nobody),
    rules: new Map(Object.entries(rules).map(([prefix, rule]) => [prefix, { ...free, ...rule }])),
  }
  return new FilePolicy(data, false)
}

function rightsOf({ cluster = '', ...may }: May) {
  const words = <T extends string>(text: string) => new Set(text.split(' ').filter((word) => word !== '') as T[])
  return {
    may: new Map(Object.entries(may).map(([prefix, verbs]) => [prefix, words<LockVerb>(verbs)])),
    cluster: words<ClusterVerb>(cluster),
  }
}

/** For the options of a cluster: one policy for all of its nodes, and what was written down. */
export function accountsOf(accounts: Accounts, rules: Readonly<Record<string, Partial<NameRules>>> = {}) {
  const records: AuditRecord[] = []
  const access = new AccessControl(policyOf(accounts, rules))
  return { access, audit: { wantsGrants: false, record: (record: AuditRecord) => void records.push(record) }, records }
}
