/** Tasks of one library client are strangers to each other: only what really waits in a circle is refused (docs/protocol.md). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AlreadyDoneError, type Client, connect, DeadlockError, NotGrantedError } from '../../src/client/index.js'
import { OneServer } from '../kit/one-server.js'
import { freshName } from '../kit/wire.js'

let server: OneServer
const clients: Client[] = []
beforeAll(async () => {
  server = await OneServer.start()
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await server.stop()
})

async function open(clientId: string): Promise<Client> {
  const client = await connect({ endpoints: `127.0.0.1:${server.port}`, clientId })
  clients.push(client)
  return client
}

const outlast = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('independent tasks', () => {
  it('are never refused as a deadlock: two clients, 200 locks each over 20 names', async () => {
    const both = [await open('one'), await open('two')]
    const prefix = freshName()
    const inside = new Map<string, number>()
    const task = (client: Client, index: number): Promise<void> => {
      const name = `${prefix}-${(index * 7) % 20}`
      return client.withLock(name, async () => {
        expect(inside.get(name) ?? 0).toBe(0)
        inside.set(name, 1)
        await outlast(50)
        inside.set(name, 0)
      })
    }
    const asked = both.flatMap((client) => Array.from({ length: 200 }, (_, index) => task(client, index)))
    const refused = (await Promise.allSettled(asked)).flatMap((end) =>
      end.status === 'rejected' ? [String(end.reason)] : [],
    )
    expect(refused).toEqual([])
  })

  it('of one client are served in the order in which they asked, beside those of others', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const name = freshName()
    const held = await one.acquire(name)
    const order: string[] = []
    const turns: Promise<void>[] = []
    for (const [who, client] of [
      ['a', one],
      ['b', two],
      ['c', one],
      ['d', two],
    ] as const) {
      turns.push(client.withLock(name, () => void order.push(who)))
      // The next asks when this one waits.
      await outlast(30)
    }
    await held.release()
    await Promise.all(turns)
    expect(order).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('tasks that wait in a circle', () => {
  it.each([
    ['of one client', 'same'],
    ['of two clients', 'other'],
  ])('%s: one is refused, and the other goes on', async (_, which) => {
    const one = await open('one')
    const two = which === 'same' ? one : await open('two')
    const [a, b] = [freshName(), freshName()]
    let both: () => void = () => {}
    const inside = new Promise<void>((resolve) => {
      both = resolve
    })
    let entered = 0
    const nested = (client: Client, outer: string, inner: string): Promise<string> =>
      client.withLock(outer, async () => {
        entered += 1
        if (entered === 2) both()
        await inside
        return client.withLock(inner, () => 'done')
      })
    const ends = await Promise.allSettled([nested(one, a, b), nested(two, b, a)])
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toBeInstanceOf(DeadlockError)
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('are refused what they hold themselves', async () => {
    const client = await open('one')
    const name = freshName()
    await expect(client.withLock(name, () => client.withLock(name, () => 1))).rejects.toBeInstanceOf(DeadlockError)
  })

  it('may be named by hand', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const [a, b] = [freshName(), freshName()]
    const [heldA, heldB] = [await one.acquire(a), await two.acquire(b)]
    const waiting = one.acquire(b, { holding: [heldA] })
    await outlast(50)
    await expect(two.acquire(a, { holding: [heldB] })).rejects.toBeInstanceOf(DeadlockError)
    await heldB.release()
    await (await waiting).release()
  })
})

describe('what is asked for', () => {
  it('may be shared, permits of a semaphore, and several at once', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const [a, b] = [freshName(), freshName()]
    const readers = [await one.acquire(a, { mode: 'shared' }), await two.acquire(a, { mode: 'shared' })]
    expect(await two.tryAcquire([b, a])).toBeNull()
    const both = await two.acquire([`${a}@shared`, `${b}@2/3`])
    expect(both.holds.map(({ name }) => name)).toEqual([a, b])
    await expect(one.acquire(b, { limit: 3, permits: 2, wait: 0 })).rejects.toBeInstanceOf(NotGrantedError)
    await expect(one.acquire(b, { limit: 4, wait: 0 })).rejects.toMatchObject({ serverCode: 'limit-mismatch' })
    expect(await one.tryAcquire(b, { limit: 3 })).not.toBeNull()
    await Promise.all([...readers, both].map((lock) => lock.release()))
    expect(await two.tryAcquire(a)).not.toBeNull()
  })

  it('is lost when its time is over, though the session lives', async () => {
    const client = await open('one')
    const name = freshName()
    const lock = await client.acquire(name, { ttl: 100 })
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
    expect(lock.signal.reason).toMatchObject({ reason: 'ttl', lockName: name })
    expect(lock.state).toBe('lost')
    await (await client.acquire(name)).release()
  })

  it('is kept back by min-hold, and said so', async () => {
    const client = await open('one')
    const name = freshName()
    await (await client.acquire(name, { minHold: 60_000 })).release()
    await expect(client.acquire(name, { wait: 0 })).rejects.toMatchObject({
      reason: 'delayed',
      details: { forMs: expect.any(Number) },
    })
  })
})

describe('once', () => {
  it('is done by one, and found done by the others', async () => {
    const both = [await open('one'), await open('two')]
    const once = freshName()
    let runs = 0
    const task = (client: Client): Promise<string> =>
      client
        .withLock(once, { once }, async () => {
          runs += 1
          await outlast(20)
          return 'ran'
        })
        .catch((error: unknown) => {
          if (error instanceof AlreadyDoneError) return `done by ${error.holder}`
          throw error
        })
    const ends = await Promise.all([...both, ...both, ...both].map(task))
    expect(runs).toBe(1)
    expect(ends.filter((end) => end === 'ran')).toHaveLength(1)
    expect(ends.filter((end) => /^done by (one|two)$/.test(end))).toHaveLength(5)
  })

  it('is not done by work that has failed', async () => {
    const client = await open('one')
    const once = freshName()
    const failing = client.withLock(once, { once }, () => Promise.reject(new Error('no')))
    await expect(failing).rejects.toThrow('no')
    expect(await client.withLock(once, { once }, () => 'ran')).toBe('ran')
    await expect(client.withLock(once, { once }, () => 'ran')).rejects.toMatchObject({ key: once })
  })
})
