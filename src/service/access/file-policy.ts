/** What an auth file allows. Where it is in force, being on this machine allows nothing. */
import { type Caller, type Credentials, nobody } from './caller.js'
import { judgeTerms } from './name-rules.js'
import { ADMIN_OFF_TEXT } from './open-policy.js'
import { ALL_NAMES, type AskedTerms, type Policy, type TermsRefusal, type VisibleNames } from './policy.js'
import type { NameRules, PolicyData, Rights } from './policy-data.js'
import { PrefixMap } from './prefix-map.js'
import { TokenTable } from './token-table.js'
import type { ClusterVerb, LockVerb } from './verbs.js'

/** Of somebody whom the file does not name (any more). */
const NO_RIGHTS: Rights = { may: new Map(), cluster: new Set() }

interface Party {
  readonly may: PrefixMap<ReadonlySet<LockVerb>>
  readonly cluster: ReadonlySet<ClusterVerb>
}

export class FilePolicy implements Policy {
  readonly hash: string
  readonly #parties: ReadonlyMap<string, Party>
  readonly #unknown = partyOf(NO_RIGHTS)
  readonly #tokens: TokenTable
  readonly #ofCertificates: ReadonlyMap<string, string>
  readonly #rules: PrefixMap<NameRules>

  /** `isAdminOff` (`--admin off`) wins over the file. */
  constructor(
    { hash, identities, anonymous, rules }: PolicyData,
    private readonly isAdminOff: boolean,
  ) {
    this.hash = hash
    this.#parties = new Map([
      ['', partyOf(anonymous)],
      ...identities.map((identity): [string, Party] => [identity.id, partyOf(identity)]),
    ])
    this.#tokens = new TokenTable(
      identities.flatMap(({ id, tokenHashes }) => tokenHashes.map((hash) => ({ hash, id }))),
    )
    this.#ofCertificates = new Map(
      identities.flatMap(({ id, certificateNames }) => certificateNames.map((name) => [name, id] as const)),
    )
    this.#rules = new PrefixMap(rules)
  }

  /** A token counts more than a certificate: behind a proxy with one certificate many clients have tokens of their own. */
  identify({ token, certificateNames, isLocal }: Credentials): Caller | null {
    if (token !== undefined) {
      const found = this.#tokens.find(token)
      return found === null ? null : { id: found.id, proof: 'token', evidence: found.hash, isLocal }
    }
    for (const name of certificateNames) {
      const id = this.#ofCertificates.get(name)
      if (id !== undefined) return { id, proof: 'certificate', evidence: name, isLocal }
    }
    return nobody(isLocal)
  }

  isStill({ id, proof, evidence }: Caller): boolean {
    switch (proof) {
      case 'token':
        return this.#tokens.has(evidence, id)
      case 'certificate':
        return this.#ofCertificates.get(evidence) === id
      case 'none':
        return true
    }
  }

  refusal(caller: Caller, verb: LockVerb, name: string): string | null {
    if (verb === 'break' && this.isAdminOff) return ADMIN_OFF_TEXT
    const found = this.#party(caller).may.find(name)
    if (found?.value.has(verb)) return null
    return `${subject(caller)} may not ${verb} ${name} (${because(found)})`
  }

  refusalUnder(caller: Caller, verb: LockVerb, prefix: string): string | null {
    if (verb === 'break' && this.isAdminOff) return ADMIN_OFF_TEXT
    const { may } = this.#party(caller)
    const found = may.find(prefix)
    const all = prefix === '' ? 'all names' : `all names under ${prefix}`
    if (!found?.value.has(verb)) return `${subject(caller)} may not ${verb} ${all} (${because(found)})`
    for (const [longer, value] of may.below(prefix)) {
      if (value.has(verb)) continue
      return `${subject(caller)} may not ${verb} ${all} (${because({ prefix: longer, value })})`
    }
    return null
  }

  refusalOfCluster(caller: Caller, verb: ClusterVerb): string | null {
    if (this.isAdminOff) return ADMIN_OFF_TEXT
    const { cluster } = this.#party(caller)
    if (cluster.has(verb)) return null
    const own = cluster.size === 0 ? 'has no verb of the cluster' : `has only ${[...cluster].join(', ')}`
    return `${subject(caller)} may not ${CLUSTER_ACTS[verb]} (needs the verb ${verb}; ${own})`
  }

  refusalOfSight(caller: Caller): string | null {
    for (const [, verbs] of this.#party(caller).may.entries()) if (verbs.has('see')) return null
    return `${subject(caller)} may not see any name`
  }

  refusalOfSession(caller: Caller): string | null {
    const { may, cluster } = this.#party(caller)
    if (cluster.size > 0) return null
    for (const [, verbs] of may.entries()) if (verbs.size > 0) return null
    return `${subject(caller)} may not do anything`
  }

  sees(caller: Caller): VisibleNames {
    if (this.refusalUnder(caller, 'see', '') === null) return ALL_NAMES
    const { may } = this.#party(caller)
    const has = (name: string): boolean => may.find(name)?.value.has('see') === true
    const hasUnder = (prefix: string): boolean =>
      has(prefix) || [...may.below(prefix)].some(([, verbs]) => verbs.has('see'))
    return { isAll: false, has, hasUnder }
  }

  refusalOfTerms(terms: AskedTerms, name: string): TermsRefusal | null {
    const found = this.#rules.find(name)
    return found === null ? null : judgeTerms(found.value, terms, found.prefix)
  }

  #party({ id }: Caller): Party {
    return this.#parties.get(id) ?? this.#unknown
  }
}

const partyOf = ({ may, cluster }: Rights): Party => ({ may: new PrefixMap(may), cluster })

const CLUSTER_ACTS: Readonly<Record<ClusterVerb, string>> = {
  members: 'change members',
  transfer: 'transfer the leadership',
  snapshot: 'read snapshots',
  shutdown: 'shut nodes down',
}

const subject = ({ id }: Caller): string => (id === '' ? 'whoever shows no token or certificate' : id)

function because(found: { readonly prefix: string; readonly value: ReadonlySet<LockVerb> } | null): string {
  if (found === null) return 'has no rule for such names'
  const where = found.prefix === '' ? 'for all other names' : `under ${found.prefix}`
  return `${where} only ${found.value.size === 0 ? 'nothing' : [...found.value].join(', ')}`
}
