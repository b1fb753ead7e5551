import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  ClassicServerError,
  type LostReason,
  NoEndpointError,
  NoQuorumError,
  SessionExpiredError,
} from '../../../src/client/errors.js'
import { type Instant, instantNow } from '../../../src/client/session/local-lease.js'
import type { SessionHooks } from '../../../src/client/session/lock-session.js'
import { ClientSession, type SessionOptions } from '../../../src/client/session/session.js'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'
import { lockOf } from '../lock-of.js'

/** A slow machine is given time. */
const IN_TIME = { timeout: 20_000 }

/** Keepalives every 100 ms, locks held for 490 ms without one. */
const LEASE_SECONDS = 0.6

let cluster: FakeCluster
let first: FakeNode
let second: FakeNode
const sessions: ClientSession[] = []

beforeEach(async () => {
  cluster = new FakeCluster(LEASE_SECONDS)
  first = await cluster.addNode()
  second = await cluster.addNode()
})

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()))
  await cluster.close()
})

async function open(options: Partial<SessionOptions> = {}, hooks: SessionHooks = {}): Promise<ClientSession> {
  const session = await ClientSession.open(
    { endpoints: parseEndpoints(cluster.endpoints), leaseMs: 10_000, lingerMs: 0, reachMs: 3_000, ...options },
    hooks,
  )
  sessions.push(session)
  return session
}

const lossOf = (session: ClientSession): Promise<LostReason> =>
  new Promise((resolve) => {
    session.hooks = { lost: (_, reason) => resolve(reason) }
  })

describe('opening', () => {
  it('follows a redirect', async () => {
    first.mood = { kind: 'redirect', to: second.address }
    expect((await open()).link?.address).toBe(second.address)
  })

  it('asks an own endpoint to serve when redirects go round in circles', async () => {
    first.mood = { kind: 'redirect', to: second.address }
    second.mood = { kind: 'redirect', to: first.address }
    const session = await open()
    expect([first.address, second.address]).toContain(session.link?.address)
    const hellos = [...first.received, ...second.received].filter((line) => line.startsWith('hello'))
    expect(hellos.filter((line) => line.includes('redirect:no'))).toHaveLength(1)
    // The first line, five hops, and the one that asks to stay.
    expect(hellos).toHaveLength(7)
  })

  it('asks an own endpoint to serve when a redirect leads nowhere', async () => {
    first.mood = { kind: 'redirect', to: '127.0.0.1:1' }
    second.mood = { kind: 'redirect', to: '127.0.0.1:1' }
    await open()
    expect(
      first.heard('hello,version:2,lease:10,redirect:no') || second.heard('hello,version:2,lease:10,redirect:no'),
    ).toBe(true)
  })

  it('goes on to the next endpoint when one is silent or has no quorum', async () => {
    first.mood = { kind: 'say', words: 'err,no quorum\n' }
    expect((await open()).link?.address).toBe(second.address)
  })

  it('says what was missing when the time is up', async () => {
    first.mood = { kind: 'say', words: 'err,code:no-quorum,message:no%20leader\n' }
    second.mood = first.mood
    await expect(open({ reachMs: 200 })).rejects.toBeInstanceOf(NoQuorumError)
    await expect(open({ reachMs: 200, endpoints: parseEndpoints('127.0.0.1:1') })).rejects.toMatchObject({
      code: 'TNL_NO_ENDPOINT',
      failures: [{ address: '127.0.0.1:1', refused: true }],
    })
  })

  it.each(['0', '0.001', '86401', '1e9', '-5', 'soon'])('takes no session with a lease of %s', async (lease) => {
    first.welcomeFields = `,lease:${lease}`
    expect((await open()).link?.address).toBe(second.address)
    second.welcomeFields = first.welcomeFields
    await expect(open({ reachMs: 0 })).rejects.toThrow(`a welcome with an impossible lease (${lease})`)
  })

  it('knows an original server', async () => {
    first.mood = { kind: 'classic' }
    await expect(open()).rejects.toBeInstanceOf(ClassicServerError)
  })
})

