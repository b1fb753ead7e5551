/** What an auth file may say, and what is said of one with mistakes in it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type ReadAuth, readAuth } from '../../../src/server/access/auth-schema.js'
import { AUTH_RULES_MAX_COUNT, AUTH_TOKENS_MAX_COUNT } from '../../../src/server/limits.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'

const HASH = 'a'.repeat(64)

/** `LINE:COLUMN: TEXT` of each problem. */
function problemsOf(text: string): readonly string[] {
  const read = readAuth(text)
  return 'problems' in read ? read.problems.map(({ line, column, text: what }) => `${line}:${column}: ${what}`) : []
}

function dataOf(text: string): Extract<ReadAuth, { readonly data: unknown }> {
  const read = readAuth(text)
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  return read
}

describe('an auth file', () => {
  it('says who may what', () => {
    const { data, notes } = dataOf(`
identities:
  ci:
    tokens: ['sha256:${HASH.toUpperCase()}']
    certificates: [spiffe://corp/ci, ci.example]
    may: { 'ci/': [lock, see], '': see }
    cluster: [transfer]
  idle: {}
anonymous:
  may: { 'public/': [lock] }
policies:
  'ci/': { max-hold: 60, metadata: [owner], modes: [shared], max-waiters: 0 }
  'web/': { metadata: needed }
`)
    const [ci, idle] = data.identities
    expect(ci).toMatchObject({ id: 'ci', tokenHashes: [HASH], certificateNames: ['spiffe://corp/ci', 'ci.example'] })
    expect(ci?.may).toEqual(
      new Map([
        ['ci/', new Set(['lock', 'see'])],
        ['', new Set(['see'])],
      ]),
    )
    expect(ci?.cluster).toEqual(new Set(['transfer']))
    expect(data.anonymous.may).toEqual(new Map([['public/', new Set(['lock'])]]))
    expect(data.rules.get('ci/')).toEqual({
      maxHoldMs: 60_000,
      metadata: ['owner'],
      modes: new Set(['shared']),
      maxWaiters: 0,
    })
    expect(data.rules.get('web/')).toEqual({ maxHoldMs: null, metadata: 'needed', modes: null, maxWaiters: null })
    expect(idle).toMatchObject({ tokenHashes: [], certificateNames: [] })
    expect(notes).toEqual(['nobody can be idle: it has no token and no certificate'])
    expect(data.hash).toMatch(/^[0-9a-f]{16}$/)
  })

  it('may use anchors where two may the same', () => {
    const { data } = dataOf(`
identities:
  a: { may: &team { 'x/': &all [lock, see] } }
  b: { may: *team }
  c: { may: { 'y/': *all } }
`)
    const [a, b, c] = data.identities
    expect(b?.may).toEqual(a?.may)
    expect(c?.may.get('y/')).toEqual(a?.may.get('x/'))
  })

  it('may leave out what it does not need, and have sections whose lines are all comments', () => {
    expect(dataOf('anonymous:\n  # may:\n').data.anonymous.may.size).toBe(0)
    expect(dataOf('identities:\n').data.identities).toEqual([])
  })

  it('is that of docs/operations/access.md', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/operations/access.md'), 'utf8')
    const example = /<!-- example -->\n```yaml\n([^`]*)```/.exec(page)?.[1] ?? ''
    const { data, notes } = dataOf(example)
    expect(notes).toEqual([])
    expect(data.identities.map(({ id }) => id)).toEqual(['shop', 'billing', 'monitoring', 'operators'])
    const policy = new FilePolicy(data, false)
    const shop = { id: 'shop', proof: 'token', evidence: '', isLocal: false } as const
    expect(policy.refusal(shop, 'break', 'shop/x')).toBeNull()
    expect(policy.refusal(shop, 'break', 'shop/prod/x')).not.toBeNull()
    expect(policy.sees({ ...shop, id: 'monitoring' }).isAll).toBe(true)
    // The tables of verbs are those that the program knows.
    for (const verb of ['lock', 'see', 'break', 'members', 'transfer', 'snapshot', 'shutdown']) {
      expect(page).toContain(`| \`${verb}\` |`)
    }
  })
})

