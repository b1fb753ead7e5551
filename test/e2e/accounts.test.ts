/** Programs and the library against a node with an auth file: who they say they are, and what they make of a refusal. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Client, connect, UnauthorizedError } from '../../src/client/index.js'
import { certificateFile } from '../kit/certificates.js'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { DoProgram, isAlive, STARTER, startJob } from '../kit/starter.js'
import { tnlInProcess as tnl } from '../kit/tnl-in-process.js'
import { freshName, Wire } from '../kit/wire.js'

const TOKENS = { builder: 'tnl_builder', operator: 'tnl_operator', guest: 'tnl_guest' } as const
type Account = keyof typeof TOKENS
const hash = (account: Account): string => `sha256:${createHash('sha256').update(TOKENS[account]).digest('hex')}`

const policy = (guest: boolean): string => `identities:
  builder:
    tokens: ['${hash('builder')}']
    may: { 'ci/': [lock, see] }
  operator:
    tokens: ['${hash('operator')}']
    may: { '': [lock, see, break] }
    cluster: [members, transfer, snapshot, shutdown]
  by-certificate:
    certificates: [build-7]
    may: { 'cert/': [lock, see] }
${guest ? `  guest:\n    tokens: ['${hash('guest')}']\n    may: { 'guest/': [lock, see] }\n` : ''}`

let server: OneServer
let folder: string
const file = (name: string): string => join(folder, name)
const clients: Client[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-accounts-'))
  for (const [name, token] of Object.entries(TOKENS)) writeFileSync(file(name), `${token}\n`, { mode: 0o600 })
  writeFileSync(file('auth.yml'), policy(true))
  const words = ['--auth-file', file('auth.yml'), '--tls-client-ca', certificateFile('ca.pem')]
  server = await OneServer.start({ tls: true, words, auth: TOKENS.operator })
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value)
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await endLeftovers()
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await server.stop()
  rmSync(folder, { recursive: true })
})

const as = (account: Account): readonly string[] => ['--token-file', file(account)]
const runDo = (words: readonly string[], env: Record<string, string> = {}): DoProgram =>
  new DoProgram([STARTER, ...words], { ...server.env, ...env })

/** Resolves when an operator has the lock. */
async function next(lock: string): Promise<void> {
  const wire = await Wire.open(server.port)
  expect(await wire.ask(`lock,name:${lock},wait:forever,auth:${TOKENS.operator}`)).toBe('ok')
  wire.destroy()
}

describe('tnl-do', () => {
  it('runs what its account may, by a token or by a certificate', async () => {
    const token = runDo([...as('builder'), '--lock-name', 'ci/build', '--', 'true'])
    expect((await token.ended()).code).toBe(0)
    const certificate = ['--tls-cert', certificateFile('client.pem'), '--tls-key', certificateFile('client.key')]
    const program = runDo([...certificate, '--lock-name', 'cert/build', '--', 'true'])
    expect((await program.ended()).code).toBe(0)
  })

  it.each<[string, readonly string[], RegExp]>([
    ['what its account may not', ['--token-file', 'builder', '--lock-name', 'prod/build'], /lock.*prod\/build/],
    ['what nobody in particular may', ['--lock-name', 'ci/build'], /shows no token or certificate/],
    ['anything with a token that is nobody’s', ['--token-file', 'wrong', '--lock-name', 'ci/build'], /token/],
  ])('does not run %s: 125, with a sentence', async (_, words, sentence) => {
    writeFileSync(file('wrong'), 'tnl_do-not-tell', { mode: 0o600 })
    const at = words.map((word, index) => (words[index - 1] === '--token-file' ? file(word) : word))
    const program = runDo([...at, '--wait', '600', '--result', file('result'), '--', 'echo', 'ran'])
    expect((await program.ended()).code).toBe(125)
    expect(program.stdout).toBe('')
    expect(program.stderr).toMatch(sentence)
    expect(program.stderr).not.toContain('do-not-tell')
    expect(JSON.parse(readFileSync(file('result'), 'utf8'))).toMatchObject({
      outcome: 'failed',
      exitStatus: 125,
      error: { code: 'TNL_UNAUTHORIZED', serverCode: 'unauthorized' },
    })
  })

  it('frees the lock at once when it is killed: its guardian shows the same token', async () => {
    const lock = `ci/${freshName()}`
    const { program, job } = await startJob([...as('builder'), '--lease', '600', '--lock-name', lock], server.env)
    program.child.kill('SIGKILL')
    await next(lock)
    expect(isAlive(job)).toBe(false)
  })

  it('inside another has the account that a variable has named, though the fencing token stands there now', async () => {
    const [outer, inner] = [`ci/${freshName()}`, `ci/${freshName()}`]
    const words = [
      '--lock-name',
      outer,
      '--',
      STARTER,
      '--lock-name',
      inner,
      '--',
      'sh',
      '-c',
      'echo "$TNL_TOKEN/$TNL_AUTH_TOKEN"',
    ]
    const program = runDo(words, { TNL_TOKEN: TOKENS.builder })
    expect((await program.ended()).code).toBe(0)
    expect(program.stdout).toMatch(new RegExp(`^\\d+/${TOKENS.builder}\n$`))
  })

  it('reads a token that a shell hands over, once', async () => {
    const words = '--token-file <(echo "$1") --lock-name ci/pipe -- true'
    const program = new DoProgram(['bash', '-c', `exec "$0" ${words}`, STARTER, TOKENS.builder], server.env)
    expect((await program.ended()).code).toBe(0)
  })

  it('warns of a token that every user can read, and shows it to nobody', async () => {
    writeFileSync(file('open'), TOKENS.builder, { mode: 0o644 })
    const program = runDo(['--token-file', file('open'), '--debug', '--lock-name', 'ci/open', '--', 'true'])
    expect((await program.ended()).code).toBe(0)
    expect(program.stderr).toContain(`${file('open')}: every user of this host can read the token`)
    expect(program.stderr).not.toContain(TOKENS.builder)
  })
})

