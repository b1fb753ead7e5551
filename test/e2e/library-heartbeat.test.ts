/** Keepalives of the built library while its program computes without a pause: a thread of their own sends them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { FakeCluster, type FakeNode } from '../client/fake-server.js'
import { inTime } from '../kit/wire.js'

const LIBRARY = fileURLToPath(new URL('../../dist/client/index.js', import.meta.url))
const LEASE_MS = 10_000

/** Takes a lock, and then does what the lines of its input say. */
const PROGRAM = `
import { createInterface } from 'node:readline'
import { connect } from ${JSON.stringify(LIBRARY)}
const [endpoints, heartbeatThread] = process.argv.slice(-2)
const client = await connect({ endpoints, heartbeatThread: heartbeatThread === 'yes' })
const lock = await client.acquire('a')
const say = (...words) => console.log(JSON.stringify(words))
say('held', lock.token)
for await (const line of createInterface({ input: process.stdin })) {
  const ms = Number(line)
  if (ms > 0) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    say(lock.state, lock.signal.aborted, lock.remaining() > 0)
    // What is judged by the timers says the same.
    await new Promise((resolve) => setTimeout(resolve, 300))
    say(lock.state, lock.signal.reason?.reason ?? null)
  } else {
    await client.close()
    break
  }
}
// Whatever is left must not be of the library.
process.stdin.destroy()
setImmediate(() => say(process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FS|Immediate/.test(name))))
`

interface Stage {
  readonly cluster: FakeCluster
  readonly node: FakeNode
  readonly child: ChildProcess
  /** How many keepalives have come. */
  keepalives(): number
  say(line: string): void
  next(): Promise<unknown>
}

/** Most of the time these wait: they do so side by side. */
async function withProgram(leaseMs: number, heartbeatThread: boolean, act: (stage: Stage) => Promise<void>) {
  const cluster = new FakeCluster(leaseMs / 1000)
  const node = await cluster.addNode()
  const words = ['--input-type=module', '-e', PROGRAM, cluster.endpoints, heartbeatThread ? 'yes' : 'no']
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  try {
    const stage: Stage = {
      ...{ cluster, node, child },
      keepalives: () => node.received.filter((line) => line.startsWith('.keepalive')).length,
      say: (line) => void child.stdin.write(`${line}\n`),
      next: async () => JSON.parse(String((await inTime('a line of the program', lines.next())).value)),
    }
    expect(await stage.next()).toEqual(['held', expect.any(Number)])
    await act(stage)
  } finally {
    child.kill('SIGKILL')
    await cluster.close()
  }
}

describe.concurrent('a blocked event loop', () => {
  it.each([
    ['with a thread', true],
    ['without one', false],
  ])('%s', (_, heartbeatThread) =>
    withProgram(LEASE_MS, heartbeatThread, async ({ keepalives, say, next }) => {
      const before = keepalives()
      say('5000')
      expect(await next()).toEqual(['held', false, true])
      // Every sixth of the lease, or none at all until it goes on; one may have been on its way.
      if (heartbeatThread) expect(keepalives() - before).toBeGreaterThanOrEqual(2)
      else expect(keepalives() - before).toBeLessThanOrEqual(1)
      expect(await next()).toEqual(['held', null])
    }),
  )

  it('that ends within the lease loses nothing, though what was proved before it has run out', () =>
    withProgram(LEASE_MS, true, async ({ say, next }) => {
      // Without what has come meanwhile a lock is believed in for 0.9 leases − 50 ms.
      say('9100')
      expect(await next()).toEqual(['held', false, true])
      expect(await next()).toEqual(['held', null])
    }))

  it('for longer than a lease loses the lock: the thread does not speak for a program that may be dead', () =>
    withProgram(3_000, true, async ({ cluster, node, keepalives, say, next }) => {
      const before = keepalives()
      say('7000')
      expect(await next()).toEqual(['lost', false, false])
      // One every half second while it was believed to live, and none in the four seconds after that.
      expect(keepalives() - before).toBeLessThanOrEqual(9)
      expect(await next()).toEqual(['lost', 'deadline'])
      // And it is given back, now that its holder knows.
      await inTime(
        'the release',
        node.until(() => cluster.holderOf('a') === null),
      )
    }))
})

describe('close', () => {
  it('leaves no thread, no timer and no connection behind: the program ends by itself', () =>
    withProgram(LEASE_MS, true, async ({ child, say, next }) => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      say('close')
      expect(await next()).toEqual([[]])
      expect(await inTime('the end', ended)).toBe(0)
    }))
})
