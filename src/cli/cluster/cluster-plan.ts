import { createServer } from 'node:net'
import { join } from 'node:path'
import { MAX_PORT } from '../../address.js'
import { listenOn } from '../../server/sockets/listen.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { ClusterDirectory } from './cluster-directory.js'
import type { NodePlan } from './cluster-node.js'

const FIRST_PORT = 7654
/** Distance between two nodes; between two blocks that are tried, as many nodes as a block can hold. */
const NODE_STEP = 10
const BLOCK_STEP = 100
const MAX_NODES = BLOCK_STEP / NODE_STEP
const PORTS_PER_NODE = 3

export interface ClusterPlan {
  readonly nodes: number
  /** Holds a directory and a log file for each node. */
  readonly dir: string
  readonly extraWords: readonly string[]
  /** The block of ports to take, and no other. Undefined: the first free one from `firstPort` on. */
  readonly basePort?: number | undefined
  readonly firstPort?: number
}

/** Where each node of a cluster on this machine lives. */
export async function planCluster({
  nodes,
  dir,
  extraWords,
  basePort: wanted,
  firstPort = FIRST_PORT,
}: ClusterPlan): Promise<readonly NodePlan[]> {
  if (nodes < 1 || nodes > MAX_NODES) {
    throw new CommandFailure(TnlExit.usage, `--nodes ${nodes}: must be from 1 to ${MAX_NODES}`)
  }
  if (wanted !== undefined && wanted + BLOCK_STEP > MAX_PORT) {
    throw new CommandFailure(TnlExit.usage, `--base-port ${wanted}: must be at most ${MAX_PORT - BLOCK_STEP}`)
  }
  const basePort = await choosePorts(nodes, wanted, firstPort, await ClusterDirectory.open(dir))
  const ids = Array.from({ length: nodes }, (_, index) => `n${index + 1}`)
  const portOf = (index: number): number => basePort + index * NODE_STEP
  const cluster = ids.map((id, index) => `${id}=127.0.0.1:${portOf(index) + 1}`).join(',')
  return ids.map((nodeId, index) => {
    const clientPort = portOf(index)
    const peerPort = clientPort + 1
    const httpPort = clientPort + 2
    const dataDir = join(dir, nodeId)
    const words = [
      ...['--node-id', nodeId, '--cluster', cluster, '--listen', `localhost:${clientPort}`],
      ...['--advertise', `localhost:${clientPort}`, '--peer-listen', `127.0.0.1:${peerPort}`],
      ...['--http', `127.0.0.1:${httpPort}`, '--data-dir', dataDir, ...extraWords],
    ]
    return { nodeId, clientPort, peerPort, httpPort, dataDir, logFile: join(dir, `${nodeId}.log`), words }
  })
}

async function choosePorts(
  nodes: number,
  wanted: number | undefined,
  firstPort: number,
  directory: ClusterDirectory,
): Promise<number> {
  const layout = await directory.layout()
  if (layout !== null) {
    if (layout.nodes !== nodes) {
      throw new CommandFailure(TnlExit.usage, `--nodes ${nodes}: the cluster in this directory has ${layout.nodes}`)
    }
    if (wanted !== undefined && wanted !== layout.basePort) {
      throw new CommandFailure(
        TnlExit.usage,
        `--base-port ${wanted}: the cluster in this directory has its ports from ${layout.basePort} on`,
      )
    }
    if (!(await blockIsFree(nodes, layout.basePort))) {
      throw new CommandFailure(TnlExit.usage, `a port of this cluster (${layout.basePort} and following) is in use`)
    }
    return layout.basePort
  }
  if (wanted !== undefined) {
    if (!(await blockIsFree(nodes, wanted))) {
      throw new CommandFailure(TnlExit.usage, `--base-port ${wanted}: this port or one of those that follow is in use`)
    }
    await directory.keep({ nodes, basePort: wanted })
    return wanted
  }
  for (let basePort = firstPort; basePort + BLOCK_STEP <= MAX_PORT; basePort += BLOCK_STEP) {
    if (!(await blockIsFree(nodes, basePort))) continue
    await directory.keep({ nodes, basePort })
    return basePort
  }
  throw new CommandFailure(TnlExit.failed, 'no free block of ports')
}

async function blockIsFree(nodes: number, basePort: number): Promise<boolean> {
  for (let node = 0; node < nodes; node += 1) {
    for (let offset = 0; offset < PORTS_PER_NODE; offset += 1) {
      if (!(await portIsFree(basePort + node * NODE_STEP + offset))) return false
    }
  }
  return true
}

async function portIsFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await listenOn(server, { host: '127.0.0.1', port })
  } catch {
    return false
  }
  await new Promise((resolve) => server.close(resolve))
  return true
}
