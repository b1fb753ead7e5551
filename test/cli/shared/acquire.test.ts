import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AcquireRequest, acquireLocks } from '../../../src/cli/shared/acquire.js'
import { ProgramLog, Verbosity } from '../../../src/cli/shared/log.js'
import { NoEndpointError, NotGrantedError } from '../../../src/client/errors.js'
import type { LockSession } from '../../../src/client/session/lock-session.js'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { FakeCluster, type FakeNode } from '../../client/fake-server.js'

/** A slow machine is given time. */
const IN_TIME = { timeout: 20_000 }

const LEASE_MS = 600

let cluster: FakeCluster
let node: FakeNode
const sessions: LockSession[] = []
const log = new ProgramLog('test', Verbosity.quiet)
let said: string[] = []

beforeEach(async () => {
  cluster = new FakeCluster(LEASE_MS / 1000)
  node = await cluster.addNode()
  said = []
  vi.spyOn(log, 'error').mockImplementation((text) => said.push(text))
})

afterEach(async () => {
  node.mood = { kind: 'serve' }
  await Promise.all(sessions.splice(0).map((session) => session.close()))
  await cluster.close()
})

function acquire(
  request: Partial<AcquireRequest>,
  session: Partial<AcquireRequest['session']> = {},
): ReturnType<typeof acquireLocks> {
  const endpoints = parseEndpoints(cluster.endpoints)
  const options = { endpoints, leaseMs: 10_000, lingerMs: 0, reachMs: 200, ...session }
  const standard = {
    asks: [{ name: 'x', amount: 'exclusive' as const }],
    waitMs: 0,
    retries: 0,
    retryWaitMs: 0,
    tellsHolder: false,
  }
  return acquireLocks({ ...standard, ...request, session: options }, log, (opened) => sessions.push(opened))
}

const outlast = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('an outage that outlasts the time to reach a node', () => {
  it.each([
    ['while the session lives', true],
    ['and the session', false],
  ])('does not end a wait for the lock, %s', async (_, sessionLives) => {
    // Of somebody whom the outage does not touch.
    cluster.lock('x').holder = cluster.strange()
    const waiting = acquire({ waitMs: Number.POSITIVE_INFINITY }, { resumeMs: Number.POSITIVE_INFINITY })
    await node.until(() => cluster.lock('x').queue.length === 1)
    const place = cluster.lock('x').queue[0]?.session
    await node.stop()
    await outlast(2 * LEASE_MS)
    if (!sessionLives && place !== undefined) cluster.end(place)
    await node.listen()
    await node.until(() => (cluster.lock('x').queue[0]?.session.connection ?? null) !== null)
    expect(cluster.lock('x').queue[0]?.session === place).toBe(sessionLives)
    cluster.free('x')
    expect((await waiting).grants[0]?.token).toBe(cluster.lock('x').token)
  })

  it('and the session is followed by a search for a node that lasts as long as the wait', async () => {
    cluster.lock('x').holder = cluster.strange()
    // A newcomer who does not wait for a node asks each of them once.
    const waiting = acquire({ waitMs: Number.POSITIVE_INFINITY }, { reachMs: 0, resumeMs: Number.POSITIVE_INFINITY })
    await node.until(() => cluster.lock('x').queue.length === 1)
    const place = cluster.lock('x').queue[0]?.session
    const connection = place?.connection
    if (place !== undefined) cluster.end(place)
    connection?.reset()
    await node.until(() => node.heard('resume'))
    node.mood = { kind: 'say', words: 'err,code:busy\n' }
    const hellos = (): number => node.received.filter((line) => line.startsWith('hello')).length
    // That of the session which has ended, and two in vain.
    await Promise.race([waiting, node.until(() => hellos() >= 3)])
    node.mood = { kind: 'serve' }
    cluster.free('x')
    expect((await waiting).grants[0]?.token).toBe(cluster.lock('x').token)
  })

  it('ends a wait when its time is over, and the place in the queue with it', async () => {
    await acquire({})
    const waiting = acquire({ waitMs: 300 }, { resumeMs: 60_000 })
    waiting.catch(() => {})
    await node.until(() => cluster.lock('x').queue.length === 1)
    node.mood = { kind: 'silent' }
    await expect(waiting).rejects.toBeInstanceOf(NotGrantedError)
  })
})

describe('looking for a node', () => {
  it('is told on request as long as it goes on', async () => {
    await node.stop()
    const waiting = acquire({ waitMs: 60_000, tellsHolder: true }, { reachMs: 60_000 })
    await vi.waitFor(() => expect(said.join()).toMatch(/no node answers .*ECONNREFUSED.*; trying on/), IN_TIME)
    await node.listen()
    await waiting
    expect(said).toHaveLength(1)
  })

  it('ends at once where nobody listens, for who does not want to wait', async () => {
    await node.stop()
    await expect(acquire({}, { reachMs: 3_600_000, refusalIsFinal: true })).rejects.toBeInstanceOf(NoEndpointError)
  })
})

describe('who does not get the lock', () => {
  it('says bye', async () => {
    await acquire({})
    await expect(acquire({})).rejects.toBeInstanceOf(NotGrantedError)
    expect(node.heard('bye')).toBe(true)
    expect(cluster.sessions.size).toBe(1)
  })
})
