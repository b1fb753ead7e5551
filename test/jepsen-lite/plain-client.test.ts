/** What the client of the session dialect records of answers of several lines, of answers that are repeated, and of losses. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { checkClaims } from './checker/index.js'
import { readHistory } from './checker/operations.js'
import type { ClientContext } from './clients/client.js'
import { Journal } from './clients/journal.js'
import { PlainClient } from './clients/plain-client.js'
import type { HistoryEvent } from './types.js'

const WELCOME = 'welcome,session:5,secret:x,node:n1,leader:n1,lease:3,cluster:c,level:2'
const BOTH = [
  { name: 'x', amount: 'exclusive' as const },
  { name: 'y', amount: 'shared' as const },
]

/** A node that says what the test tells it to: to each line of a connection, by number, whatever is there for it. */
class ScriptedNode {
  readonly said: string[] = []
  readonly #server: Server
  #sockets: Socket[] = []

  /** `answer`: what is written when this line comes; null: the connection is broken. */
  constructor(answer: (line: string, connection: number) => string | null) {
    let connections = 0
    this.#server = createServer((socket) => {
      connections += 1
      const number = connections
      this.#sockets.push(socket)
      socket.on('error', () => {})
      createInterface({ input: socket })
        .on('line', (line) => {
          this.said.push(line)
          const text = answer(line, number)
          if (text === null) socket.resetAndDestroy()
          else if (text !== '') socket.write(`${text.replaceAll('|', '\n')}\n`)
        })
        .on('error', () => {})
    })
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

let events: HistoryEvent[]
let node: ScriptedNode
let client: PlainClient
let processes: number

beforeEach(() => {
  events = []
  processes = 0
})

afterEach(() => {
  client.close()
  node.close()
})

async function connectTo(answer: (line: string, connection: number) => string | null): Promise<PlainClient> {
  node = new ScriptedNode(answer)
  const startedAt = process.hrtime.bigint()
  const recorder = {
    record: (entry: Omit<HistoryEvent, 'time' | 'workload'>, time: number) =>
      void events.push({ ...entry, time, workload: 'test' }),
    nextProcess: () => {
      processes += 1
      return processes
    },
  }
  const context: ClientContext = {
    endpoints: [await node.open()],
    leaseMs: 3_000,
    lingerMs: 0,
    seed: 1,
    startedAt: String(startedAt),
    names: ['x'],
    registerPort: 0,
    random: new SeededRandom(1),
    journal: new Journal(recorder, startedAt),
    stopping: new AbortController().signal,
    isOwnProcess: false,
  }
  client = new PlainClient(context)
  return client
}

const opened = (line: string): string => (line.startsWith('resume') ? `${WELCOME},resumed:yes|ready` : WELCOME)
const isOpening = (line: string): boolean => /^(hello|resume)/.test(line)

describe('a request for several names', () => {
  it('is granted with its last line, and released one by one', async () => {
    await connectTo((line) => {
      if (isOpening(line)) return opened(line)
      if (line.startsWith('lock')) return 'queued,id:1,name:x,position:1|ok,id:1,name:x,token:7|ok,id:1,name:y,token:8'
      return line.startsWith('release') ? `released,id:${/id:(\d+)/.exec(line)?.[1]},name:x` : ''
    })
    const locks = await client.take(BOTH, { waitMs: 1_000 })
    expect(locks).toEqual([
      { name: 'x', token: 7 },
      { name: 'y', token: 8 },
    ])
    expect(node.said).toContain('lock,id:1,wait:1,name:x,name:y@shared')
    expect(client.believes(8)).toBe(true)
    for (const lock of locks ?? []) await client.release(lock)
    expect(client.believes(8)).toBe(false)
    const { holds } = readHistory(events)
    expect(holds.map(({ name, token, release }) => [name, token, release?.outcome])).toEqual([
      ['x', 7, 'ok'],
      ['y', 8, 'ok'],
    ])
    expect(checkClaims(events)).toEqual([])
  })

  it('of which a resume finds a part is a finding', async () => {
    let isBroken = false
    await connectTo((line, connection) => {
      if (line.startsWith('resume')) return `${WELCOME},resumed:yes|held,name:x,mode:exclusive,token:7|ready`
      if (isOpening(line)) return WELCOME
      if (line.startsWith('lock') && connection === 1) {
        isBroken = true
        return null
      }
      return line.startsWith('lock') ? 'ok,id:1,name:x,token:7|ok,id:1,name:y,token:8|alive' : ''
    })
    await client.take(BOTH, { waitMs: 0 })
    expect(isBroken).toBe(true)
    expect(checkClaims(events).map(({ check }) => check)).toEqual(['all-or-nothing'])
  })
})

describe('an answer that is repeated', () => {
  const repeated = (answer: string) => (line: string, connection: number) => {
    if (isOpening(line)) return opened(line)
    if (line.startsWith('lock')) return connection === 1 ? null : answer
    return ''
  }

  it('is not believed if its loss is told with it', async () => {
    await connectTo(repeated('ok,id:1,name:x,token:7|lost,name:x,token:7,reason:ttl|alive'))
    const lock = await client.acquire({ name: 'x', waitMs: 0, ttlMs: 100 })
    expect(lock).toEqual({ name: 'x', token: 7 })
    expect(client.believes(7)).toBe(false)
    const [hold] = readHistory(events).holds
    expect(hold?.believedUntil).toBe(hold?.granted.time)
  })

  it('is not believed if it was released meanwhile', async () => {
    await connectTo(repeated('ok,id:1,name:x,token:7|released,id:1,name:x|alive'))
    await client.acquire({ name: 'x', waitMs: 0 })
    expect(client.believes(7)).toBe(false)
  })

  it('may come twice, and is one', async () => {
    await connectTo(
      repeated('ok,id:1,name:x,token:7|ok,id:1,name:y,token:8|ok,id:1,name:x,token:7|ok,id:1,name:y,token:8|alive'),
    )
    expect(await client.take(BOTH, { waitMs: 0 })).toHaveLength(2)
  })

  it('is believed when the next word comes', async () => {
    await connectTo(repeated('ok,id:1,name:x,token:7|alive'))
    await client.acquire({ name: 'x', waitMs: 0 })
    expect(client.believes(7)).toBe(true)
  })
})

describe('a loss', () => {
  it('ends the belief in this token alone, and is noted with its reason', async () => {
    await connectTo((line) => {
      if (isOpening(line)) return opened(line)
      if (line.startsWith('lock')) return 'ok,id:1,name:x,token:7|ok,id:1,name:y,token:8'
      return line.startsWith('check') ? 'lost,name:x,token:7,reason:forced|stale,id:2' : ''
    })
    await client.take(BOTH, { waitMs: 0 })
    const line = await client.operate('check', { name: 'x', token: 7, own: true }, 'check', { name: 'x', token: 7 })
    expect(line?.action).toBe('stale')
    expect([client.believes(7), client.believes(8)]).toEqual([false, true])
    expect(events.find(({ f }) => f === 'hold-end')?.value).toMatchObject({ token: 7, why: 'lost', reason: 'forced' })
  })
})

describe('a mark', () => {
  it('that is there already is no grant', async () => {
    await connectTo((line) => (isOpening(line) ? opened(line) : 'done,id:1,key:job,since:3,holder:me'))
    expect(await client.take([{ name: 'x', amount: 'exclusive' }], { waitMs: 0, once: 'job' })).toBeNull()
    expect(events.at(-2)).toMatchObject({
      type: 'fail',
      f: 'acquire',
      value: { once: 'job', reason: 'done', holder: 'me' },
    })
  })
})
