/** What the library shows of the cluster's locks, and what it makes of watching them: elections, `once`, `request`. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type Client,
  connect,
  InvalidOptionError,
  type Leader,
  type ListedLock,
  LockLostError,
  type WatchEvent,
} from '../../src/client/index.js'
import { OneServer } from '../kit/one-server.js'
import { freshName, inTime } from '../kit/wire.js'

let server: OneServer
const clients: Client[] = []
beforeAll(async () => {
  server = await OneServer.start()
})
afterAll(() => server.stop())
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
})

async function open(clientId = 'one'): Promise<Client> {
  const client = await connect({ endpoints: `127.0.0.1:${server.port}`, clientId })
  clients.push(client)
  return client
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('looking', () => {
  it('lists every lock once, page after page, by prefix and by pattern', async () => {
    const client = await open()
    const prefix = `${freshName()}/`
    const names = Array.from({ length: 1_003 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`)
    await Promise.all(names.map((name) => client.acquire(name, { mode: 'shared' })))
    expect((await all(client.locks({ prefix }))).map(({ name }) => name)).toEqual(names)
    const some = await client.findRegex(`${prefix}000[12].`)
    expect([...some.keys()]).toEqual(names.slice(10, 30))
  })

  it('tells what is known of a lock, whatever people have written into it', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const name = freshName()
    const metadata = 'a,,b {"x":[,:]} 50%\nü'
    const lock = await one.acquire(name, { limit: 3, permits: 2, metadata })
    const waiting = two.acquire(name, { limit: 3, permits: 2, metadata: ',' })
    await expect.poll(async () => (await one.find(name))?.waiterCount).toBe(1)
    const listed: Partial<ListedLock> = {
      ...{ name, mode: 'permits', permits: 2, limit: 3, state: 'held', token: lock.token },
      ...{ holder: 'one', waiters: 1, metadata },
    }
    expect(await all(one.locks({ prefix: name }))).toMatchObject([listed])
    expect(await two.find(name)).toMatchObject({
      ...{ name, limit: 3, frozen: [], holdCount: 1, waiterCount: 1 },
      holds: [{ token: lock.token, mode: 'permits', permits: 2, state: 'held', holder: 'one', metadata }],
      waiting: [{ position: 1, holder: 'two', mode: 'permits', permits: 2, metadata: ',' }],
    })
    await lock.release()
    await (await waiting).release()
    expect(await one.find(name)).toBeNull()
  })

  it('says whether a token is current', async () => {
    const client = await open()
    const name = freshName()
    const lock = await client.acquire(name)
    expect([await client.check(name, lock.token), await client.check(name, 1)]).toEqual([true, false])
    await lock.release()
    expect(await client.check(name, lock.token)).toBe(false)
  })

  it('refuses what no node could be asked', async () => {
    const client = await open()
    await expect(client.find('not a name')).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(client.check('x', -1)).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(client.findRegex('a\tb')).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(client.findRegex('x'.repeat(2_000))).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(client.findRegex('(')).rejects.toMatchObject({ serverCode: 'bad-request' })
    expect(() => client.watch({})).toThrow(InvalidOptionError)
    expect(() => client.watch('x', { since: 'yesterday' })).toThrow(InvalidOptionError)
  })
})

describe('watching', () => {
  it('tells what happens from its beginning on, and goes on where somebody left off', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const name = freshName()
    const watch = one.watch(name)
    await watch.ready()
    const lock = await two.acquire(name)
    const waiting = one.acquire(name)
    const told: WatchEvent[] = []
    for await (const event of watch) {
      told.push(event)
      if (event.type === 'queued') await lock.release()
      if (told.length === 4) break
    }
    await (await waiting).release()
    const [granted, queued, released] = told
    expect(told).toMatchObject([
      { type: 'granted', name, token: lock.token, holder: 'two' },
      { type: 'queued', name, token: null, holder: 'one' },
      { type: 'released', name, token: lock.token, holder: 'two' },
      { type: 'granted', name, holder: 'one' },
    ])
    const since = granted?.at ?? ''
    const again = two.watch({ prefix: name }, { since })
    expect([(await again.next()).value, (await again.next()).value]).toEqual([queued, released])
    await again.return()
    expect(await again.next()).toEqual({ done: true, value: undefined })
  })

  it('ends when its signal aborts, and with its client', async () => {
    const client = await open()
    const abort = new AbortController()
    const [first, second] = [client.watch('x', { signal: abort.signal }), client.watch('y')]
    await Promise.all([first.ready(), second.ready()])
    const ends = Promise.allSettled([first.next(), second.next()])
    abort.abort(new Error('enough'))
    await client.close()
    expect((await ends).map((end) => end.status === 'rejected' && end.reason.message)).toEqual([
      'enough',
      'the client is closed',
    ])
  })

  it('has room for more watches than one connection', async () => {
    const client = await open()
    const name = freshName()
    const watches = Array.from({ length: 130 }, () => client.watch(name))
    await Promise.all(watches.map((watch) => watch.ready()))
    await (await client.acquire(name)).release()
    const told = await Promise.all(watches.map((watch) => watch.next()))
    expect(new Set(told.map(({ value }) => value?.type))).toEqual(new Set(['granted']))
  })

  it('keeps a bounded number of events for a reader that stands still, and goes on behind them', async () => {
    const client = await open()
    const name = freshName()
    const watch = client.watch(name)
    await watch.ready()
    const cycles = 550
    for (let n = 0; n < cycles; n += 50) {
      await Promise.all(Array.from({ length: 50 }, () => client.withLock(name, { mode: 'shared' }, () => 1)))
    }
    const tokens = new Set<number>()
    for await (const event of watch) {
      if (event.type === 'released' && event.token !== null) tokens.add(event.token)
      if (tokens.size === cycles) break
    }
    expect(tokens.size).toBe(cycles)
  })
})

describe('an election', () => {
  it('is won by one; the others see it, and the next takes over', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const name = freshName()
    const seen: (Leader | null)[] = []
    const observer = two.observe(name)
    const look = async (): Promise<void> => {
      const { value } = await observer.next()
      seen.push(value ?? null)
    }
    await look()
    const leader = await one.elect(name, { value: 'one:80' })
    await look()
    const next = two.elect(name, { value: 'two:80' })
    await leader.release()
    const successor = await next
    for (; seen.at(-1)?.token !== successor.token; ) await look()
    expect(seen[0]).toBeNull()
    expect(seen[1]).toMatchObject({ holder: 'one', value: 'one:80', token: leader.token })
    expect(seen.at(-1)).toMatchObject({ holder: 'two', value: 'two:80' })
    expect(successor.token).toBeGreaterThan(leader.token)
    await observer.return()
    await expect(one.elect(name, { wait: 0 })).rejects.toMatchObject({ reason: 'held' })
  })

  it('is stood for again when a term ends, until nobody wants to lead', async () => {
    const client = await open()
    const name = freshName()
    const abort = new AbortController()
    const terms: number[] = []
    await inTime(
      'three terms',
      client.lead(name, { signal: abort.signal }, (lock) => {
        terms.push(lock.token)
        if (terms.length === 3) abort.abort()
      }),
    )
    expect(terms).toEqual([...terms].sort((a, b) => a - b))
    expect(new Set(terms).size).toBe(3)
    await expect(client.lead(name, {}, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await client.find(name)).toBeNull()
  })
})

describe('request', () => {
  it('has the shape of the Web Locks API', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const name = freshName()
    const result = await one.request(name, async (lock) => {
      const other = await two.request(name, { ifAvailable: true }, (denied) => denied)
      return [lock.name, other] as const
    })
    expect(result).toEqual([name, null])
    const shared = one.request(name, { mode: 'shared' }, () =>
      two.request(name, { mode: 'shared', ifAvailable: true }, (lock) => lock !== null),
    )
    expect(await shared).toBe(true)
    await expect(one.request(name, { signal: AbortSignal.abort(new Error('no')) }, () => 1)).rejects.toThrow('no')
    const stealing: object = { steal: true }
    await expect(one.request(name, stealing, () => 1)).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(one.request(name, { ifAvailable: true, wait: 1 }, () => 1)).rejects.toBeInstanceOf(InvalidOptionError)
  })
})

describe('once', () => {
  it('runs what nobody has done, and tells who has', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const key = freshName()
    await expect(one.once(key, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await one.once(key, () => 7)).toEqual({ ran: true, result: 7 })
    expect(await two.once(key, () => 8)).toEqual({ ran: false, since: expect.any(Date), holder: 'one' })
    expect(await two.find(key)).toBeNull()
  })
})

describe('giving back', () => {
  it('is for one name, for all, and for those that match; never what is another client’s', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const prefix = freshName()
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => `${prefix}.${name}`) as [string, string, string, string]
    await one.acquire([a, b])
    await one.acquire(c, { mode: 'shared' })
    await one.acquire(c, { mode: 'shared' })
    const foreign = await two.acquire(d)
    expect([await one.release(d), await one.release(c), await one.release(c)]).toEqual([null, c, null])
    expect(await one.releaseMatching(`${prefix}.x`)).toEqual([])
    // The lock over both goes as a whole.
    expect(await one.releaseMatching(/.*\.A/i)).toEqual([a, b])
    await one.acquire(a)
    expect([await one.releaseAll([b]), await one.releaseAll(), one.held]).toEqual([[], [a], []])
    expect(foreign.state).toBe('held')
  })
})

describe('a loss', () => {
  it('is told by the callback that came with the request', async () => {
    const client = await open()
    const name = freshName()
    const lost = new Promise<unknown[]>((resolve) => {
      void client.acquire(name, { ttl: 100, onLost: (...told) => resolve(told) })
    })
    const [error, lock] = await inTime('the callback', lost)
    expect(error).toBeInstanceOf(LockLostError)
    expect([error, lock]).toMatchObject([
      { reason: 'ttl', lockName: name },
      { name, state: 'lost' },
    ])
  })
})
