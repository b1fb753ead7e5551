import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Client,
  type ClientOptions,
  connect,
  DeadlockError,
  InvalidOptionError,
  LockLostError,
  NoEndpointError,
  NotGrantedError,
} from '../../src/client/index.js'
import { FakeCluster, type FakeNode } from './fake-server.js'

let cluster: FakeCluster
let node: FakeNode
let client: Client
const clients: Client[] = []

beforeEach(async () => {
  cluster = new FakeCluster(0.6)
  node = await cluster.addNode()
  client = await open()
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((opened) => opened.close()))
  await cluster.close()
})

async function open(options: ClientOptions = {}): Promise<Client> {
  const opened = await connect({ endpoints: cluster.endpoints, reach: 500, ...options })
  clients.push(opened)
  return opened
}

describe('acquire', () => {
  it('gives a lock with a token, held for less than the lease', async () => {
    const lock = await client.acquire('a/b')
    expect([lock.name, lock.token, lock.state]).toEqual(['a/b', cluster.lock('a/b').token, 'held'])
    expect(lock.remaining()).toBeGreaterThan(0)
    expect(lock.remaining()).toBeLessThanOrEqual(490)
    await lock.release()
    expect([lock.state, lock.remaining(), lock.signal.aborted]).toEqual(['lost', 0, false])
    expect(cluster.holderOf('a/b')).toBeNull()
  })

  it('tells who holds the lock that was not granted', async () => {
    const other = await open({ clientId: 'other@host' })
    await other.acquire('a')
    expect(await client.tryAcquire('a')).toBeNull()
    await expect(client.acquire('a', { wait: 0 })).rejects.toMatchObject({ reason: 'held', holder: 'other@host' })
    await expect(client.acquire('a', { wait: 50 })).rejects.toMatchObject({
      code: 'TNL_NOT_GRANTED',
      reason: 'timeout',
    })
  })

  it('gives up at once when the signal aborts, and leaves the queue', async () => {
    const other = await open()
    await other.acquire('a')
    const abort = new AbortController()
    const waiting = client.acquire('a', { signal: abort.signal })
    await node.until(() => cluster.lock('a').queue.length === 1)
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await node.until(() => cluster.lock('a').queue.length === 0)
    await expect(client.acquire('a', { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  })

  it.each(['', 'a b', '.a', '/a', 'ä', 'x'.repeat(256)])('refuses the name %j', async (name) => {
    await expect(client.acquire(name)).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it.each(['a\tb', '\u0000', 'x'.repeat(4_097), 'ä'.repeat(2_049)])('refuses the metadata %j', async (metadata) => {
    await expect(client.acquire('a', { metadata })).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('refuses a wait that is no number, and options out of range', async () => {
    await expect(client.acquire('a', { wait: Number.NaN })).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(connect({ lease: 1 })).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(connect({ clientId: 'a b' })).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(connect({ endpoints: [] })).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('opens another session when the cluster has ended the first', async () => {
    const lock = await client.acquire('a')
    cluster.sessions.clear()
    cluster.locks.clear()
    for (const connection of node.connections) connection.reset()
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
    expect((await client.acquire('a')).token).toBeGreaterThan(lock.token)
  })

  it('goes on waiting when an outage has taken its session, and with it its place', async () => {
    const other = await open()
    const lock = await other.acquire('a')
    const waiting = client.acquire('a', { wait: 60_000 })
    await node.until(() => cluster.lock('a').queue.length === 1)
    const [place] = cluster.lock('a').queue
    if (place === undefined) throw new Error('no place')
    const { connection } = place.session
    cluster.end(place.session)
    connection?.reset()
    await node.until(() => cluster.lock('a').queue.length === 1)
    expect(cluster.lock('a').queue[0]?.session).not.toBe(place.session)
    await lock.release()
    expect((await waiting).token).toBeGreaterThan(lock.token)
  })

  it('says that no endpoint answers', async () => {
    await expect(connect({ endpoints: '127.0.0.1:1', reach: 50 })).rejects.toBeInstanceOf(NoEndpointError)
  })
})

describe('tasks of one process', () => {
  it('take turns for one lock, first come, first served', async () => {
    const order: string[] = []
    const inside = new Set<string>()
    const task = (name: string): Promise<void> =>
      client.withLock('a', async () => {
        expect(inside.size).toBe(0)
        inside.add(name)
        order.push(name)
        await new Promise(setImmediate)
        inside.delete(name)
      })
    await Promise.all(['1', '2', '3', '4'].map(task))
    expect(order).toEqual(['1', '2', '3', '4'])
  })

  it('wait no longer than they want to', async () => {
    const lock = await client.acquire('a')
    expect(await client.tryAcquire('a')).toBeNull()
    await expect(client.acquire('a', { wait: 20 })).rejects.toBeInstanceOf(NotGrantedError)
    const abort = new AbortController()
    const waiting = client.acquire('a', { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await lock.release()
    await (await client.acquire('a', { wait: 0 })).release()
  })

  it('are refused to wait for themselves', async () => {
    await expect(client.withLock('a', () => client.withLock('a', () => 1))).rejects.toBeInstanceOf(DeadlockError)
    expect(await client.withLock('a', () => client.withLock('b', () => 1))).toBe(1)
  })
})

describe('in a cluster whose level may have risen since', () => {
  const answersTo = (script: (line: string) => string | null) => {
    node.script = (line) => {
      const answer = line.action === 'lock' ? script(line.get('holding') ?? '') : null
      return answer === null ? null : [answer.replace('N', line.get('id') ?? '')]
    }
  }
  const deadlock = 'err,id:N,code:deadlock,message:a%20circle'

  it('a task that is taken for a part of a circle asks once more, as a stranger to the others', async () => {
    answersTo((holding) => (holding === 'none' ? null : deadlock))
    const lock = await client.acquire('a')
    expect(lock.state).toBe('held')
    // From now on it is known.
    await client.acquire('b')
    expect(
      node.received.filter((line) => line.startsWith('lock,')).map((line) => line.includes('holding:none')),
    ).toEqual([false, true, true])
  })

  it('and hears of the circle if it has not risen', async () => {
    answersTo((holding) =>
      holding === '' ? deadlock : 'err,id:N,code:unsupported,message:holding%20needs%20level%202',
    )
    await expect(client.acquire('a')).rejects.toThrow('a circle')
    await expect(client.acquire('b')).rejects.toBeInstanceOf(DeadlockError)
    node.script = null
    await client.acquire('c')
    expect(node.received.at(-1)).not.toContain('holding')
  })
})

describe('several names', () => {
  it('are one lock, which is lost with the first of them', async () => {
    const leveled = await open()
    node.script = (line) =>
      line.action === 'lock'
        ? ['a', 'b'].map((name, at) => `ok,id:${line.get('id')},name:${name},token:${900 + at}`)
        : null
    const lock = await leveled.acquire(['a', 'b'])
    expect([lock.name, lock.token, lock.holds]).toEqual([
      'a',
      900,
      [
        { name: 'a', token: 900 },
        { name: 'b', token: 901 },
      ],
    ])
    for (const connection of node.connections) connection.say('lost,name:b,token:901,reason:forced\n')
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
    expect(lock.signal.reason).toMatchObject({ lockName: 'b', token: 901, reason: 'forced' })
    expect([lock.state, lock.remaining()]).toEqual(['lost', 0])
    node.script = (line) =>
      line.action === 'release' ? [`released,id:${line.get('id')},name:${line.get('name')}`] : null
    await expect(lock.release()).rejects.toBeInstanceOf(LockLostError)
    expect(
      node.received.filter((line) => line.startsWith('release')).map((line) => /name:(\w)/.exec(line)?.[1]),
    ).toEqual(['a', 'b'])
  })
})

describe('losing a lock', () => {
  it('aborts its signal with the reason, and no node has to say so', async () => {
    const lock = await client.acquire('a')
    node.mood = { kind: 'silent' }
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
    expect(lock.signal.reason).toBeInstanceOf(LockLostError)
    expect(lock.signal.reason).toMatchObject({ lockName: 'a', token: lock.token })
    expect([lock.state, lock.remaining()]).toEqual(['lost', 0])
  })

  it('is jeopardy first while no connection stands', async () => {
    const lock = await client.acquire('a')
    node.mood = { kind: 'silent' }
    for (const connection of node.connections) connection.reset()
    await node.until(() => node.heard('resume'))
    expect(lock.state).toBe('jeopardy')
    node.mood = { kind: 'serve' }
    for (const connection of node.connections) connection.reset()
    await node.until(() => node.received.filter((line) => line.startsWith('resume')).length >= 2)
    await node.until(() => lock.state === 'held')
    expect(lock.signal.aborted).toBe(false)
  })

  it('is told by withLock even when the work did not look', async () => {
    const lost = client.withLock('a', async (lock) => {
      node.mood = { kind: 'silent' }
      await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
      node.mood = { kind: 'serve' }
    })
    await expect(lost).rejects.toBeInstanceOf(LockLostError)
  })

  it('is told by release also when the process was frozen and no timer has fired yet', async () => {
    const lock = await client.acquire('a')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
    await expect(lock.release()).rejects.toBeInstanceOf(LockLostError)
    expect(lock.signal.aborted).toBe(true)
    await (await client.acquire('a')).release()
  })

  it('does not mask what the work threw', async () => {
    const failing = client.withLock('a', () => {
      throw new TypeError('mine')
    })
    await expect(failing).rejects.toThrow(new TypeError('mine'))
    expect(cluster.holderOf('a')).toBeNull()
  })
})

describe('the end', () => {
  it('of a block releases what it was using', async () => {
    {
      await using lock = await client.acquire('a')
      expect(lock.state).toBe('held')
    }
    expect(cluster.holderOf('a')).toBeNull()
  })

  it('of the client releases everything by bye, and ends waits', async () => {
    const lock = await client.acquire('a')
    const other = await open()
    const waiting = other.acquire('a')
    const refused = expect(waiting).rejects.toMatchObject({ code: 'TNL_CLIENT_CLOSED' })
    await node.until(() => cluster.lock('a').queue.length === 1)
    await other.close()
    await refused
    expect(cluster.lock('a').queue).toHaveLength(0)
    await client.close()
    expect([cluster.holderOf('a'), lock.state]).toEqual([null, 'lost'])
    await expect(client.acquire('a')).rejects.toMatchObject({ code: 'TNL_CLIENT_CLOSED' })
  })
})
