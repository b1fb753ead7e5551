/** What a client does with much at once, and with what it asked for and does not want any more. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Client, type ClientOptions, connect, LockLostError, NotGrantedError } from '../../src/client/index.js'
import { LOCKS_PER_SESSION_MAX_COUNT, UNACKNOWLEDGED_MAX_COUNT } from '../../src/protocol/limits.js'
import { FakeCluster, type FakeNode } from './fake-server.js'

/** A slow machine is given time. */
const IN_TIME = { timeout: 20_000 }

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
  node.mood = { kind: 'serve' }
  await Promise.all(clients.splice(0).map((opened) => opened.close()))
  await cluster.close()
})

async function open(options: ClientOptions = {}): Promise<Client> {
  const opened = await connect({ endpoints: cluster.endpoints, reach: 500, ...options })
  clients.push(opened)
  return opened
}

describe('a wait', () => {
  it('ends by the clock of the client, whatever the server counts', async () => {
    const other = await open()
    await other.acquire('a')
    node.countsWaits = false
    await expect(client.acquire('a', { wait: 100 })).rejects.toMatchObject({ reason: 'timeout' })
    expect(cluster.lock('a').queue).toHaveLength(0)
  })

  it('ends in an outage too; a grant that comes all the same is undone', async () => {
    const patient = await open({ reach: 10_000 })
    node.mood = { kind: 'silent' }
    await expect(patient.acquire('a', { wait: 50 })).rejects.toBeInstanceOf(NotGrantedError)
    node.mood = { kind: 'serve' }
    await node.until(() => node.received.some((line) => line.startsWith('cancel')))
    const other = await open()
    expect((await other.acquire('a')).state).toBe('held')
    // And this client may ask for it again.
    await expect(patient.acquire('a', { wait: 0 })).rejects.toMatchObject({ reason: 'held' })
  })

  it('leaves no listener on the signal that it was given, whatever became of it', async () => {
    const other = await open()
    await other.acquire('a')
    const { signal } = new AbortController()
    await expect(client.acquire('a', { wait: 0, signal })).rejects.toBeInstanceOf(NotGrantedError)
    await expect(client.acquire('a', { wait: 20, signal })).rejects.toBeInstanceOf(NotGrantedError)
    const lock = await client.acquire('b', { signal })
    await expect(client.acquire('b', { wait: 20, signal })).rejects.toBeInstanceOf(NotGrantedError)
    await lock.release()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('a lock that was lost by the deadline', () => {
  it('is released at the server as soon as a node answers, though nobody here does it', async () => {
    const patient = await open({ reach: 10_000 })
    const lock = await patient.acquire('a')
    node.mood = { kind: 'silent' }
    await new Promise((resolve) => lock.signal.addEventListener('abort', resolve))
    expect(cluster.holderOf('a')).not.toBeNull()
    node.mood = { kind: 'serve' }
    await node.until(() => cluster.lock('a').holder === null)
    await expect(lock.release()).rejects.toBeInstanceOf(LockLostError)
  })

  it('between the grant and the return of `acquire` is reported', async () => {
    const answer = cluster.answer.bind(cluster)
    cluster.answer = (session, id, ...lines) => {
      // Granted and taken away in one breath.
      if (lines[0]?.startsWith('ok') === true)
        lines.push(`lost,name:a,token:${cluster.lock('a').token},reason:forced\n`)
      answer(session, id, ...lines)
    }
    const lock = await client.acquire('a')
    expect([lock.state, lock.signal.aborted, lock.signal.reason instanceof LockLostError]).toEqual(['lost', true, true])
  })
})

describe('much at once', () => {
  it('is spread over sessions before one has too much unacknowledged', async () => {
    cluster.leaseSeconds = 10
    client = await open()
    const count = 3 * UNACKNOWLEDGED_MAX_COUNT
    const locks = await Promise.all(Array.from({ length: count }, (_, index) => client.acquire(`n${index}`)))
    expect(node.mostUnacknowledged).toBeLessThanOrEqual(UNACKNOWLEDGED_MAX_COUNT)
    expect(cluster.sessions.size).toBeGreaterThan(3)
    await Promise.all(locks.map((lock) => lock.release()))
    // This client's and the one before it.
    await vi.waitFor(() => expect(cluster.sessions.size).toBe(2), IN_TIME)
    expect([...cluster.locks.values()].every(({ holder }) => holder === null)).toBe(true)
  })
})

describe('more locks than a node lets one session have', () => {
  it.each([
    ['as nodes are set up', 1_000, 2_500],
    ['and less than that', 100, 250],
  ])('are spread over sessions, %s', async (_, maxLocksPerSession, count) => {
    cluster.leaseSeconds = 10
    cluster.maxLocksPerSession = maxLocksPerSession
    client = await open()
    const locks = []
    for (let n = 0; n < count; n += 50) {
      locks.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => client.acquire(`n${n + index}`)))))
    }
    expect(new Set(locks.map(({ token }) => token)).size).toBe(count)
    // What this side can know it does not run into.
    expect(cluster.refusals > 0).toBe(maxLocksPerSession < LOCKS_PER_SESSION_MAX_COUNT)
    await Promise.all(locks.map((lock) => lock.release()))
  })
})

describe('an idle lock of a busy client', () => {
  const cycle = async (): Promise<void> => {
    await (await client.acquire('busy')).release()
  }

  it('gets a connection for itself, on which no answer is on its way; the session ends with it', async () => {
    const idle = await client.acquire('idle')
    const ofIdle = cluster.lock('idle').holder
    const separate = (): boolean => {
      const ofBusy = cluster.lock('busy').holder
      return ofBusy !== null && ofBusy !== ofIdle
    }
    await vi.waitFor(
      async () => {
        const busy = await client.acquire('busy')
        const done = separate()
        await busy.release()
        expect(done).toBe(true)
      },
      { ...IN_TIME, interval: 5 },
    )
    const heard = node.received.filter((line) => line.startsWith('lock')).length
    for (let n = 0; n < 50; n += 1) await cycle()
    expect(node.received.filter((line) => line.startsWith('lock'))).toHaveLength(heard + 50)
    expect([cluster.sessions.size, cluster.lock('idle').holder]).toEqual([2, ofIdle])
    await idle.release()
    await vi.waitFor(() => expect(cluster.sessions.size).toBe(1), IN_TIME)
    await cycle()
  })

  it('keeps its connection for what its own task asks for, so that a circle of waiters is seen', async () => {
    await client.withLock('outer', async () => {
      const ofOuter = cluster.lock('outer').holder
      for (const startedAt = performance.now(); performance.now() - startedAt < 1_000; ) {
        await client.withLock('inner', () => expect(cluster.lock('inner').holder).toBe(ofOuter))
      }
    })
  })
})
