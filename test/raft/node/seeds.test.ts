/** How directories with a seed become a cluster: only with each other, at one time, under an id that was never there before. */
import { pack, unpack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { Bootstrap, type BootstrapDeps, formationHash } from '../../../src/raft/node/membership/bootstrap.js'
import { judgePeer } from '../../../src/raft/node/membership/peer-verdict.js'
import type { LogStore, Seed } from '../../../src/raft/ports/store.js'
import type { Announcement, BootstrapRecord } from '../../../src/raft/wire/control-messages.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { helloOf } from '../../kit/hello.js'

const PEERS = ['n1', 'n2', 'n3'].map((nodeId) => ({ nodeId, raftId: 0, address: `${nodeId}:1` }))
const settle = () => new Promise(setImmediate)

function seedOf(change: Partial<Seed> = {}): Seed {
  return {
    ...{ seal: 'a'.repeat(64), index: 9, leastUnixSeconds: 5, plantedUnixSeconds: 6, nodeLeaseMs: 7_000 },
    open: () => Promise.reject(new Error('not read here')),
    forget: async () => undefined,
    ...change,
  }
}

function node(nodeId: string, seed: Seed | null, wallMs = 50_000) {
  const { clock } = new VirtualClock(settle).forProcess()
  const said: Announcement[] = []
  const formed: BootstrapRecord[] = []
  const errors: unknown[] = []
  const records = new Map<string, unknown>()
  const deps: BootstrapDeps = {
    nodeId,
    members: PEERS.map((peer) => peer.nodeId),
    listHash: formationHash(PEERS, seed),
    nodeLeaseMs: 10_000,
    seed,
    store: { putRecord: async (key: string, value: Uint8Array) => void records.set(key, value) } as unknown as LogStore,
    clock: { ...clock, wallNow: () => wallMs },
    random: new SeededRandom(1),
    send: (_to, payload) => void said.push(unpack(payload) as Announcement),
    onFormed: (record) => void formed.push(record),
    onError: (error) => void errors.push(error),
  }
  const bootstrap = new Bootstrap(deps, null)
  bootstrap.start()
  return { bootstrap, said, formed, errors, records }
}

/** What the founder says once it has stored what it proposes. */
async function foundedBy(seed: Seed | null, wallMs?: number): Promise<Announcement> {
  const { said } = node('n1', seed, wallMs)
  await settle()
  const [first] = said
  if (first === undefined) throw new Error('nothing was said')
  return first
}

describe('the founder', () => {
  it('takes the lease of the saved cluster, and the latest of clock, planting and what tokens need', async () => {
    const time = async (change: Partial<Seed>, wallMs: number) =>
      (await foundedBy(seedOf(change), wallMs)).createdUnixSeconds
    expect(await foundedBy(seedOf())).toMatchObject({ nodeLeaseMs: 7_000, createdUnixSeconds: 50 })
    expect(await time({ plantedUnixSeconds: 60 }, 50_000)).toBe(60)
    expect(await time({ leastUnixSeconds: 70 }, 50_000)).toBe(70)
    expect(await foundedBy(null)).toMatchObject({ nodeLeaseMs: 10_000, createdUnixSeconds: 50 })
  })
})

describe('another node', () => {
  it('stores what the founder says if both have the same seed', async () => {
    const { bootstrap, said, errors } = node('n2', seedOf())
    const announced = await foundedBy(seedOf())
    bootstrap.handle('n1', announced)
    await settle()
    expect(said[0]).toMatchObject({ clusterId: announced.clusterId, createdUnixSeconds: 50 })
    expect(errors).toEqual([])
  })

  it.each([
    ['another seed', seedOf({ seal: 'b'.repeat(64) })],
    ['no seed', null],
  ])('stores nothing of one with %s', async (_, seed) => {
    const { bootstrap, records, errors } = node('n2', seedOf())
    bootstrap.handle('n1', await foundedBy(seed))
    await settle()
    expect([records.size, errors]).toEqual([0, []])
  })

  it('ends where tokens would be given again that its own directory knows of', async () => {
    const { bootstrap, records, errors } = node('n2', seedOf({ leastUnixSeconds: 51 }))
    bootstrap.handle('n1', await foundedBy(seedOf(), 50_000))
    await settle()
    expect(records.size).toBe(0)
    expect(errors).toEqual([
      expect.objectContaining({
        kind: 'foreign',
        message: expect.stringMatching(/^n1 would begin .* at unix time 50, and tokens of up to 51 were given: /),
      }),
    ])
    const other = node('n2', seedOf({ leastUnixSeconds: 50 }))
    other.bootstrap.handle('n1', await foundedBy(seedOf(), 50_000))
    await settle()
    expect(other.records.size).toBe(1)
  })

  it('without a seed takes what it took before', async () => {
    const { bootstrap, records } = node('n2', null)
    bootstrap.handle('n1', unpack(pack(await foundedBy(null))) as Announcement)
    await settle()
    expect(records.size).toBe(1)
  })
})

it('two with one list and other seeds are told apart from two with other lists', () => {
  const hello = (peers: typeof PEERS, seed: Seed | null, nodeId = 'n2') =>
    helloOf({ nodeId, clusterId: '', raftId: 0, empty: true, listHash: formationHash(peers, seed) })
  const words = (peers: typeof PEERS, seed: Seed | null): string => {
    const verdict = judgePeer(
      {
        hello: hello(PEERS, seedOf(), 'n1'),
        leads: false,
        knowledge: () => 'unsure',
        admitsOnlyMembers: false,
        forgottenBy: () => null,
        member: () => null,
        phase: 'forming',
      },
      hello(peers, seed),
    )
    return verdict.accept ? 'accepted' : verdict.refusal.message
  }
  expect(words(PEERS, seedOf())).toBe('accepted')
  for (const other of [null, seedOf({ seal: 'b'.repeat(64) })]) {
    expect(words(PEERS, other)).toMatch(/^n2 and n1 do not begin with the same saved snapshot: .*tnl snapshot restore/)
  }
  expect(words(PEERS.slice(1), seedOf())).toMatch(/another --cluster list/)
})
