/** A server that may have few files open serves fewer clients, and keeps what its store and its peers need. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtProgram, freePorts, until } from '../kit/process-cluster.js'
import { fetchFrom, serverWords } from '../kit/transport.js'
import { converse, fieldOf, inTime, Wire } from '../kit/wire.js'

const LIMIT = 256
const CLIENTS = 64

let dir: string
let port: number
let child: ChildProcess
let log = ''
const wires: Wire[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  port = await freePorts()
  const words = [
    ...['--listen', `localhost:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`, '--http', `127.0.0.1:${port + 2}`],
    ...['--data-dir', join(dir, 'data')],
  ]
  const script = `ulimit -n ${LIMIT} && exec "$@"`
  child = spawn('sh', ['-c', script, 'sh', process.execPath, builtProgram('tnl-server'), ...serverWords(words)])
  child.stderr?.on('data', (chunk) => {
    log += String(chunk)
  })
  await until('the server serves', async () => log.includes('"msg":"serving"'))
})

afterAll(async () => {
  for (const wire of wires) wire.destroy()
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await inTime('the server ends', ended)).toEqual([0, null])
  rmSync(dir, { recursive: true, force: true })
})

async function open(): Promise<Wire> {
  const wire = await Wire.open(port)
  wires.push(wire)
  return wire
}

async function readiness(): Promise<string> {
  const answer = await fetchFrom(port + 2, '/readyz')
  return `${answer.status} ${(await answer.text()).trim()}`
}

it('says so at the start', () => {
  expect(log).toContain(`at most ${CLIENTS} clients, not --max-connections 10000`)
})

it('silent connections, more than there are descriptors, keep nobody out and cost no file of the store', async () => {
  for (let count = 0; count < 2 * LIMIT; count += 1) await open()
  const meta = 'm'.repeat(3_000)
  const session = await open()
  expect(await session.ask('hello,version:2')).toMatch(/^welcome/)
  for (let id = 1; id <= 400; id += 1) {
    const name = `lock-${id}`
    expect(await session.ask(`lock,id:${2 * id - 1},name:${name},meta:${meta},ack:${2 * id - 2}`)).toMatch(/^ok/)
    expect(await session.ask(`release,id:${2 * id},name:${name}`)).toMatch(/^released/)
  }
  expect(await readiness()).toBe('200 ready')
  for (const wire of wires.splice(0)) wire.destroy()
})

it('a full node is not ready, tells newcomers so, and takes back who resumes', async () => {
  const session = await open()
  const welcome = await session.ask('hello,version:2')
  expect(await session.ask('lock,id:1,name:kept')).toMatch(/^ok/)
  let answer: string | null = 'ok'
  for (let count = 0; count <= CLIENTS && answer === 'ok'; count += 1) {
    const holder = await open()
    answer = await holder.ask(`lock,name:held-${count}`)
  }
  expect(answer).toBe('err,code:busy,message:too many connections')
  expect(await readiness()).toBe('503 all places for clients are taken')
  session.reset()
  const resumed = await open()
  resumed.send(`resume,session:${fieldOf(welcome, 'session')},secret:${fieldOf(welcome, 'secret')}\n`)
  expect(await resumed.line()).toMatch(/^welcome/)
  expect(await resumed.line()).toMatch(/^held,name:kept/)
  for (const wire of wires.splice(0)) wire.destroy()
  await until('it is ready again', async () => (await readiness()) === '200 ready')
  expect(await converse(port, 'lock,name:held-1\nrelease\n')).toBe('ok\nreleased\n')
})
