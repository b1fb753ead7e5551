/** The rings of the house, from the inside out: one table, which the tests enforce and ARCHITECTURE.md shows. */

export interface Ring {
  readonly folder: string
  readonly holds: string
  /** What it may import, beside its own files: folders and files of `src`, and packages. */
  readonly knows: readonly string[]
  /** Packages and `node:` modules; '*' means any. */
  readonly packages: readonly string[]
  /** `pure`: no promises either. `still`: no clock, randomness, timers, sockets or disk of its own. */
  readonly kind: 'pure' | 'still' | 'machine'
}

/** Small things without a home in a ring: every ring may know them. */
export const BASE = [
  'src/address.ts',
  'src/bytes/',
  'src/digest.ts',
  'src/feature-level.ts',
  'src/invariant.ts',
  'src/platform.ts',
  'src/version.ts',
] as const

const PORTS = ['src/raft/core/types.ts', 'src/raft/ports/', 'src/raft/limits.ts']

export const RINGS: readonly Ring[] = [
  { folder: 'src/bytes/', holds: 'readers and writers of bytes', knows: [], packages: [], kind: 'pure' },
  { folder: 'src/raft/core/', holds: 'consensus', knows: [], packages: [], kind: 'pure' },
  {
    folder: 'src/locks/',
    holds: 'the replicated state machine',
    knows: ['src/raft/core/types.ts', 'src/raft/ports/'],
    packages: [],
    kind: 'pure',
  },
  { folder: 'src/protocol/', holds: 'the line protocol, for both ends', knows: [], packages: [], kind: 'pure' },
  {
    folder: 'src/raft/ports/',
    holds: 'the seams: disk, network, state machine',
    knows: ['src/raft/core/types.ts'],
    packages: [],
    kind: 'still',
  },
  {
    folder: 'src/raft/wire/',
    holds: 'what peers say to each other, as bytes',
    knows: [...PORTS, 'src/raft/core/'],
    packages: ['msgpackr'],
    kind: 'still',
  },
  {
    folder: 'src/raft/node/',
    holds: 'the driver and what surrounds it: membership, snapshots, reads',
    knows: [...PORTS, 'src/raft/core/', 'src/raft/wire/'],
    packages: ['msgpackr'],
    kind: 'still',
  },
  {
    folder: 'src/service/',
    holds: 'sessions, leases, dialects, administration: what the simulator runs',
    knows: [...PORTS, 'src/locks/', 'src/protocol/', 'src/raft/node/'],
    packages: ['re2js'],
    kind: 'still',
  },
  {
    folder: 'src/sockets/',
    holds: 'the seam to TCP, and what comes before the first line: relays, TLS',
    knows: [],
    packages: ['node:*'],
    kind: 'machine',
  },
  {
    folder: 'src/testing/',
    holds: 'virtual time, seeded chance, a network and a disk in memory',
    knows: ['src/sockets/streams.ts', 'src/raft/store/disk.ts'],
    packages: [],
    kind: 'still',
  },
  {
    folder: 'src/raft/store/',
    holds: 'the disk',
    knows: [...PORTS, 'src/raft/core/'],
    packages: ['@node-rs/crc32', 'level', 'node:*'],
    kind: 'machine',
  },
  {
    folder: 'src/raft/net/',
    holds: 'the peers',
    knows: [...PORTS, 'src/raft/wire/', 'src/sockets/'],
    packages: ['@node-rs/crc32', 'msgpackr', 'node:*'],
    kind: 'machine',
  },
  {
    folder: 'src/server/',
    holds: 'this machine: sockets, clock, configuration, HTTP, logs',
    knows: [...PORTS, 'src/locks/', 'src/protocol/', 'src/raft/', 'src/service/', 'src/sockets/'],
    packages: ['*'],
    kind: 'machine',
  },
  {
    folder: 'src/server/dashboard/page/',
    holds: 'the page of the dashboard, which runs in a browser',
    knows: ['src/server/dashboard/overview.ts'],
    packages: ['preact', 'preact/hooks'],
    kind: 'machine',
  },
  {
    folder: 'src/client/',
    holds: 'the library',
    knows: ['src/protocol/'],
    packages: ['@opentelemetry/api', 'node:*'],
    kind: 'machine',
  },
  {
    folder: 'src/test-cluster/',
    holds: 'a cluster inside the tests of others: `tcpnetlock/testing`',
    knows: ['src/client/', 'src/locks/', 'src/raft/', 'src/server/', 'src/service/', 'src/sockets/', 'src/testing/'],
    packages: ['msgpackr', 'node:*'],
    kind: 'machine',
  },
  {
    folder: 'src/cli/',
    holds: 'the programs',
    knows: ['src/client/', 'src/locks/', 'src/protocol/', 'src/raft/', 'src/server/', 'src/service/'],
    packages: ['*'],
    kind: 'machine',
  },
]

/** The table of ARCHITECTURE.md. */
export function ringTable(): string {
  const short = (path: string): string => path.replace(/\/$/, '')
  const rows = RINGS.map(({ folder, holds, knows, kind }) => {
    const known = knows.filter((path) => !knows.some((other) => other !== path && path.startsWith(other)))
    return `| \`${short(folder)}\` | ${holds} | ${kind} | ${known.map((path) => `\`${short(path).replace('src/', '')}\``).join(' ')} |`
  })
  return ['| ring | holds | kind | may know |', '|---|---|---|---|', ...rows].join('\n')
}