describe('a mistake', () => {
  it.each([
    ['', '1:1: the file is empty: identities, anonymous or policies are needed'],
    ['- a', '1:1: the file: keys and values are needed here'],
    ['identites: {}', '1:1: unknown key identites (identities?)'],
    ['x: 1', '1:1: unknown key x (identities, anonymous, policies)'],
    ['identities:\n  ci:\n    token: x', '3:5: unknown key token (tokens?)'],
    ['identities:\n  "c i": {}', '2:3: an identity is 1 to 64 of A-Z a-z 0-9 _ . @ -, and not "anonymous"'],
    ['identities:\n  12: {}', '2:3: identities: this key is no text (put it in quotes)'],
    [
      'anonymous:\n  may:\n    "ci/*": [see]',
      "3:5: the beginning of lock names is needed here ('' for all), without a * at its end",
    ],
    ['anonymous:\n  may: { "": [look] }', '2:15: may of anonymous: only lock, see, break can stand here'],
    ['anonymous:\n  may: { "": 7 }', '2:14: may of anonymous: a list of texts is needed here (put numbers in quotes)'],
    ['anonymous:\n  may: [see]', '2:8: may of anonymous: keys and values are needed here'],
    [
      'anonymous:\n  cluster: [reboot]',
      '2:13: cluster of anonymous: only members, transfer, snapshot, shutdown can stand here',
    ],
    ['policies:\n  "x/": { max-hold: soon }', '2:21: max-hold (seconds): a whole number from 1 on is needed here'],
    ['policies:\n  "x/": { metadata: maybe }', '2:21: metadata: needed, or a list of keys of its JSON object'],
    ['policies:\n  "x/": { modes: [] }', '2:18: modes: at least one of exclusive, shared, semaphore'],
    ['a: 1\na: 2', '2:1: Map keys must be unique'],
    ['a: [', '1:5: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['anonymous: *b', '1:12: nothing before this is anchored under such a name'],
    ['a: 1\n---\nb: 2', '2:1: Source contains multiple documents; please use YAML.parseAllDocuments()'],
  ])('is told with its place: %j', (text, problem) => {
    expect(problemsOf(text)).toContain(problem)
  })

  it('is told together with all others, in the order of the file', () => {
    const problems = problemsOf('policies:\n  "x*": {}\nidentities:\n  ci: { tokens: [x], kay: 1 }\nanonymous: 5\n')
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual(['2:3', '4:18', '4:22', '5:12'])
  })

  it.each([
    ['there twice', `identities:\n  a: { tokens: ['sha256:${HASH}', 'sha256:${HASH}'] }`],
    ['that of a as well', `identities:\n  a: { tokens: ['sha256:${HASH}'] }\n  b: { tokens: ['sha256:${HASH}'] }`],
    ['that of a as well', 'identities:\n  a: { certificates: [x] }\n  b: { certificates: [x] }'],
  ])('is what is %s', (what, text) => {
    expect(problemsOf(text).join()).toContain(what)
  })

  it('never repeats what may be a secret', () => {
    const secret = 'tnl_4f9vJq2mZx7LwT1cRbYkPd8NhGs3AuE6oViXeBfKtQz'
    for (const text of [
      `identities:\n  a: { tokens: [${secret}] }`,
      `identities:\n  a: { tokens: ["sha256:${secret}"] }`,
      `${secret}: 1`,
      `identities:\n  a: { ${secret}: 1 }`,
      `anonymous:\n  may: { '': [${secret}] }`,
      `a: *${secret}`,
      `identities: {}\n${secret}`,
      `policies:\n  "${secret}*": {}`,
      `"${secret}`,
      `!${secret} x: 1`,
    ]) {
      const problems = problemsOf(text)
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.join('\n')).not.toContain(secret.slice(0, 12))
    }
  })
})

describe('amounts', () => {
  it('of tokens and rules are bounded, also where few lines make many', () => {
    const tokens = (count: number): string =>
      `identities:\n  a:\n    tokens:\n${Array.from({ length: count }, (_, at) => `    - sha256:${String(at).padStart(64, '0')}\n`).join('')}`
    expect(problemsOf(tokens(AUTH_TOKENS_MAX_COUNT))).toEqual([])
    expect(problemsOf(tokens(AUTH_TOKENS_MAX_COUNT + 5)).join()).toContain(`at most ${AUTH_TOKENS_MAX_COUNT} tokens`)
    const shared = Array.from({ length: 1_000 }, (_, at) => `'p${at}': see`).join(', ')
    const rules = (count: number): string =>
      `identities:\n  a: { may: &all { ${shared} } }\n${Array.from({ length: count - 1 }, (_, at) => `  b${at}: { may: *all }\n`).join('')}`
    expect(problemsOf(rules(AUTH_RULES_MAX_COUNT / 1_000))).toEqual([])
    expect(problemsOf(rules(20))).toEqual([expect.stringContaining(`at most ${AUTH_RULES_MAX_COUNT} rules`)])
  })

  it('of brackets do no harm', () => {
    expect(problemsOf('['.repeat(20_000)).length).toBeGreaterThan(0)
    expect(problemsOf('a: &x [*x, *x]').length).toBeGreaterThan(0)
    expect(problemsOf('anonymous: &x { may: *x }').length).toBeGreaterThan(0)
  })
})
