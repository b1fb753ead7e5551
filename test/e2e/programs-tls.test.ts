/** Everything that speaks to nodes does so over TLS: here plain text is not understood. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { certificateFile } from '../kit/certificates.js'
import { OneServer } from '../kit/one-server.js'
import { Program } from '../kit/program.js'
import { TlsFront } from '../kit/tls-front.js'
import { tnlInProcess as tnl } from '../kit/tnl-in-process.js'
import { converse, fieldOf, freshName, inTime, Wire } from '../kit/wire.js'

let server: OneServer
let front: TlsFront
let folder: string
let wire: Wire
let token = ''
beforeAll(async () => {
  server = await OneServer.start()
  front = await TlsFront.open(server.port)
  folder = mkdtempSync(join(tmpdir(), 'tnl-programs-tls-'))
  vi.stubEnv('TNL_ENDPOINTS', `localhost:${front.port}`)
  vi.stubEnv('TNL_TLS_CA', certificateFile('ca.pem'))
  wire = await Wire.open(server.port)
  await wire.ask('hello,version:2,client-id:alice,lease:3600,redirect:no')
  token = fieldOf(await wire.ask('lock,id:1,name:tls/held'), 'token')
})
afterAll(async () => {
  wire.destroy()
  vi.unstubAllEnvs()
  front.close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

describe('tnl', () => {
  it.each([
    'status',
    'members list',
    'upgrade status',
    'locks --prefix tls/',
    'who tls/held',
    'why tls/held',
    'history tls/held',
    'sessions',
    'once list',
    'completion keys tls/',
    'lock tls/loose',
    'unlock tls/loose',
    'unlock -r tls/none.*',
    'freeze tls/cold/ --reason r',
    'thaw tls/cold/',
    'resize tls/some --limit 3',
    'force-release tls/held --token TOKEN --reason over',
    'snapshot save FOLDER/saved',
    'bench --seconds 1 --warm-up 0.1 --clients 1 --dialect session',
    'bench --seconds 1 --warm-up 0.1 --clients 1 --dialect classic',
  ])('%s', async (line) => {
    const before = front.handshakes
    const words = line.replace('TOKEN', token).replace('FOLDER', folder).split(' ')
    expect(await tnl(...words)).toMatchObject({ status: 0, stderr: '' })
    expect(front.handshakes).toBeGreaterThan(before)
  })

  it.each([
    [['top', '--once'], /^.*n1.*leader/m],
    [['execute', 'tls/executed', 'echo done'], /^done$/m],
  ])('%j', async (words, printed) => {
    const before = front.handshakes
    const program = new Program('tnl', words)
    expect(await program.status()).toBe(0)
    expect(program.stdout).toMatch(printed)
    expect(front.handshakes).toBeGreaterThan(before)
  })

  it('has the flags before the command too, and says what is wrong with them', async () => {
    vi.stubEnv('TNL_TLS_CA', '')
    try {
      expect(await tnl('--tls-ca', certificateFile('ca.pem'), 'who', 'tls/held')).toMatchObject({ status: 0 })
      const untrusted = await tnl('--tls', 'who', 'tls/held')
      expect(untrusted).toMatchObject({ status: 125, stderr: expect.stringContaining('is not trusted') })
      const wrong = await tnl('who', 'tls/held', '--tls-ca', '/no/ca.pem')
      expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('--tls-ca /no/ca.pem: ENOENT') })
      const lock = await tnl('lock', 'tls/x', '--tls-ca', '/no/ca.pem')
      expect(lock).toMatchObject({ status: 3, stderr: expect.stringContaining('--tls-ca /no/ca.pem: ENOENT') })
      vi.stubEnv('TNL_TLS_CA', '/no/ca.pem')
      const variable = await tnl('lock', 'tls/x')
      expect(variable).toMatchObject({ status: 2, stderr: expect.stringContaining('TNL_TLS_CA /no/ca.pem: ENOENT') })
    } finally {
      vi.stubEnv('TNL_TLS_CA', certificateFile('ca.pem'))
    }
  })
})

it('tnl-client holds a lock over TLS', async () => {
  const name = freshName()
  const client = new Program('tnl-client', [name, '--info'])
  try {
    await client.said(/granted/)
    expect(await converse(server.port, `lock,name:${name}\n`)).toBe('not-granted\n')
    client.signal('SIGTERM')
    expect(await client.status()).toBe(143)
    const next = await Wire.open(server.port)
    expect(await next.ask(`lock,name:${name},wait:forever`)).toBe('ok')
    next.destroy()
  } finally {
    await client.end()
  }
})

const LIBRARY = fileURLToPath(new URL('../../dist/client/index.js', import.meta.url))
/** The variables say how; a program that names its endpoints only need not be changed. */
const PROGRAM = `
import { createInterface } from 'node:readline'
import { connect } from ${JSON.stringify(LIBRARY)}
const client = await connect({ endpoints: process.env.TNL_ENDPOINTS, lease: 3000 })
const lock = await client.acquire('tls/library')
console.log('held')
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
  if (line === 'end') break
  console.log(lock.state)
}
await client.close()
process.stdin.destroy()
`

it('the library keeps a lock over TLS while its program computes, from a thread of its own, and after a reset', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => String((await inTime('a line of the program', lines.next())).value)
  try {
    expect(await next()).toBe('held')
    child.stdin.write('block\n')
    expect(await next()).toBe('held')
    const before = front.handshakes
    front.reset()
    await vi.waitFor(() => expect(front.handshakes).toBeGreaterThan(before), { timeout: 5_000 })
    child.stdin.write('look\n')
    expect(await next()).not.toBe('lost')
    child.stdin.write('end\n')
    expect(await inTime('the program ends', new Promise((resolve) => child.on('exit', resolve)))).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
})
