/** What an auth file allows, once it is read. */
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../src/digest.js'
import { type Caller, nobody } from '../../../src/service/access/caller.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'
import type { AskedTerms } from '../../../src/service/access/policy.js'
import type { IdentityData, NameRules, PolicyData, Rights } from '../../../src/service/access/policy-data.js'
import { CLUSTER_VERBS, type ClusterVerb, LOCK_VERBS, type LockVerb } from '../../../src/service/access/verbs.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'

const CI_TOKEN = 'tnl_ci'
const OTHER_TOKEN = 'tnl_other'
const hashOf = (token: string): string => sha256(token).toString('hex')

const rights = (may: Readonly<Record<string, readonly LockVerb[]>>, cluster: readonly ClusterVerb[] = []): Rights => ({
  may: new Map(Object.entries(may).map(([prefix, verbs]) => [prefix, new Set(verbs)])),
  cluster: new Set(cluster),
})
const identity = (id: string, what: Partial<IdentityData>): IdentityData => ({
  id,
  tokenHashes: [],
  certificateNames: [],
  ...rights({}),
  ...what,
})
const data = (change: Partial<PolicyData>): PolicyData => ({
  hash: 'abc',
  identities: [],
  anonymous: rights({}),
  rules: new Map(),
  ...change,
})

const CI = identity('ci', {
  tokenHashes: [hashOf(CI_TOKEN), hashOf(OTHER_TOKEN)],
  certificateNames: ['URI:tnl://ci'],
  ...rights({ '': ['see'], 'ci/': ['lock', 'see', 'break'], 'ci/secret/': ['lock'] }, ['transfer']),
})
const policy = (change: Partial<PolicyData> = {}, isAdminOff = false): FilePolicy =>
  new FilePolicy(data({ identities: [CI], ...change }), isAdminOff)
const shown = (token: string | undefined, certificateNames: readonly string[] = []) => ({
  token,
  certificateNames,
  isLocal: true,
})
const ci: Caller = { id: 'ci', proof: 'token', evidence: hashOf(CI_TOKEN), isLocal: false }

describe('who asks', () => {
  it('is told by any of the tokens, or by a name of the certificate', () => {
    expect(policy().identify(shown(CI_TOKEN))).toMatchObject({ id: 'ci', proof: 'token' })
    expect(policy().identify(shown(OTHER_TOKEN))).toMatchObject({ id: 'ci', proof: 'token' })
    expect(policy().identify(shown(undefined, ['CN:x', 'URI:tnl://ci']))).toMatchObject({
      id: 'ci',
      proof: 'certificate',
      evidence: 'URI:tnl://ci',
    })
  })

  it('is nobody in particular who shows nothing, or the certificate of somebody else', () => {
    expect(policy().identify(shown(undefined))).toEqual(nobody(true))
    expect(policy().identify(shown(undefined, ['CN:stranger']))).toEqual(nobody(true))
  })

  it('is refused with a wrong token, also behind a certificate that is known', () => {
    for (const token of ['', 'tnl_c', `${CI_TOKEN} `, hashOf(CI_TOKEN)]) {
      expect(policy().identify(shown(token, ['URI:tnl://ci']))).toBeNull()
    }
  })

  it('is told by the token before the certificate', () => {
    const two = policy({ identities: [CI, identity('proxy', { certificateNames: ['CN:proxy'] })] })
    expect(two.identify(shown(CI_TOKEN, ['CN:proxy']))).toMatchObject({ id: 'ci' })
  })

  it('is so no longer when that token or name is taken away, or given to another', () => {
    const byCertificate: Caller = { ...ci, proof: 'certificate', evidence: 'URI:tnl://ci' }
    expect([ci, byCertificate, nobody(false)].map((caller) => policy().isStill(caller))).toEqual([true, true, true])
    const without = policy({ identities: [{ ...CI, tokenHashes: [hashOf(OTHER_TOKEN)], certificateNames: [] }] })
    expect([ci, byCertificate, nobody(false)].map((caller) => without.isStill(caller))).toEqual([false, false, true])
    const moved = policy({ identities: [{ ...CI, id: 'cd' }] })
    expect([ci, byCertificate].map((caller) => moved.isStill(caller))).toEqual([false, false])
  })
})

