/**
 * What an auth file says (docs/operations/access.md):
 *
 *     identities:
 *       ci:
 *         tokens: ['sha256:…']              # tnl token new ci
 *         certificates: [spiffe://corp/ci]  # a URI, or the common name
 *         may: { 'ci/': [lock, see] }
 *         cluster: [transfer]
 *     anonymous:
 *       may: { 'public/': [lock, see] }
 *     policies:
 *       'ci/': { max-hold: 3600, metadata: [owner], modes: [exclusive], max-waiters: 10 }
 */
import { sha256 } from '../../digest.js'
import { isNamePrefix } from '../../protocol/values.js'
import {
  ASKED_MODES,
  type AskedMode,
  type IdentityData,
  type NameRules,
  type PolicyData,
  type Rights,
} from '../../service/access/policy-data.js'
import { CLUSTER_VERBS, LOCK_VERBS, type LockVerb } from '../../service/access/verbs.js'
import { AUTH_RULES_MAX_COUNT, AUTH_TOKENS_MAX_COUNT } from '../limits.js'
import { isIdentity, NO_IDENTITY_TEXT } from './identity.js'
import { type Problem, YamlReader } from './yaml-reader.js'

export type ReadAuth =
  | { readonly data: PolicyData; readonly notes: readonly string[] }
  | { readonly problems: readonly Problem[] }

const TOKEN_HASH = /^sha256:([0-9a-f]{64})$/i
const HASH_SHOWN_CHARS = 16
const SECOND_MS = 1_000

/** Never throws. */
export function readAuth(text: string): ReadAuth {
  const schema = new AuthSchema(new YamlReader(text))
  return schema.read(sha256(text).toString('hex').slice(0, HASH_SHOWN_CHARS))
}

class AuthSchema {
  readonly #identities: IdentityData[] = []
  /** Who has them, so that nobody else has the same. */
  readonly #tokens = new Map<string, string>()
  readonly #certificates = new Map<string, string>()
  #ruleCount = 0

  constructor(private readonly yaml: YamlReader) {}

