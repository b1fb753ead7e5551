import { afterEach, beforeEach, expect, it } from 'vitest'
import type { LostReason } from '../../../src/client/errors.js'
import { ClassicSession } from '../../../src/client/session/classic-session.js'
import { parseEndpoints } from '../../../src/client/transport/endpoints.js'
import { FakeCluster, type FakeNode } from '../fake-server.js'
import { lockOf } from '../lock-of.js'

let cluster: FakeCluster
let node: FakeNode
let session: ClassicSession

beforeEach(async () => {
  cluster = new FakeCluster()
  node = await cluster.addNode()
  node.mood = { kind: 'classic' }
  const endpoints = parseEndpoints(node.address)
  session = new ClassicSession({ endpoints, leaseMs: 600, lingerMs: 0, reachMs: 1_000 })
})

afterEach(async () => {
  await session.close()
  await cluster.close()
})

const loss = (): Promise<LostReason> =>
  new Promise((resolve) => {
    session.hooks = { lost: (_, reason) => resolve(reason) }
  })

it('an original server that says nothing any more is left, and its lock is lost', async () => {
  await lockOf(session, 'a', { waitMs: 0 })
  const lost = loss()
  node.mood = { kind: 'silent' }
  expect(await lost).toBe('disconnected')
  expect(session.link).toBeNull()
})

it('the end of the connection to an original server is the loss of its lock', async () => {
  await lockOf(session, 'a', { waitMs: 0 })
  const lost = loss()
  for (const connection of node.connections) connection.close()
  expect(await lost).toBe('disconnected')
})

it('a lock of an original server is asked for again until it is free, or the wait is given up', async () => {
  const other = new ClassicSession({
    endpoints: parseEndpoints(node.address),
    leaseMs: 600,
    lingerMs: 0,
    reachMs: 1_000,
  })
  const held = await lockOf(other, 'a', { waitMs: 0 })
  const abort = new AbortController()
  const given = lockOf(session, 'a', { waitMs: 60_000, signal: abort.signal })
  await node.until(() => node.received.filter((line) => line.startsWith('lock')).length === 2)
  abort.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  await other.release(held)
  expect((await lockOf(session, 'a', { waitMs: 60_000 })).token).toBeNull()
})