describe('what is allowed', () => {
  it('is what the longest prefix says, and nothing is added up', () => {
    const may = (verb: LockVerb, name: string): boolean => policy().refusal(ci, verb, name) === null
    expect(LOCK_VERBS.map((verb) => may(verb, 'web'))).toEqual([false, true, false])
    expect(LOCK_VERBS.map((verb) => may(verb, 'ci/x'))).toEqual([true, true, true])
    expect(LOCK_VERBS.map((verb) => may(verb, 'ci/secret/x'))).toEqual([true, false, false])
  })

  it('holds under a prefix only if no longer one takes it away', () => {
    const may = (verb: LockVerb, prefix: string): boolean => policy().refusalUnder(ci, verb, prefix) === null
    expect(may('lock', 'ci/')).toBe(true)
    expect(may('see', 'ci/')).toBe(false)
    expect(may('see', 'ci/s')).toBe(false)
    expect(may('see', 'ci/t')).toBe(true)
    expect(may('see', '')).toBe(false)
    expect(may('lock', 'ci')).toBe(false)
  })

  it('is nothing to strangers, unless the file says so', () => {
    expect(policy().refusal(nobody(true), 'lock', 'x')).toContain('may not lock x')
    expect(policy().refusalUnder(nobody(true), 'see', '')).toContain('may not see all names')
    for (const verb of CLUSTER_VERBS) expect(policy().refusalOfCluster(nobody(true), verb)).toContain(`verb ${verb};`)
    const open = policy({ anonymous: rights({ 'public/': ['lock'] }) })
    expect(open.refusal(nobody(false), 'lock', 'public/x')).toBeNull()
    expect(open.refusal(nobody(false), 'see', 'public/x')).not.toBeNull()
    // An identity has what is said of it, and nothing of what strangers may.
    expect(open.refusal(ci, 'lock', 'public/x')).not.toBeNull()
  })

  it('of the cluster is what is said, and being on this machine gives nothing', () => {
    const local = { ...ci, isLocal: true }
    expect(CLUSTER_VERBS.filter((verb) => policy().refusalOfCluster(local, verb) === null)).toEqual(['transfer'])
  })

  it('with --admin off is nothing that is administration', () => {
    const off = policy({}, true)
    expect(off.refusal(ci, 'break', 'ci/x')).toContain('--admin off')
    expect(off.refusalUnder(ci, 'break', 'ci/x')).toContain('--admin off')
    expect(off.refusalOfCluster(ci, 'transfer')).toContain('--admin off')
    expect(off.refusal(ci, 'lock', 'ci/x')).toBeNull()
  })

  it('is refused by a text that names verb, name and rule', () => {
    expect(policy().refusal(ci, 'lock', 'web')).toBe('ci may not lock web (for all other names only see)')
    expect(policy().refusal(ci, 'see', 'ci/secret/a')).toBe('ci may not see ci/secret/a (under ci/secret/ only lock)')
    expect(policy().refusalUnder(ci, 'see', '')).toBe('ci may not see all names (under ci/secret/ only lock)')
    expect(policy().refusalOfCluster(ci, 'members')).toBe(
      'ci may not change members (needs the verb members; has only transfer)',
    )
  })

  it('filters names as it is asked about each of them', () => {
    const visible = policy().sees(ci)
    expect(visible.isAll).toBe(false)
    expect(['web', 'ci/x', 'ci/secret/x', 'ci/secret'].map((name) => visible.has(name))).toEqual([
      ...[true, true, false, true],
    ])
    expect(policy({ anonymous: rights({ '': ['see'] }) }).sees(nobody(false)).isAll).toBe(true)
  })
})

/** Rules are drawn of a and b alone, so a name with a c in it is one that none of them was made for. */
const ENDS = ['', 'a', 'b', 'c'].flatMap((one) =>
  ['', 'a', 'b', 'c'].flatMap((two) => ['', 'a', 'b', 'c'].map((three) => one + two + three)),
)