describe('tnl', () => {
  const KEY = 'prod/x'

  it.each<[readonly string[], number]>([
    [['lock', KEY, '--non-blocking'], 4],
    [['unlock', KEY], 4],
    [['unlock', '-r', 'prod/.*'], 4],
    [['who', KEY], 1],
    [['status'], 1],
    [['freeze', 'prod/', '--reason', 'r'], 1],
    [['members', 'remove', 'n9'], 1],
  ])('%j as nobody in particular ends with %i', async (words, status) => {
    const said = await tnl(...words)
    expect(said).toMatchObject({ status, stderr: expect.stringContaining('unauthorized') })
  })

  it.each([
    [['lock', KEY]],
    [['unlock', KEY]],
    [['who', KEY]],
    [['status']],
    [['locks']],
    [['freeze', 'cold/', '--reason', 'r']],
  ])('%j as an operator is done', async (words) => {
    expect(await tnl(...words, ...as('operator'))).toMatchObject({ status: 0, stderr: '' })
  })

  it('a token that is nobody’s is refused as such', async () => {
    writeFileSync(file('wrong'), 'tnl_wrong', { mode: 0o600 })
    for (const words of [['who', KEY], ['members'], ['status']]) {
      const said = await tnl(...words, '--token-file', file('wrong'))
      expect(said).toMatchObject({ status: 1, stderr: expect.stringContaining('unauthorized') })
    }
    expect(await tnl('lock', KEY, '--token-file', file('wrong'))).toMatchObject({ status: 4 })
  })
})

describe('the library', () => {
  const connected = async (token?: string): Promise<Client> => {
    const client = await connect({ heartbeatThread: false, ...(token !== undefined && { token }) })
    clients.push(client)
    return client
  }

  it('says by a class of its own what its account may not, and goes on', async () => {
    const client = await connected(TOKENS.builder)
    await expect(client.acquire('prod/x')).rejects.toBeInstanceOf(UnauthorizedError)
    await expect(client.find('prod/x')).rejects.toBeInstanceOf(UnauthorizedError)
    const lock = await client.acquire('ci/x')
    expect(lock.state).toBe('held')
    await expect(connected('tnl_wrong')).rejects.toBeInstanceOf(UnauthorizedError)
  })
})

/** Last: the account is gone afterwards. */
it('an account that is taken away ends the command, then the lock is another’s', async () => {
  const lock = `guest/${freshName()}`
  const { program, job } = await startJob([...as('guest'), '--lease', '3', '--lock-name', lock], server.env)
  const library = await connect({ heartbeatThread: false, lease: 3_000, token: TOKENS.guest })
  clients.push(library)
  const held = await library.acquire('guest/library')
  const lost = new Promise((resolve) => held.onLost(resolve))
  writeFileSync(file('auth.yml'), policy(false))
  const nextHolds = next(lock).then(() => isAlive(job))
  expect((await program.ended()).code).toBe(122)
  expect(await nextHolds).toBe(false)
  await lost
  await expect(library.acquire('guest/library')).rejects.toBeInstanceOf(UnauthorizedError)
})
