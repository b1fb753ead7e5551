/** What `--json` prints has the keys that docs/cli.md tells of, and one line or document of JSON. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { tnlInProcess as tnl } from '../kit/tnl-in-process.js'
import { fieldOf, Wire } from '../kit/wire.js'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

let server: OneServer
let wire: Wire
let token = ''
beforeAll(async () => {
  server = await OneServer.start()
  vi.stubEnv('TNL_ENDPOINTS', server.env.TNL_ENDPOINTS ?? '')
  wire = await Wire.open(server.port)
  await wire.ask('hello,version:2,client-id:alice,lease:3600,redirect:no')
  token = fieldOf(await wire.ask('lock,id:1,name:json/held,once:json/key'), 'token')
  await wire.ask('lock,id:2,name:json/ended')
  await wire.ask('release,id:3,name:json/ended')
  for (const [at, key] of ['json/done', 'json/kept'].entries()) {
    const done = fieldOf(await wire.ask(`lock,id:${4 + at * 2},name:${key},once:${key}`), 'token')
    await wire.ask(`release,id:${5 + at * 2},name:${key},token:${done},done:yes`)
  }
})
afterAll(async () => {
  wire.destroy()
  vi.unstubAllEnvs()
  await server.stop()
})

/** The words that the row of a command has for its keys. */
function keysOnThePage(command: string): readonly string[] {
  const row = page.split('\n').find((line) => line.startsWith('| ') && line.split('|')[1]?.includes(`\`${command}\``))
  expect(row, command).toBeDefined()
  return [...(row?.split('|').slice(2).join('|') ?? '').matchAll(/`([\w-]+)`/g)].map(([, key = '']) => key)
}

/** Of an object, or of the first one of a list. */
function keysOf(json: unknown): string[] {
  const [first] = Array.isArray(json) ? json : [json]
  return Object.keys(first as object)
}

it.each<[string, (words: readonly string[]) => readonly string[]]>([
  ['tnl lock', (words) => [...words, 'json/loose', '--metadata', '{}']],
  ['tnl force-release', (words) => [...words, 'json/held', '--token', token, '--reason', 'over']],
  ['tnl resize', (words) => [...words, 'json/some', '--limit', '3']],
  ['tnl freeze', (words) => [...words, 'json/cold/', '--reason', 'r']],
  ['tnl thaw', (words) => [...words, 'json/cold/']],
  ['tnl once forget', (words) => [...words, 'json/done']],
  ['tnl members list', (words) => words],
  ['tnl upgrade status', (words) => words],
  ['tnl upgrade hold', (words) => words],
  ['tnl upgrade finish', (words) => words],
  ['tnl status', (words) => words],
  ['tnl bench', (words) => [...words, '--seconds', '0.1', '--warm-up', '0.01', '--clients', '1']],
])('%s', async (command, complete) => {
  const { status, stdout, stderr } = await tnl(...complete(command.split(' ').slice(1)), '--json')
  expect([status, stderr]).toEqual([0, ''])
  const keys = keysOf(JSON.parse(stdout))
  expect(keys.length).toBeGreaterThan(0)
  expect(keysOnThePage(command)).toEqual(expect.arrayContaining(keys))
})

it.each([
  ['who', 'json/held'],
  ['why', 'json/held'],
  ['history', 'json/ended'],
  ['locks'],
  ['sessions'],
  ['once', 'list'],
])('tnl %s is JSON', async (...words) => {
  const { status, stdout } = await tnl(...words, '--json')
  expect(status).toBe(0)
  expect(keysOf(JSON.parse(stdout)).length).toBeGreaterThan(0)
})
