/** A node with an auth file, as its clients, its operators and strangers meet it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newToken } from '../../src/cli/access/new-token.js'
import { sha256 } from '../../src/digest.js'
import { CHROMIUM, CHROMIUM_WORDS } from '../kit/chromium.js'
import { OneServer } from '../kit/one-server.js'
import { until } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { fetchFrom, TRANSPORT } from '../kit/transport.js'
import { converse, Wire } from '../kit/wire.js'

const [TEAM, OPERATOR, WRONG] = [newToken(), newToken(), newToken()]
const SESSION_SECRET = 'f00dfeed'.repeat(4)

let folder: string
let auth: string
let audit: string
let server: OneServer

const hash = (token: string): string => `sha256:${sha256(token).toString('hex')}`
const authText = (team: string): string => `
identities:
  team:
    tokens: ['${hash(team)}']
    may: { 'team/': [lock, see] }
  operator:
    tokens: ['${hash(OPERATOR)}']
    may: { '': [lock, see, break] }
    cluster: [members, transfer, snapshot, shutdown]
anonymous:
  may: { 'public/': [lock, see] }
`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tnl-accounts-'))
  auth = join(folder, 'auth.yml')
  audit = join(folder, 'audit.jsonl')
  writeFileSync(auth, authText(TEAM))
  const words = ['--auth-file', auth, '--audit-file', audit, '--audit-grants', '--log-level', 'debug']
  server = await OneServer.start({ http: true, words })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

interface Written {
  readonly action: string
  readonly result: string
  readonly identity?: string
  readonly proof?: string
  readonly name?: string
  readonly token?: number
  readonly address?: string
}
const written = (): Written[] =>
  readFileSync(audit, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

async function session(token: string): Promise<Wire> {
  const wire = await Wire.open(server.port)
  wire.send(`hello,version:2,auth:${token}\n`)
  expect(await wire.line()).toMatch(/^welcome,/)
  return wire
}

const http = async (path: string, token?: string): Promise<{ readonly status: number; readonly body: string }> => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetchFrom(server.httpPort, path, { headers })
  return { status: response.status, body: await response.text() }
}

it('each may what the file says, on every port, and it is written down', async () => {
  for (const line of [`lock,name:team/a,auth:${TEAM}`, 'lock,name:public/a']) {
    const client = await Wire.open(server.port)
    expect(await client.ask(line)).toBe('ok')
    client.destroy()
  }
  expect(await converse(server.port, 'lock,name:team/a\n')).toMatch(/^err,unauthorized/)
  expect(await converse(server.port, `lock,name:other,auth:${TEAM}\n`)).toMatch(/^err,unauthorized/)
  expect((await http('/v1/locks/team%2Fa', TEAM)).status).toBe(200)
  expect((await http('/v1/locks/other', TEAM)).status).toBe(403)
  expect((await http('/v1/locks/team%2Fa')).status).toBe(401)
  const wire = await session(OPERATOR)
  wire.send('.freeze,id:1,prefix:team/x,reason:release\n')
  expect(await wire.line()).toBe('frozen,id:1,prefix:team/x')
  wire.send('.upgrade-finish,id:2\n')
  expect(await wire.line()).toMatch(/^done,id:2/)
  wire.send('.snapshot,id:3\n')
  await until('a snapshot arrives', async () => (await wire.line())?.startsWith('end,id:3') === true)
  wire.destroy()
  await until('the audit has all of it', async () => written().some(({ action }) => action === '.snapshot'))
  const has = (some: Partial<Written>) => expect(written()).toContainEqual(expect.objectContaining(some))
  has({ action: 'lock', name: 'team/a', identity: 'team', result: 'done', proof: `token ${hash(TEAM).slice(7, 15)}` })
  has({ action: 'lock', name: 'team/a', result: 'refused' })
  has({ action: 'lock', name: 'other', identity: 'team', result: 'refused' })
  has({ action: 'GET /v1/locks/other', name: 'other', identity: 'team', result: 'refused' })
  has({ action: '.upgrade-finish', identity: 'operator', result: 'done' })
  has({ action: '.snapshot', identity: 'operator', result: 'done' })
  has({ action: '.freeze', name: 'team/x', identity: 'operator', result: 'done' })
  expect(written().every(({ address }) => address?.startsWith('127.0.0.1:') || address?.startsWith('[::1]:'))).toBe(
    true,
  )
})

it('tnl status says which file is in force', async () => {
  const tokenFile = join(folder, 'operator.token')
  writeFileSync(tokenFile, OPERATOR, { mode: 0o600 })
  const program = new Program('tnl', ['status'], { ...server.env, TNL_TOKEN_FILE: tokenFile })
  expect(await program.status()).toBe(0)
  expect(program.stdout).toContain(`auth file ${sha256(authText(TEAM)).toString('hex').slice(0, 16)} on every node`)
})

describe('nothing that is secret is repeated', () => {
  /** With a secret in every place where one may stand, and in some where none should. */
  const LINES = [
    `lock,name:x,auth:${WRONG}`,
    `.stats,auth:${WRONG}`,
    `check,name:x,token:1,auth:${WRONG}`,
    `hello,version:2,auth:${WRONG}`,
    `hello,version:2,client-id:a b,auth:${TEAM}`,
    `resume,session:1,secret:${SESSION_SECRET},auth:${TEAM}`,
    `resume,session:x,secret:${SESSION_SECRET},auth:${TEAM}`,
    `lock,name:a b,auth:${TEAM}`,
    `lock,name:team/a,wait:${WRONG},auth:${TEAM}`,
    `${WRONG}`,
    `${WRONG},name:x`,
    `lock,auth:${WRONG},=`,
    `auth:${WRONG}`,
    `lock,name:${'x'.repeat(5_000)},auth:${WRONG}`,
    `lock,name:x,\u0001auth:${WRONG}`,
  ]
  const IN_SESSION = [
    `unlock,id:1,name:team/a,session:1,secret:${SESSION_SECRET}`,
    `unlock,id:2,name:team/a,session:y,secret:${SESSION_SECRET}`,
    `lock,id:x,name:team/a,auth:${WRONG}`,
    `${WRONG},id:3`,
    `.${WRONG},id:4`,
    `lock,id:5,name:team/${WRONG}@0/0`,
    `auth:${WRONG}`,
  ]

  it('in an answer, the log or the audit', async () => {
    const answers = await Promise.all(LINES.map((line) => converse(server.port, `${line}\n`)))
    const wire = await session(TEAM)
    for (const line of IN_SESSION) wire.send(`${line}\n`)
    wire.send('bye\n')
    answers.push(await wire.rest())
    for (const path of ['/v1/locks', '/metrics', '/nothing', `/v1/locks/x?token=${WRONG}`]) {
      answers.push((await http(path, WRONG)).body)
    }
    await until('the log has heard of it', async () => server.program.stderr.includes('token'))
    const all = [...answers, server.program.stdout, server.program.stderr, readFileSync(audit, 'utf8')].join('\n')
    for (const secret of [WRONG, TEAM, OPERATOR, SESSION_SECRET]) expect(all).not.toContain(secret)
    for (const answer of answers.slice(0, LINES.length)) expect(answer).not.toBe('')
  })
})

