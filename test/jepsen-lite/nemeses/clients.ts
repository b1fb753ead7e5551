/** Clients that freeze, die, come in crowds, and talk too much. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'
import { repeated } from './repeated.js'

/** Well below `--max-connections`, which other clients need, too. */
const STORM_CONNECTIONS = 300
const STORM_INTERVAL_MS = 300
/** A few clients that are busy, up to many: what one may take is bounded, what all of them take has to be as well. */
const FLOOD_CLIENTS = [1, 4, 16, 64] as const
const FLOOD_BURST_LINES = 1_000
const FLOOD_INTERVAL_MS = 20

export const clientNemeses: readonly Nemesis[] = [
  { name: 'pause-clients', aim: async (ground, random) => pauseClients(ground, random) },
  { name: 'kill-clients', aim: async (ground, random) => killClients(ground, random) },
  { name: 'connection-storm', aim: async (ground, random) => storm(ground, random) },
  { name: 'flood', aim: flood },
]

function pauseClients({ clients }: Ground, random: Random): Fault {
  const hit = clients.some(random)
  if (hit.length === 0) throw new NotNow('no client has a process of its own')
  return {
    target: `${hit.length} processes`,
    begin: async () => {
      for (const process of hit) process.kill('SIGSTOP')
    },
    end: async () => {
      for (const process of hit) process.kill('SIGCONT')
    },
  }
}

function killClients({ clients }: Ground, random: Random): Fault {
  const hit = clients.some(random)
  if (hit.length === 0) throw new NotNow('no client has a process of its own')
  return {
    target: `${hit.length} processes`,
    begin: async () => {
      for (const process of hit) process.kill('SIGKILL')
    },
    end: async () => {},
  }
}

/** Crowds of connections; each asks for a lock of its own, and is gone without a word. */
function storm({ nodes }: Ground, random: Random): Fault {
  const node = random.pick(nodes)
  const wave = async (): Promise<void> => {
    const sockets = Array.from({ length: STORM_CONNECTIONS }, (_, number) => dial(node, `lock,name:storm-${number}\n`))
    await sleep(STORM_INTERVAL_MS)
    for (const socket of sockets) random.chance(0.5) ? socket.resetAndDestroy() : socket.destroy()
  }
  return repeated(node.id, wave)
}

/** Lines as fast as the node takes them, from many clients at once; the cheapest ones cost the sender least. */
async function flood(ground: Ground, random: Random): Promise<Fault> {
  const node = random.chance(0.5)
    ? ((await ground.cluster.leader()) ?? random.pick(ground.nodes))
    : random.pick(ground.nodes)
  const count = random.pick(FLOOD_CLIENTS)
  const line = random.pick(['.keepalive', '.keepalive', 'x', 'check,id:1,name:flood,token:1', 'lock,id:1,name:flood'])
  const burst = Buffer.from(`${line}\n`.repeat(FLOOD_BURST_LINES))
  const sockets: (Socket | null)[] = Array.from({ length: count }, () => null)
  const send = async (): Promise<void> => {
    for (const [at, socket] of sockets.entries()) {
      if (socket === null || socket.destroyed) sockets[at] = dial(node, 'hello,version:2,redirect:no\n')
      // After the welcome only; and no faster than the node reads.
      else if (socket.bytesRead > 0 && !socket.writableNeedDrain) socket.write(burst)
    }
    await sleep(FLOOD_INTERVAL_MS)
  }
  const finish = (): void => {
    for (const socket of sockets) socket?.destroy()
  }
  return repeated(`${node.id}: ${count} clients, ${line}`, send, finish)
}

/** Past the links: these clients are no part of the experiment. */
function dial(node: LocalNode, line: string): Socket {
  const socket = connect(node.directAddress)
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.write(line)
  return socket
}