describe('a session survives its connections', () => {
  it('resumes elsewhere with its lock and repeats the unanswered request under its id', async () => {
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    const rival = await open()
    const waiting = lockOf(rival, 'a', { waitMs: Number.POSITIVE_INFINITY })
    await first.until(() => first.received.some((line) => line.includes('wait:forever')))
    await first.stop()
    await second.until(() => second.received.filter((line) => line.startsWith('resume')).length === 2)
    await second.until(() => second.received.some((line) => line.includes('wait:forever')))
    expect(session.holds(grant)).toBe(true)
    expect(second.received.filter((line) => line.includes('wait:forever'))).toEqual(
      first.received.filter((line) => line.includes('wait:forever')),
    )
    await session.release(grant)
    expect((await waiting).token).toBeGreaterThan(grant.token ?? 0)
  })

  it('gets the one answer of a request whose answer was lost with the connection', async () => {
    const session = await open()
    const original = cluster.answer.bind(cluster)
    cluster.answer = (owner, id, ...lines) => {
      cluster.answer = original
      const { connection } = owner
      owner.connection = null
      original(owner, id, ...lines)
      connection?.reset()
    }
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    expect(cluster.lock('a').token).toBe(grant.token)
  })

  it('leaves a connection on which a keepalive stays unanswered, and by reset', async () => {
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    first.keepAlives = false
    await second.until(() => second.heard('resume'))
    await first.until(() => first.connections.size === 0)
    expect([first.fins.length, session.holds(grant)]).toEqual([0, true])
  })

  it('reads what came during a pause of this process before it judges a keepalive', async () => {
    const session = await open()
    const heard = first.received.length
    await first.until(() => first.received.length > heard)
    // The answer lies in the socket while nothing runs here for two intervals.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    await lockOf(session, 'a', { waitMs: 0 })
    expect(session.link?.address).toBe(first.address)
  })

  it('is looked for as long as its lease lasts, though a node is to be reached in less', async () => {
    cluster.leaseSeconds = 3
    const session = await open({ reachMs: 50 })
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    first.mood = { kind: 'say', words: 'err,code:busy\n' }
    second.mood = first.mood
    for (const connection of first.connections) connection.reset()
    await new Promise((resolve) => setTimeout(resolve, 250))
    first.mood = { kind: 'serve' }
    second.mood = first.mood
    await vi.waitFor(() => expect(session.link).not.toBeNull(), IN_TIME)
    expect([session.ended, session.holds(grant)]).toEqual([false, true])
  })

  it('goes where `moved` points', async () => {
    const third = await cluster.addNode()
    const session = await open({ endpoints: parseEndpoints([first.address, second.address]) })
    for (const connection of first.connections) connection.say(`moved,address:${third.address}\n`)
    await third.until(() => third.heard('resume'))
    expect(second.heard('resume')).toBe(false)
    expect(session.ended).toBe(false)
  })

  it('acknowledges answers', async () => {
    const session = await open()
    await session.release(await lockOf(session, 'a', { waitMs: 0 }))
    await first.until(() => first.received.some((line) => line.endsWith('ack:2')))
    expect(first.received).toContain('release,id:2,name:a,token:102,ack:1')
  })

  it('holds its locks from the time at which it sent `resume`, not from the answer', async () => {
    const session = await open()
    const resumeHeard = second.until(() => second.heard('resume')).then(() => instantNow())
    const heldSince = new Promise<Instant>((resolve) => {
      session.hooks = { confirmed: () => second.heard('resume') && resolve(session.localLease.limit.since) }
    })
    await first.stop()
    expect((await heldSince).monotonicMs).toBeLessThan((await resumeHeard).monotonicMs)
  })

  it('has the connection shared before it sends a word on it', async () => {
    const seen: number[] = []
    const session = await open()
    session.hooks = {
      beforeOpening: async () => {
        await sleep(50)
        seen.push(second.received.length)
      },
    }
    await first.stop()
    await second.until(() => second.heard('resume'))
    expect(seen).toEqual([0])
  })
})

