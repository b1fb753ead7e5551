/** Clients that freeze, die, come in crowds, and talk too much. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ground, NotNow } from '../ground.js'
import type { LocalNode } from '../local-node.js'
import type { Fault, Nemesis, Random } from '../types.js'

/** Well below `--max-connections`, which other clients need, too. */
const STORM_CONNECTIONS = 300
const STORM_INTERVAL_MS = 300
const FLOOD_BURST_LINES = 1_000
const FLOOD_INTERVAL_MS = 20

export const clientNemeses: readonly Nemesis[] = [
  { name: 'pause-clients', aim: async (ground, random) => pauseClients(ground, random) },
  { name: 'kill-clients', aim: async (ground, random) => killClients(ground, random) },
  { name: 'connection-storm', aim: async (ground, random) => storm(ground, random) },
  { name: 'flood', aim: async (ground, random) => flood(ground, random) },
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

/** Lines as fast as the node takes them: of a session that it knows, or of nobody. */
function flood({ nodes }: Ground, random: Random): Fault {
  const node = random.pick(nodes)
  const line = random.pick(['.keepalive', 'check,id:1,name:flood,token:1', 'nonsense', 'lock,id:1,name:flood'])
  const burst = `${line}\n`.repeat(FLOOD_BURST_LINES)
  let socket: Socket | null = null
  const send = async (): Promise<void> => {
    socket ??= dial(node, 'hello,version:2,redirect:no\n')
    if (socket.destroyed) socket = null
    // After the welcome only; and no faster than the node reads.
    else if (socket.bytesRead > 0 && !socket.writableNeedDrain) socket.write(burst)
    await sleep(FLOOD_INTERVAL_MS)
  }
  return repeated(`${node.id}: ${line}`, send, () => socket?.destroy())
}

function repeated(target: string, step: () => Promise<void>, finish: () => void = () => {}): Fault {
  let ended = false
  let loop: Promise<void> = Promise.resolve()
  return {
    target,
    begin: async () => {
      loop = (async () => {
        while (!ended) await step()
        finish()
      })()
    },
    end: async () => {
      ended = true
      await loop
    },
  }
}

/** Past the links: these clients are no part of the experiment. */
function dial(node: LocalNode, line: string): Socket {
  const socket = connect(node.directAddress)
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.write(line)
  return socket
}
