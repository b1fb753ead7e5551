/** `tnl token new` and `tnl auth check`. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newToken } from '../../../src/cli/access/new-token.js'
import { sha256 } from '../../../src/digest.js'
import { tnlInProcess } from '../../kit/tnl-in-process.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-token-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a token', () => {
  it('has all of its 256 bits in it, in letters and digits', () => {
    expect(newToken(new Uint8Array(32))).toBe(`tnl_${'0'.repeat(43)}`)
    expect(newToken(new Uint8Array(32).fill(255))).toMatch(/^tnl_[1-9A-Za-z][0-9A-Za-z]{42}$/)
    const bits = Array.from({ length: 256 }, (_, bit) => {
      const bytes = new Uint8Array(32)
      bytes[bit >> 3] = 1 << (bit & 7)
      return newToken(bytes)
    })
    expect(new Set(bits).size).toBe(256)
    expect(newToken()).not.toBe(newToken())
  })

  it('is shown once, with the line for the file', async () => {
    const { status, stdout } = await tnlInProcess('token', 'new', 'ci')
    expect(status).toBe(0)
    const [, token = ''] =
      /^(tnl_[0-9A-Za-z]{43})\n\nThis is shown once\. .*under identities, ci, tokens:\n/.exec(stdout) ?? []
    expect(stdout).toContain(`\n      - sha256:${sha256(token).toString('hex')}   # `)
    const json = JSON.parse((await tnlInProcess('token', 'new', 'ci', '--json')).stdout)
    expect(json).toEqual({ identity: 'ci', hash: `sha256:${sha256(json.token).toString('hex')}`, token: json.token })
  })

  it('goes to a file of its owner, never over one that is there', async () => {
    const out = join(folder, 'ci.token')
    const { status, stdout } = await tnlInProcess('token', 'new', 'ci', '--out', out)
    const token = readFileSync(out, 'utf8').trim()
    expect(status).toBe(0)
    expect(stdout).not.toContain(token)
    expect(stdout).toContain(sha256(token).toString('hex'))
    expect(statSync(out).mode & 0o777).toBe(0o600)
    expect(await tnlInProcess('token', 'new', 'ci', '--out', out)).toMatchObject({ status: 3, stdout: '' })
    expect(readFileSync(out, 'utf8').trim()).toBe(token)
  })

  it('is of somebody', async () => {
    for (const id of ['c i', 'anonymous', 'x'.repeat(65)]) {
      expect(await tnlInProcess('token', 'new', id)).toMatchObject({ status: 2, stdout: '' })
    }
  })
})

describe('auth check', () => {
  const FILE = `
identities:
  ci:
    tokens: ['sha256:${'a'.repeat(64)}']
    may: { 'ci/': [lock, see], 'ci/prod/': see }
    cluster: [transfer]
  idle: {}
anonymous:
  may: { '': see }
`
  const check = (...words: readonly string[]) => {
    const file = join(folder, 'auth.yml')
    writeFileSync(file, FILE)
    return tnlInProcess('auth', 'check', file, ...words)
  }

  it('shows who may what, and what is probably not meant', async () => {
    const { status, stdout, stderr } = await check()
    expect(status).toBe(0)
    expect(stdout.split('\n').map((line) => line.trim().replace(/ {2,}/g, ' | '))).toEqual([
      'IDENTITY | TOKENS | CERTIFICATES | MAY',
      'ci | 1 | ci/ lock,see',
      'ci/prod/ see',
      'cluster: transfer',
      'idle | 0 | nothing',
      'anonymous | (all) see',
      '',
      expect.stringMatching(/^file [0-9a-f]{16}$/),
      '',
    ])
    expect(stderr).toBe('nobody can be idle: it has no token and no certificate\n')
    const only = await check('--identity', 'idle')
    expect(only.stdout).toContain('idle')
    expect(only.stdout).not.toContain('ci/')
  })

  it.each([
    [['--identity', 'ci', '--verb', 'lock', '--name', 'ci/x'], 0, 'yes\n', ''],
    [
      ['--identity', 'ci', '--verb', 'lock', '--name', 'ci/prod/x'],
      1,
      '',
      'ci may not lock ci/prod/x (under ci/prod/ only see)\n',
    ],
    [
      ['--identity', 'ci', '--verb', 'lock', '--prefix', 'ci/'],
      1,
      '',
      'ci may not lock all names under ci/ (under ci/prod/ only see)\n',
    ],
    [['--identity', 'ci', '--verb', 'transfer'], 0, 'yes\n', ''],
    [['--verb', 'see', '--prefix', ''], 0, 'yes\n', ''],
    [['--identity', 'anonymous', '--verb', 'members'], 1, '', expect.stringContaining('may not change members')],
    [['--identity', 'nobody', '--verb', 'see', '--name', 'x'], 2, '', '--identity nobody: the file has none\n'],
    [['--verb', 'see'], 2, '', 'see is about locks: which --name, or all names of which --prefix?\n'],
    [['--verb', 'shutdown', '--name', 'x'], 2, '', 'shutdown is about the cluster: no --name or --prefix\n'],
  ])('says whether %j', async (words, status, stdout, stderr) => {
    expect(await check(...words)).toEqual({ status, stdout, stderr })
  })

  it('says what is wrong with a file, and where', async () => {
    const file = join(folder, 'bad.yml')
    writeFileSync(file, 'identities:\n  ci: { token: x }\n')
    const bad = await tnlInProcess('auth', 'check', file)
    expect(bad).toMatchObject({ status: 3, stderr: `${file} line 2 column 9: unknown key token (tokens?)\n` })
    const json = JSON.parse((await tnlInProcess('auth', 'check', file, '--json')).stdout)
    expect(json.problems).toEqual([{ line: 2, column: 9, text: 'unknown key token (tokens?)' }])
  })

  it('has it as JSON too', async () => {
    expect(JSON.parse((await check('--json')).stdout)).toMatchObject({
      identities: [
        { identity: 'ci', tokens: 1, certificates: [], may: { 'ci/': ['lock', 'see'] }, cluster: ['transfer'] },
        { identity: 'idle' },
        { identity: 'anonymous', may: { '': ['see'] } },
      ],
    })
    const no = JSON.parse((await check('--json', '--verb', 'lock', '--name', 'x')).stdout)
    expect(no).toEqual({ allowed: false, reason: expect.stringContaining('may not lock x') })
  })
})
