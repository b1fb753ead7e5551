/** How a client ends and leaves connections, so that no node takes for its word what is not (rules.md rules 4 and 5). */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NoEndpointError } from '../../src/client/errors.js'
import type { SessionHooks } from '../../src/client/session/lock-session.js'
import { ClientSession, type SessionOptions } from '../../src/client/session/session.js'
import { parseEndpoints } from '../../src/client/transport/endpoints.js'
import { formatLine, type Line, parseLine } from '../../src/protocol/line.js'
import { FakeCluster, type FakeNode } from './fake-server.js'
import { lockOf } from './lock-of.js'

/** A slow machine is given time. */
const IN_TIME = { timeout: 20_000 }

/** Keepalives every 100 ms, locks held for 490 ms without one. */
const LEASE_SECONDS = 0.6

let cluster: FakeCluster
let first: FakeNode
let second: FakeNode
const sessions: ClientSession[] = []
const strangers: FakeCluster[] = []

beforeEach(async () => {
  cluster = new FakeCluster(LEASE_SECONDS)
  first = await cluster.addNode()
  second = await cluster.addNode()
})

afterEach(async () => {
  for (const node of cluster.nodes) node.mood = { kind: 'serve' }
  await Promise.all(sessions.splice(0).map((session) => session.close()))
  await Promise.all([cluster, ...strangers.splice(0)].map((each) => each.close()))
})

async function open(options: Partial<SessionOptions> = {}, hooks: SessionHooks = {}): Promise<ClientSession> {
  const session = await ClientSession.open(
    { endpoints: parseEndpoints(cluster.endpoints), leaseMs: 10_000, lingerMs: 0, reachMs: 3_000, ...options },
    hooks,
  )
  sessions.push(session)
  return session
}

async function stranger(id: string): Promise<FakeNode> {
  const other = new FakeCluster(LEASE_SECONDS)
  other.id = id
  strangers.push(other)
  return other.addNode()
}

const linesOf = (node: FakeNode, action: string): Line[] =>
  node.received.map(parseLine).filter((line) => line !== null && line.action === action) as Line[]

describe('an opening line', () => {
  it('names this end of the connection, as the node sees it', async () => {
    await open()
    const [connection] = first.connections
    expect(linesOf(first, 'hello')[0]?.get('from')).toBe(connection?.remote)
    second.mood = { kind: 'silent' }
    connection?.reset()
    await second.until(() => second.heard('resume'))
    const remotes = [...second.connections].map(({ remote }) => remote)
    expect(remotes).toContain(linesOf(second, 'resume')[0]?.get('from'))
  })

  it('counts every resume that was sent, answered or not', async () => {
    cluster.leaseSeconds = 10
    await open()
    second.mood = { kind: 'silent' }
    const [connection] = first.connections
    first.mood = { kind: 'say', words: 'err,code:busy\n' }
    connection?.reset()
    await first.until(() => first.heard('resume'))
    first.mood = { kind: 'serve' }
    await first.until(() => [...cluster.sessions.values()].some((session) => session.connection !== null))
    const attempts = [...linesOf(second, 'resume'), ...linesOf(first, 'resume')].map((line) => line.number('attempt'))
    expect(attempts.length).toBeGreaterThanOrEqual(3)
    expect([...attempts].sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(attempts.map((_, index) => index + 1))
  })

  it('is sent again with a higher number when a later one was applied already; the session lives', async () => {
    cluster.leaseSeconds = 10
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    // So many that nobody gets there by counting.
    for (const known of cluster.sessions.values()) known.attempt = 1_000_000
    for (const connection of first.connections) connection.reset()
    await vi.waitFor(() => expect([...cluster.sessions.values()][0]?.attempt).toBe(1_000_001), IN_TIME)
    expect([session.ended, session.holds(grant)]).toEqual([false, true])
  })

  it('is answered by word of a relay: that is told', async () => {
    const notices: string[] = []
    first.welcomeFields = ',relayed:yes'
    await open({}, { notice: (text) => notices.push(text) })
    expect(notices.join()).toMatch(/relay/)
  })
})

describe('a connection that is left without bye', () => {
  it('stays, silent, until a resume elsewhere was answered, and then it is reset', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    const [left] = first.connections
    if (left === undefined) throw new Error('no connection')
    // No answer on the old connection, and a quick one on new ones.
    first.keepAlives = false
    first.mood = { kind: 'say', words: 'err,code:busy\n' }
    second.mood = { kind: 'silent' }
    await second.until(() => second.heard('resume'))
    const heard = first.received.filter((line) => !line.startsWith('resume')).length
    expect([first.connections.has(left), first.resets, first.fins.length]).toEqual([true, 0, 0])
    // An answer that comes late is nobody's any more.
    left.say('alive\n')
    second.mood = { kind: 'serve' }
    for (const connection of second.connections) connection.reset()
    await vi.waitFor(() => expect(session.link?.address).toBe(second.address), IN_TIME)
    await first.until(() => !first.connections.has(left))
    expect(first.fins).toEqual([])
    expect(first.received.filter((line) => !line.startsWith('resume'))).toHaveLength(heard)
  })

  it('is reset when this client believes nothing any more', async () => {
    const session = await open({ reachMs: 60_000 })
    await lockOf(session, 'a', { waitMs: 0 })
    first.mood = { kind: 'silent' }
    second.mood = { kind: 'silent' }
    const [connection] = first.connections
    await vi.waitFor(() => expect(session.localLease.remainingMs()).toBe(0), IN_TIME)
    await first.until(() => connection === undefined || !first.connections.has(connection))
    expect(first.resets).toBeGreaterThan(0)
    expect([first.fins.length, session.ended]).toEqual([0, false])
  })
})

