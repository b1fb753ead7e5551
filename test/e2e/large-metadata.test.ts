/** Much metadata in the log and in the state: memory is bounded while it comes, and when all nodes start again with it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Client, connect, RefusedError } from '../../src/client/index.js'
import { residentMegabytes } from '../hardening/heavy-load.js'
import { TestCluster } from '../kit/process-cluster.js'

const CLIENTS = 6
/** About what the library takes. 18 MB in the state of every node; the log has them once more. */
const METADATA = 'm'.repeat(3_000)
const LOCKS_PER_CLIENT = 1_000
/** So many of a client are asked for at once. */
const BATCH = 250
/**
 * What a node of that state, its window of the log, a snapshot under way and V8's garbage may have. With more metadata than an
 * end-to-end test has time for: `npm run hardening -- --only large-locks`.
 */
const RESIDENT_MEGABYTES = 400
const SAMPLE_MS = 100
/** Longer than all nodes are away. */
const LEASE_MS = 60_000

let cluster: TestCluster
beforeEach(async () => {
  cluster = await TestCluster.start()
})
afterEach(() => cluster.stop())

/** The highest resident memory of a node while `work` is done. */
async function peakDuring(work: () => Promise<void>): Promise<number> {
  let peak = 0
  const sample = async (): Promise<void> => {
    const sizes = await Promise.all(cluster.nodes.map((node) => residentMegabytes(node).catch(() => 0)))
    peak = Math.max(peak, ...sizes)
  }
  const timer = setInterval(() => void sample(), SAMPLE_MS)
  try {
    await work()
    await sample()
  } finally {
    clearInterval(timer)
  }
  return peak
}

/** Of the library, so that a session that a busy machine cuts off resumes. */
async function takeLocks(number: number): Promise<Client> {
  const client = await connect({ endpoints: cluster.endpoints, lease: LEASE_MS, reach: LEASE_MS })
  const take = async (name: string): Promise<void> => {
    for (;;) {
      try {
        await client.acquire(name, { metadata: METADATA })
        return
      } catch (error) {
        // More than can be stored soon: it was not taken.
        if (!(error instanceof RefusedError && error.serverCode === 'busy')) throw error
        await sleep(SAMPLE_MS)
      }
    }
  }
  for (let first = 0; first < LOCKS_PER_CLIENT; first += BATCH) {
    await Promise.all(Array.from({ length: BATCH }, (_, n) => take(`c${number}-${first + n}`)))
  }
  return client
}

it('is kept with bounded memory, by running nodes and by nodes that were killed', async () => {
  const clients: Client[] = []
  const whileTaken = await peakDuring(async () => {
    clients.push(...(await Promise.all(Array.from({ length: CLIENTS }, (_, number) => takeLocks(number)))))
  })
  expect(whileTaken).toBeLessThan(RESIDENT_MEGABYTES)

  for (const node of cluster.nodes) node.signal('SIGKILL')
  await Promise.all(cluster.nodes.map((node) => node.ended()))
  const whileStarted = await peakDuring(async () => {
    for (const node of cluster.nodes) node.start()
    await cluster.untilAllServe()
  })
  expect(whileStarted).toBeLessThan(RESIDENT_MEGABYTES)
  const status = await cluster.node(0).status()
  expect(status?.lock_count).toBe(CLIENTS * LOCKS_PER_CLIENT)
  // Their locks go with them, so the nodes are gone first.
  await cluster.stop()
  await Promise.all(clients.map((client) => client.close().catch(() => undefined)))
})
