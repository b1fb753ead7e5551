/** Locks in the shapes that people know from elsewhere: a mutex, an ephemeral lock, a lock of one host. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Client,
  InvalidOptionError,
  LockLostError,
  LockStateError,
  localLock,
  NotGrantedError,
} from '../../src/client/index.js'
import { startTestCluster, type TestCluster } from '../../src/test-cluster/index.js'
import { freshName, inTime } from '../kit/wire.js'

let cluster: TestCluster
let one: Client
let two: Client
beforeAll(async () => {
  cluster = await startTestCluster({ nodes: 1 })
  one = await cluster.connect({ clientId: 'one' })
  two = await cluster.connect({ clientId: 'two' })
})
afterAll(() => cluster.close())

describe('a mutex', () => {
  it('has the methods of threading.Lock, over all clients', async () => {
    const name = freshName()
    const [mine, theirs] = [one.mutex(name), two.mutex(name)]
    expect(await mine.locked()).toBe(false)
    expect(await mine.acquire()).toBe(true)
    expect([await theirs.locked(), await theirs.acquire(false), await theirs.acquire(true, 20)]).toEqual([
      true,
      false,
      false,
    ])
    const waiting = theirs.acquire()
    await mine.release()
    expect(await inTime('the mutex', waiting)).toBe(true)
    await expect(mine.release()).rejects.toBeInstanceOf(LockStateError)
    await theirs[Symbol.asyncDispose]()
    expect(await mine.locked()).toBe(false)
  })

  it.each([
    [false, 1],
    [false, 0],
    [true, -2],
    [true, Number.NaN],
    [true, 1e300],
  ])('refuses acquire(%s, %s), as threading.Lock does', async (blocking, timeout) => {
    await expect(one.mutex('m').acquire(blocking, timeout)).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('says when it was lost', async () => {
    const mutex = one.mutex(freshName(), { ttl: 50 })
    await mutex.acquire()
    const { lock } = mutex
    await inTime('the loss', new Promise((resolve) => lock?.onLost(resolve)))
    expect(mutex.lock).toBeNull()
    await expect(mutex.release()).rejects.toBeInstanceOf(LockLostError)
  })
})

describe('an ephemeral lock', () => {
  it('ends by itself, has a name by its pattern and a value, and is taken once', async () => {
    const key = freshName()
    const lock = one.ephemeralLock(key, { lifespan: 60_000, generateValue: (of) => `of ${of}` })
    expect(lock.name).toBe(`locks/ephemeral/${key}`)
    expect(await lock.acquire()).toBe(true)
    expect((await two.find(lock.name))?.holds[0]).toMatchObject({ metadata: `of ${key}`, holder: 'one' })
    expect(await two.ephemeralLock(key).acquire()).toBe(false)
    await expect(two.ephemeralLock(key).hold()).rejects.toBeInstanceOf(NotGrantedError)
    await expect(lock.acquire()).rejects.toBeInstanceOf(LockStateError)
    await cluster.advance(61_000)
    await expect.poll(() => lock.lock?.state).toBe('lost')
    expect([await lock.release(), await two.find(lock.name)]).toEqual([false, null])
  })

  it('is given back before, and tells when it was taken', async () => {
    const key = freshName()
    const before = Date.now()
    const lock = await one.ephemeralLock(key, { keyPattern: 'jobs/%s' }).hold()
    const { locked_at } = JSON.parse((await two.find(`jobs/${key}`))?.holds[0]?.metadata ?? '{}')
    expect(Date.parse(locked_at)).toBeGreaterThanOrEqual(before)
    expect(await lock.release()).toBe(true)
    expect(await one.ephemeralLock(key).release()).toBe(false)
    expect(() => one.ephemeralLock(key, { keyPattern: 'jobs' })).toThrow(InvalidOptionError)
    expect(() => one.ephemeralLock('a b')).toThrow(InvalidOptionError)
  })
})

describe.runIf(process.platform === 'linux')('a lock of one host', () => {
  it('is one holder’s, without any server, and passes on when it is given back', async () => {
    const name = freshName()
    const lock = await localLock(name, { clientId: 'me' })
    await expect(localLock(name, { wait: 0 })).rejects.toMatchObject({ reason: 'held', holder: 'me' })
    await expect(localLock(name, { wait: 20 })).rejects.toMatchObject({ reason: 'timeout' })
    const abort = new AbortController()
    const given = localLock(name, { signal: abort.signal })
    const waiting = localLock(name)
    abort.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    expect(lock.held).toBe(true)
    await lock.release()
    const next = await inTime('the lock', waiting)
    expect([lock.held, next.held]).toEqual([false, true])
    await next[Symbol.asyncDispose]()
    await expect(localLock('a b')).rejects.toBeInstanceOf(InvalidOptionError)
  })
})