  read(hash: string): ReadAuth {
    const { yaml } = this
    let anonymous: Rights = { may: new Map(), cluster: new Set() }
    const rules = new Map<string, NameRules>()
    if (yaml.problems.length === 0) {
      if (yaml.root === null) yaml.wrong(null, 'the file is empty: identities, anonymous or policies are needed')
      yaml.fields(yaml.root, 'the file', {
        identities: (value) => yaml.entries(value, 'identities', (id, what, at) => this.#identity(id, what, at)),
        anonymous: (value) => {
          anonymous = this.#rights(value, 'anonymous')
        },
        policies: (value) =>
          yaml.entries(value, 'policies', (prefix, what, at) => {
            if (this.#isPrefix(prefix, at)) rules.set(prefix, this.#nameRules(what, `policies of ${prefix}`))
          }),
      })
    }
    const { problems } = yaml
    if (problems.length > 0) return { problems }
    return { data: { hash, identities: this.#identities, anonymous, rules }, notes: this.#notes() }
  }

  #identity(id: string, value: unknown, at: unknown): void {
    const { yaml } = this
    if (!isIdentity(id)) {
      yaml.wrong(at, NO_IDENTITY_TEXT)
      return
    }
    const tokenHashes: string[] = []
    const certificateNames: string[] = []
    const rights = this.#rights(value, id, {
      tokens: (tokens) =>
        yaml.texts(tokens, `tokens of ${id}`, (text, where) => {
          const hash = TOKEN_HASH.exec(text)?.[1]?.toLowerCase()
          if (hash === undefined) yaml.wrong(where, NO_HASH)
          else if (this.#isNew(this.#tokens, hash, id, where, 'token')) tokenHashes.push(hash)
          if (this.#tokens.size === AUTH_TOKENS_MAX_COUNT + 1) {
            yaml.wrong(where, `at most ${AUTH_TOKENS_MAX_COUNT} tokens: each one that is shown is compared with all`)
          }
        }),
      certificates: (names) =>
        yaml.texts(names, `certificates of ${id}`, (name, where) => {
          if (name === '') yaml.wrong(where, 'a URI of the certificate, or its common name')
          else if (this.#isNew(this.#certificates, name, id, where, 'certificate')) certificateNames.push(name)
        }),
    })
    this.#identities.push({ id, tokenHashes, certificateNames, ...rights })
  }

  #isNew(seen: Map<string, string>, value: string, id: string, at: unknown, what: string): boolean {
    const owner = seen.get(value)
    if (owner === undefined) seen.set(value, id)
    else this.yaml.wrong(at, `this ${what} is ${owner === id ? 'there twice' : `that of ${owner} as well`}`)
    return owner === undefined
  }

  #rights(value: unknown, who: string, more: Readonly<Record<string, (value: unknown) => void>> = {}): Rights {
    const { yaml } = this
    const may = new Map<string, ReadonlySet<LockVerb>>()
    let cluster: Rights['cluster'] = new Set()
    yaml.fields(value, who, {
      ...more,
      may: (rules) =>
        yaml.entries(rules, `may of ${who}`, (prefix, verbs, at) => {
          this.#ruleCount += 1
          if (this.#ruleCount === AUTH_RULES_MAX_COUNT + 1) yaml.wrong(at, `at most ${AUTH_RULES_MAX_COUNT} rules`)
          if (this.#ruleCount > AUTH_RULES_MAX_COUNT || !this.#isPrefix(prefix, at)) return
          may.set(prefix, this.#words(verbs, `may of ${who}`, LOCK_VERBS))
        }),
      cluster: (verbs) => {
        cluster = this.#words(verbs, `cluster of ${who}`, CLUSTER_VERBS)
      },
    })
    return { may, cluster }
  }

  #nameRules(value: unknown, what: string): NameRules {
    const { yaml } = this
    let [maxHoldMs, maxWaiters]: (number | null)[] = [null, null]
    let metadata: NameRules['metadata'] = 'free'
    let modes: ReadonlySet<AskedMode> | null = null
    yaml.fields(value, what, {
      'max-hold': (seconds) => {
        maxHoldMs = (yaml.wholeNumber(seconds, 'max-hold (seconds)', 1) ?? 1) * SECOND_MS
      },
      metadata: (needed) => {
        const keys: string[] = []
        yaml.texts(needed, 'metadata', (text, at) => {
          if (text === '') yaml.wrong(at, 'a key of the JSON object that is needed')
          keys.push(text)
        })
        if (yaml.isList(needed)) metadata = keys
        else if (keys[0] === 'needed') metadata = 'needed'
        else yaml.wrong(needed, 'metadata: needed, or a list of keys of its JSON object')
      },
      modes: (words) => {
        modes = this.#words(words, 'modes', ASKED_MODES)
        if (modes.size === 0) yaml.wrong(words, `modes: at least one of ${ASKED_MODES.join(', ')}`)
      },
      'max-waiters': (count) => {
        maxWaiters = yaml.wholeNumber(count, 'max-waiters', 0)
      },
    })
    return { maxHoldMs: maxHoldMs ?? null, metadata, modes, maxWaiters: maxWaiters ?? null }
  }

  /** Some of a few words. */
  #words<W extends string>(node: unknown, what: string, known: readonly W[]): ReadonlySet<W> {
    const words = new Set<W>()
    this.yaml.texts(node, what, (text, at) => {
      const word = known.find((each) => each === text)
      if (word === undefined) this.yaml.wrong(at, `${what}: only ${known.join(', ')} can stand here`)
      else words.add(word)
    })
    return words
  }

  #isPrefix(text: string, at: unknown): boolean {
    if (isNamePrefix(text)) return true
    const hint = text.endsWith('*') ? ', without a * at its end' : ''
    this.yaml.wrong(at, `the beginning of lock names is needed here ('' for all)${hint}`)
    return false
  }

  /** What is allowed, and probably not meant. */
  #notes(): readonly string[] {
    return this.#identities
      .filter(({ tokenHashes, certificateNames }) => tokenHashes.length + certificateNames.length === 0)
      .map(({ id }) => `nobody can be ${id}: it has no token and no certificate`)
  }
}

const NO_HASH =
  'sha256: and 64 hex digits are needed here, never a token itself ("tnl token new ID" prints the line for this file)'