// A browser believes no authority of a test.
describe.runIf(CHROMIUM !== undefined && TRANSPORT === 'plain')('the dashboard', () => {
  it('asks for a token, keeps it out of every address, and shows what it opens', async () => {
    const holder = await session(TEAM)
    holder.send('lock,id:1,name:team/shown\n')
    expect(await holder.line()).toMatch(/^ok,/)
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', headless: true, args: [...CHROMIUM_WORDS] })
    try {
      const page = await browser.newPage()
      const addresses: string[] = []
      page.on('request', (request) => addresses.push(request.url()))
      await page.goto(`http://127.0.0.1:${server.httpPort}/`)
      const form = page.locator('[data-test=sign-in]')
      const sign = async (token: string): Promise<void> => {
        await form.locator('input').fill(token)
        await form.locator('button[type=submit]').click()
      }
      // Whoever shows nothing may see a little.
      await page.locator('[data-test=sign]', { hasText: 'Sign in' }).click()
      await form.waitFor()
      await sign(WRONG)
      await form.getByText('this token is not known here').waitFor()
      await sign(TEAM)
      await page.locator('[data-test=locks] .name', { hasText: 'team/shown' }).waitFor()
      expect(await form.count()).toBe(0)
      // Nothing has happened meanwhile, and yet what only the team may see goes.
      await page.locator('[data-test=sign]', { hasText: 'Sign out' }).click()
      await page.locator('[data-test=sign]', { hasText: 'Sign in' }).waitFor()
      await page.getByText('No lock is held.').waitFor()
      expect(await page.locator('[data-test=locks] .name').count()).toBe(0)
      expect(addresses.length).toBeGreaterThan(5)
      for (const token of [TEAM, WRONG]) expect(addresses.join()).not.toContain(token)
    } finally {
      await browser.close()
      holder.destroy()
    }
  }, 60_000)
})

it('a bad file changes nothing, and a token that is taken away ends what it opened', async () => {
  const wire = await session(TEAM)
  writeFileSync(auth, 'identities: [')
  server.program.signal('SIGHUP')
  await server.program.said(/line 1 column 14: .*; what was in force before stays so/)
  expect((await http('/metrics', OPERATOR)).body).toMatch(/^tnl_auth_file_bad 1$/m)
  wire.send('.keepalive\n')
  expect(await wire.line()).toBe('alive')
  writeFileSync(auth, authText(newToken()))
  server.program.signal('SIGHUP')
  expect(await wire.line()).toMatch(/^err,code:unauthorized,/)
  expect((await http('/v1/locks', TEAM)).status).toBe(401)
  expect((await http('/metrics', OPERATOR)).body).toMatch(/^tnl_auth_file_bad 0$/m)
})

it('is read again without being told', async () => {
  writeFileSync(auth, authText(TEAM))
  await until('the token opens doors again', async () => (await http('/v1/status', TEAM)).status === 200)
})