it('a verb that holds under a prefix holds for every name below it, whatever the rules (seeded)', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new SeededRandom(seed)
    const word = (): string => Array.from({ length: random.int(4) }, () => 'ab'[random.int(2)]).join('')
    const may = Object.fromEntries(
      Array.from({ length: random.int(5) }, () => [word(), LOCK_VERBS.filter(() => random.int(2) === 0)]),
    )
    const drawn = policy({ identities: [identity('ci', rights(may))] })
    const prefix = word()
    const names = ENDS.map((end) => `${prefix}${end}c`)
    for (const verb of LOCK_VERBS) {
      const all = names.every((name) => drawn.refusal(ci, verb, name) === null)
      const under = drawn.refusalUnder(ci, verb, prefix) === null
      expect(under, `seed ${seed}: ${verb} under ${prefix} by ${JSON.stringify(may)}`).toBe(all)
    }
    const visible = drawn.sees(ci)
    expect(names.map((name) => visible.has(name))).toEqual(names.map((name) => drawn.refusal(ci, 'see', name) === null))
  }
})

describe('rules for names', () => {
  const PLAIN: AskedTerms = {
    mode: 'exclusive',
    ttlMs: 0,
    minHoldMs: 0,
    delayMs: 0,
    meta: '',
    waits: false,
    waiters: () => 0,
  }
  const FREE: NameRules = { maxHoldMs: null, metadata: 'free', modes: null, maxWaiters: null }
  const judge = (rules: Partial<NameRules>, terms: Partial<Parameters<FilePolicy['refusalOfTerms']>[0]>) =>
    policy({ rules: new Map([['db/', { ...FREE, ...rules }]]) }).refusalOfTerms({ ...PLAIN, ...terms }, 'db/x')

  it('say nothing of other names', () => {
    const rules = new Map([['db/', { ...FREE, metadata: 'needed' as const }]])
    expect(policy({ rules }).refusalOfTerms(PLAIN, 'web')).toBeNull()
    expect(policy({ rules }).refusalOfTerms(PLAIN, 'db/x')).not.toBeNull()
  })

  it('bound how long a lock is held', () => {
    expect(judge({ maxHoldMs: 60_000 }, { ttlMs: 60_000 })).toBeNull()
    for (const ttlMs of [0, 60_001]) {
      expect(judge({ maxHoldMs: 60_000 }, { ttlMs })).toMatchObject({
        code: 'unauthorized',
        text: 'ttl: locks under db/ need one of at most 60 seconds (policies of this cluster)',
      })
    }
  })

  it('bound for how long a tail keeps others out, as the hold would', () => {
    for (const key of ['minHoldMs', 'delayMs'] as const) {
      const asked = (ms: number) => judge({ maxHoldMs: 60_000 }, { ttlMs: 1_000, [key]: ms })
      expect(asked(60_000)).toBeNull()
      const word = key === 'delayMs' ? 'delay' : 'min-hold'
      expect(asked(60_001)).toMatchObject({
        code: 'unauthorized',
        text: `${word}: locks under db/ may have one of at most 60 seconds (policies of this cluster)`,
      })
      expect(judge({}, { [key]: 86_400_000 })).toBeNull()
    }
  })

  it('demand metadata, or some keys of it', () => {
    expect(judge({ metadata: 'needed' }, { meta: 'x' })).toBeNull()
    expect(judge({ metadata: 'needed' }, { meta: '' })).not.toBeNull()
    const owned = (meta: string) => judge({ metadata: ['owner', 'ticket'] }, { meta })
    expect(owned('{"owner":"a","ticket":7,"more":1}')).toBeNull()
    expect(owned('{"owner":"a","ticket":""}')?.text).toContain('need ticket in their JSON')
    for (const meta of ['', 'owner', '[]', 'null', '{"owner"', '{"toString":1}']) expect(owned(meta)).not.toBeNull()
  })

  it('allow some modes', () => {
    const modes = new Set(['shared', 'semaphore'] as const)
    expect(judge({ modes }, { mode: 'shared' })).toBeNull()
    expect(judge({ modes }, { mode: 'exclusive' })?.text).toContain('only shared and semaphore locks under db/')
  })

  it('bound who may wait, and look at the queue for nothing else', () => {
    const waiters = (count: number) => ({ waits: true, waiters: () => count })
    expect(judge({ maxWaiters: 2 }, waiters(1))).toBeNull()
    expect(judge({ maxWaiters: 2 }, waiters(2))).toMatchObject({ code: 'limit' })
    const unasked = (): number => expect.fail('nobody waits')
    expect(judge({ maxWaiters: 0 }, { waits: false, waiters: unasked })).toBeNull()
    expect(judge({}, { waits: true, waiters: unasked })).toBeNull()
  })
})
