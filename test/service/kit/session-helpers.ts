import { Cluster } from './cluster.js'
import type { FakeNode } from './node.js'
import type { FakeSocket } from './socket.js'

export function talk(socket: FakeSocket, ...packets: string[]): string {
  const before = socket.text.length
  for (const packet of packets) {
    socket.send(packet)
    socket.node.world.advance(20)
  }
  return socket.text.slice(before) + (socket.closed === null ? '' : '|closed')
}

export interface Opened {
  readonly socket: FakeSocket
  readonly session: string
  readonly secret: string
}

export function hello(node: FakeNode, extra = ''): Opened {
  const socket = node.connect()
  const text = talk(socket, `hello,version:2,redirect:no${extra}\n`)
  const [, session, secret] = /^welcome,session:(\d+),secret:([0-9a-f]{32}),/.exec(text) ?? []
  if (session === undefined || secret === undefined) throw new Error(`no welcome: ${text}`)
  return { socket, session, secret }
}

export function resume(node: FakeNode, { session, secret }: Opened, extra = ''): FakeSocket {
  const socket = node.connect()
  talk(socket, `resume,session:${session},secret:${secret}${extra}\n`)
  return socket
}

export function started(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options)
  cluster.start()
  return cluster
}

/** The same, with programs of this level on all nodes, to which the cluster has risen. */
export function startedAtLevel(level: number, options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options)
  for (const node of cluster.nodes) node.programLevel = level
  cluster.start()
  cluster.world.until(() => cluster.nodes.every(({ machine }) => machine.level === level), 10_000)
  return cluster
}

/** The token of the last hold of this name that the client was told of. */
export function tokenOf({ socket }: Opened, name: string): number {
  const told = [...socket.text.matchAll(new RegExp(`^(?:ok|held),.*name:${name},.*token:(\\d+)`, 'gm'))]
  return Number(told.at(-1)?.[1] ?? 0)
}

/** Tokens and session ids are not known beforehand. */
export function masked(text: string): string {
  return text.replace(/(token|session):\d+/g, '$1:#').replace(/secret:[0-9a-f]+/g, 'secret:#')
}
