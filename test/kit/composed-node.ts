/** A node as `tnl-server` puts it together, over a fake disk, a fake network of peers and a clock that is given. */
import type { Clock } from '../../src/platform.js'
import type { Peer, Transport } from '../../src/raft/ports/transport.js'
import { NodeComposition, type Probe } from '../../src/service/composition.js'
import type { EpochRecord } from '../../src/service/lock-service.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { FakeDisk, FakeStore } from '../raft/node/fake-store.js'

export const LEASE_MS = 10_000

export const founder = (nodeId: string): Peer => ({ nodeId, raftId: 0, address: `${nodeId}:7655` })

interface Ground {
  readonly nodeId: string
  readonly founders: readonly Peer[]
  readonly seed: number
  readonly clock: Clock
  readonly transport: Transport
  readonly probe?: Probe
}

export function composedNode({ nodeId, founders, seed, clock, transport, probe }: Ground): NodeComposition {
  let records: readonly EpochRecord[] = []
  return new NodeComposition(
    {
      nodeId,
      memberUid: `uid-${nodeId}`,
      heartbeatMs: 50,
      electionTimeoutMs: 500,
      nodeLeaseMs: LEASE_MS,
      founders,
      joinAt: [],
      advertise: `${nodeId}:7654`,
      peerAddress: '',
      requestTimeoutMs: 5_000,
      maxLineBytes: 4_096,
      maxLocksPerSession: 100,
      followers: 'serve',
      allowShutdown: false,
      adminFrom: 'this machine',
    },
    {
      store: new FakeStore(new FakeDisk(), clock),
      transport,
      clock,
      random: new SeededRandom(seed),
      records: {
        bootId: 'boot',
        lockIdentity: nodeId,
        localFs: true,
        load: async () => records,
        store: async (kept) => {
          records = kept
        },
      },
      log: () => undefined,
      describe: () => ({}),
      greet: async () => ({ kind: 'unreachable', detail: 'not greeted here' }),
      shutdown: () => undefined,
      onRunning: () => undefined,
      onLease: () => undefined,
      onLeader: () => undefined,
      onStored: () => undefined,
      onFatal: (error) => {
        throw error
      },
    },
    probe,
  )
}