describe('who is done', () => {
  it('says bye also when no connection stands at that moment', async () => {
    const session = await open()
    await lockOf(session, 'a', { waitMs: 0 })
    second.mood = { kind: 'silent' }
    first.mood = { kind: 'silent' }
    await second.until(() => second.heard('resume'))
    const closed = session.close()
    for (const connection of second.connections) connection.reset()
    second.mood = { kind: 'serve' }
    await closed
    expect(second.heard('bye')).toBe(true)
    expect(cluster.holderOf('a')).toBeNull()
  })
})

describe('another cluster', () => {
  it('is not entered by a redirect; what was opened there is given up', async () => {
    const foreign = await stranger('c2')
    first.mood = { kind: 'redirect', to: foreign.address }
    second.mood = { kind: 'redirect', to: foreign.address }
    const session = await open()
    expect([first.address, second.address]).toContain(session.link?.address)
    await foreign.until(() => foreign.heard('bye'))
    expect(foreign.cluster.sessions.size).toBe(0)
  })

  it.each([
    ['names none', { kind: 'serve' } as const],
    ['is an original server', { kind: 'classic' } as const],
    ['speaks of something else', { kind: 'say', words: 'err,code:unauthorized,message:who\n' } as const],
  ])('is not entered by a redirect either when it %s', async (_, mood) => {
    const foreign = await stranger('')
    foreign.mood = mood
    first.mood = { kind: 'redirect', to: foreign.address }
    second.mood = { kind: 'redirect', to: foreign.address }
    const session = await open()
    expect([first.address, second.address]).toContain(session.link?.address)
  })

  it('does not end a session of this one when a node says `moved` and names it', async () => {
    cluster.leaseSeconds = 10
    const foreign = await stranger('c2')
    const session = await open()
    const grant = await lockOf(session, 'a', { waitMs: 0 })
    for (const connection of first.connections) connection.say(formatLine('moved', { address: foreign.address }))
    await foreign.until(() => foreign.heard('resume'))
    await vi.waitFor(() => expect(session.link).not.toBeNull(), IN_TIME)
    expect([session.ended, session.holds(grant)]).toEqual([false, true])
  })

  it('is entered when it is what the endpoints name', async () => {
    const foreign = await stranger('c2')
    const session = await open({ endpoints: parseEndpoints(foreign.address) })
    expect(session.clusterId).toBe('c2')
    await expect(
      ClientSession.open(
        { endpoints: parseEndpoints(foreign.address), leaseMs: 10_000, lingerMs: 0, reachMs: 200 },
        {},
        undefined,
        'c1',
      ),
    ).rejects.toBeInstanceOf(NoEndpointError)
  })
})