describe('losing a lock', () => {
  it('is known by the deadline when no node answers any more', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    expect(await lost).toBe('deadline')
    expect(session.localLease.remainingMs()).toBe(0)
  })

  it('is not put off by a word that is not positive', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    const heard = first.received.length
    await first.until(() => first.received.length > heard)
    const { since } = session.localLease.limit
    for (const connection of first.connections) connection.say('jeopardy\n')
    expect(await lost).toBe('deadline')
    expect(session.localLease.limit.since).toBe(since)
  })

  it('is known when the cluster has ended the session', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    cluster.sessions.clear()
    for (const connection of first.connections) connection.reset()
    expect(await lost).toBe('lease-expired')
    await expect(lockOf(session, 'b', { waitMs: 0 })).rejects.toBeInstanceOf(SessionExpiredError)
  })

  it('is known when the resumed session does not hold it any more', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    cluster.lock('a').holder = null
    for (const connection of first.connections) connection.reset()
    expect(await lost).toBe('lease-expired')
    expect(session.ended).toBe(false)
  })

  it('is known by the word of the node', async () => {
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    for (const connection of first.connections) connection.say(`lost,name:a,token:${grant.token},reason:forced\n`)
    expect(await lost).toBe('forced')
  })

  it('is not undone by a later proof', async () => {
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    const lost = lossOf(session)
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    await lost
    second.mood = { kind: 'serve' }
    await second.until(() => cluster.sessions.get(session.id)?.connection != null)
    await second.until(() => session.localLease.remainingMs() > 0)
    expect(session.holds(grant)).toBe(false)
  })

  it('is not undone by a proof that comes before the timer of the deadline', async () => {
    const session = await open()
    // As when the event loop was blocked, and the answer was read in the same round as what had blocked it.
    const real = globalThis.setTimeout
    const isOfDeadline = () => new Error().stack?.includes('session/holdings') === true
    const late = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((run: () => void, ms?: number) =>
        real(run, isOfDeadline() ? 60_000 : ms)) as typeof setTimeout)
    try {
      const grant = await lockOf(session, 'a', { waitMs: 0 })
      const lost = lossOf(session)
      first.mood = { kind: 'silent' }
      second.mood = { kind: 'silent' }
      await vi.waitFor(() => expect(session.localLease.remainingMs()).toBe(0), IN_TIME)
      second.mood = { kind: 'serve' }
      expect(await lost).toBe('deadline')
      expect([session.holds(grant), session.ended]).toEqual([false, false])
    } finally {
      late.mockRestore()
    }
  })

  it('ends a wait for good when nobody can be reached', async () => {
    const session = await open({ reachMs: 200 })
    await lockOf(session, 'a', { waitMs: 0 })
    const rival = await open({ reachMs: 200 })
    const waiting = lockOf(rival, 'a', { waitMs: Number.POSITIVE_INFINITY })
    await first.until(() => first.received.some((line) => line.includes('wait:forever')))
    await Promise.all([first.stop(), second.stop()])
    await expect(waiting).rejects.toBeInstanceOf(NoEndpointError)
  })
})

describe('giving up a wait', () => {
  it('cancels the request', async () => {
    const holder = await open()
    await lockOf(holder, 'a', { waitMs: 0 })
    const session = await open()
    const abort = new AbortController()
    const waiting = lockOf(session, 'a', { waitMs: 60_000, signal: abort.signal })
    await first.until(() => cluster.lock('a').queue.length === 1)
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(cluster.lock('a').queue).toHaveLength(0)
  })

  it('undoes a grant that was on its way', async () => {
    const session = await open()
    const abort = new AbortController()
    const waiting = lockOf(session, 'a', { waitMs: 60_000, signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(cluster.holderOf('a')).toBeNull()
  })
})

describe('a grant that comes after the limit', () => {
  it('is given out only once the session is proved', async () => {
    const holder = await open()
    const grant = await lockOf(holder, 'a', { waitMs: 0 })
    const session = await open()
    const waiting = lockOf(session, 'a', { waitMs: 60_000 })
    await first.until(() => cluster.lock('a').queue.length === 1)
    // As after a pause of this process: the limit has passed, and the grant lies in the socket.
    session.localLease.confirm = () => {}
    await vi.waitFor(() => expect(session.localLease.remainingMs()).toBe(0), IN_TIME)
    await holder.release(grant)
    let given = false
    void waiting.then(() => {
      given = true
    })
    await first.until(() => cluster.lock('a').queue.length === 0)
    const heard = first.received.length
    await first.until(() => first.received.length >= heard + 4)
    expect(given).toBe(false)
    Reflect.deleteProperty(session.localLease, 'confirm')
    expect((await waiting).token).toBe(cluster.lock('a').token)
  })
})
