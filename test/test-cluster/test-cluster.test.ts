/** `tcpnetlock/testing`: what the tests of others can do to a cluster, and what their clients see of it. */
import { connect as dial } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, LockLostError, NotGrantedError } from '../../src/client/index.js'
import { startTestCluster, type TestCluster } from '../../src/test-cluster/index.js'
import { inTime, Wire } from '../kit/wire.js'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await startTestCluster()
})
afterEach(() => cluster.close())

const aborted = (signal: AbortSignal): Promise<unknown> =>
  inTime('the loss', new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })))

const portOf = (endpoint = ''): number => Number(endpoint.split(':').at(-1))

describe('a test cluster', () => {
  it('is a cluster: every node serves, in both dialects', async () => {
    expect(cluster.nodes).toEqual(['n1', 'n2', 'n3'])
    expect(cluster.nodes).toContain(cluster.leader)
    const clients = await Promise.all(cluster.endpoints.map((endpoints) => connect({ endpoints })))
    const [one, two, three] = clients
    const lock = await one?.acquire('a')
    expect(await two?.tryAcquire('a')).toBeNull()
    expect(await three?.check('a', lock?.token ?? 0)).toBe(true)
    const wire = await Wire.open(portOf(cluster.endpoints[1]))
    wire.send('lock,name:a\n')
    expect(await wire.rest()).toBe('not-granted\n')
    await Promise.all(clients.map((client) => client.close()))
    const again = await cluster.connect()
    expect(await again.tryAcquire('a')).not.toBeNull()
  })

  it('lets minutes pass in an instant: a ttl ends, and who is connected lives on', async () => {
    const [one, two] = [await cluster.connect(), await cluster.connect()]
    const [short, long] = [await one.acquire('short', { ttl: 600_000 }), await one.acquire('long')]
    const waiting = two.acquire('short', { wait: 1_200_000 })
    const before = cluster.now
    await cluster.advance(610_000)
    expect(cluster.now - before).toBeGreaterThanOrEqual(610_000)
    await inTime('the next holder', waiting)
    expect(short.signal.reason).toMatchObject({ reason: 'ttl' })
    expect([long.state, long.signal.aborted]).toEqual(['held', false])
    await expect(cluster.advance(-1)).rejects.toThrow(RangeError)
  }, 60_000)

  it('ends a session as if nobody had come back to it: its locks go to the next', async () => {
    const [one, two] = [await cluster.connect({ clientId: 'one' }), await cluster.connect({ clientId: 'two' })]
    const [lost, kept] = [await one.acquire('a'), await two.acquire('b')]
    const waiting = two.acquire('a')
    await cluster.expireSession(one)
    await aborted(lost.signal)
    expect(lost.signal.reason).toBeInstanceOf(LockLostError)
    expect((await inTime('the next holder', waiting)).token).toBeGreaterThan(lost.token)
    expect(kept.state).toBe('held')
    // The client opens another one.
    await expect(one.acquire('b', { wait: 0 })).rejects.toBeInstanceOf(NotGrantedError)
    await expect(cluster.expireSession('123456')).rejects.toThrow('no session')
  })

  it('goes on without its leader, and nothing is lost', async () => {
    const client = await cluster.connect({ clientId: 'one' })
    const lock = await client.acquire('a')
    const killed = await cluster.killLeader()
    expect(cluster.leader).not.toBe(killed)
    const other = await cluster.connect()
    expect(await other.find('a')).toMatchObject({ holds: [{ token: lock.token, holder: 'one' }] })
    expect(lock.signal.aborted).toBe(false)
    await cluster.restart(killed)
    await lock.release()
    expect(await other.tryAcquire('a')).not.toBeNull()
  })

  it('has no leader without a majority, and one again when the network is whole', async () => {
    const client = await cluster.connect()
    const leader = cluster.leader ?? ''
    cluster.partition([leader])
    const next = await cluster.untilLeader()
    expect(next).toBeTypeOf('string')
    cluster.partition(['n1'], ['n2'], ['n3'])
    await cluster.advance(60_000)
    expect(cluster.leader).toBeNull()
    cluster.heal()
    await cluster.untilLeader()
    expect(await client.tryAcquire('after')).not.toBeNull()
  })

  it('has nodes that stand still, and go on', async () => {
    const leader = cluster.leader ?? ''
    cluster.pause(leader)
    expect(await cluster.untilLeader()).not.toBe(leader)
    cluster.resume(leader)
    const client = await cluster.connect()
    expect(await client.tryAcquire('a')).not.toBeNull()
    expect(() => cluster.pause('n9')).toThrow('no node n9')
  })

  it('leaves nothing behind', async () => {
    const { endpoints } = cluster
    await cluster.connect()
    await cluster.close()
    const socket = dial(portOf(endpoints[0]), '127.0.0.1')
    const failed = new Promise((resolve) => socket.once('error', resolve))
    expect(await failed).toMatchObject({ code: 'ECONNREFUSED' })
    await expect(startTestCluster({ nodes: 0 })).rejects.toThrow(RangeError)
  })
})
