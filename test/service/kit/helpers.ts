import { expect } from 'vitest'
import { encodeCommand } from '../../../src/locks/commands/codec.js'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { Cluster, type ClusterOptions } from './cluster.js'
import type { FakeNode } from './node.js'
import type { FakeSocket } from './socket.js'

export const L = 10_000

export function started(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ leaseMs: L, ...options })
  cluster.start()
  return cluster
}

export function lock(node: FakeNode, name: string, more = ''): FakeSocket {
  const socket = node.connect()
  socket.send(`lock,name:${name}${more}\n`)
  node.world.advance(30)
  return socket
}

export function expire(cluster: Cluster, node: string): Uint8Array {
  const epoch = cluster.node(0).machine.currentEpoch(node)
  return encodeCommand({ type: CommandType.expireNode, node, epoch })
}

export function session(node: FakeNode): FakeSocket {
  const socket = node.connect()
  socket.send('hello,version:2,redirect:no,lease:60\n')
  node.world.advance(30)
  expect(socket.text).toMatch(/^welcome/)
  return socket
}
