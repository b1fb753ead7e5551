/** A log that nobody reads, or that has no room, costs log lines and nothing else. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { builtProgram, freePorts, until } from '../kit/process-cluster.js'
import { serverWords, TRANSPORT } from '../kit/transport.js'
import { converse, inTime } from '../kit/wire.js'

let base: string
let port: number
let child: ChildProcess | null = null
let held: number | null = null
let lastDirectory = 0

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'tnl-e2e-'))
  port = await freePorts()
})

afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  if (held !== null) closeSync(held)
  held = null
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

/** `target`: what the shell opens as stderr; null: a socket that this process never reads. */
function start(target: string | null): ChildProcess {
  lastDirectory += 1
  const words = [
    ...['--listen', `localhost:${port}`, '--peer-listen', `127.0.0.1:${port + 1}`, '--http', 'off'],
    ...['--data-dir', join(base, `data-${lastDirectory}`)],
  ]
  const script = target === null ? 'exec "$@"' : `exec "$@" 2>'${target}'`
  const program = [process.execPath, builtProgram('tnl-server')]
  child = spawn('sh', ['-c', script, 'sh', ...program, ...serverWords(words)], { stdio: ['ignore', 'ignore', 'pipe'] })
  return child
}

async function untilServing(): Promise<void> {
  await until('the server serves', async () => {
    const answer = await converse(port, 'lock,name:probe\nrelease\n').catch(() => '')
    return answer === 'ok\nreleased\n'
  })
}

/** A stranger who talks nonsense to the peer port: the node has something to say about each of these connections. */
async function talkNonsense(times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    const socket = connect(port + 1, '127.0.0.1')
    socket.on('error', () => {})
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.write(Buffer.from('GET / HTTP/1.1\r\nHost: who are you, that I should frame my words for you?\r\n\r\n'))
    socket.resume()
    await inTime('the stranger is sent away', closed)
  }
}

async function endsWell(): Promise<void> {
  if (child === null) throw new Error('nothing was started')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await inTime('the server ends', ended)).toEqual([0, null])
}

it('serves and ends though its log is a full pipe that nobody reads', async () => {
  const fifo = join(base, 'log')
  expect(spawnSync('mkfifo', [fifo]).status).toBe(0)
  held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
  const filling = Buffer.alloc(4096, 'x')
  try {
    for (;;) writeSync(held, filling)
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' })
  }
  start(fifo)
  await untilServing()
  await talkNonsense(20)
  await untilServing()
  await endsWell()
})

it('serves and ends though nobody reads the socket that is its log', async () => {
  start(null)
  await untilServing()
  await talkNonsense(300)
  await untilServing()
  await endsWell()
})

it.skipIf(!existsSync('/dev/full'))('serves and ends though the disk of its log is full', async () => {
  start('/dev/full')
  await untilServing()
  await talkNonsense(20)
  await untilServing()
  await endsWell()
})

it('sums up what a stranger causes again and again, and names his address', async () => {
  const program = start(null)
  let text = ''
  program.stderr?.on('data', (chunk) => {
    text += String(chunk)
  })
  await untilServing()
  await talkNonsense(200)
  await endsWell()
  const said = TRANSPORT === 'tls' ? 'came to nothing before its first line' : 'broke the peer protocol'
  const lines = text.split('\n').filter((line) => line.includes(said))
  expect(lines.length).toBeGreaterThan(0)
  expect(lines.length).toBeLessThan(20)
  for (const line of lines) expect(line).toContain('127.0.0.1')
})
