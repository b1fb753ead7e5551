import { connect as dialTcp, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { type Alter, type NodeOptions, startProxy, TestNode, type TestProxy } from './kit.js'

/** Nodes, proxies and sockets that are closed after each test of the file that calls this. */
export function testBed() {
  const cleanups: (() => unknown)[] = []
  const cleanup = (run: () => unknown) => cleanups.push(run)
  afterEach(async () => {
    for (const run of cleanups.splice(0).reverse()) await run()
  })
  return {
    cleanup,
    start: async (id: string, options: NodeOptions = {}): Promise<TestNode> => {
      const node = new TestNode(id, options)
      cleanup(() => node.transport.close())
      return node.start()
    },
    proxyTo: async (node: TestNode, alter?: Alter): Promise<TestProxy> => {
      const proxy = await startProxy(node.transport.listenAddress(), alter)
      cleanup(() => proxy.close())
      return proxy
    },
    /** A plain socket to a node's peer port, for what no honest peer says. */
    rawTo: (node: TestNode): Socket => {
      const socket = dialTcp(Number(node.transport.listenAddress().split(':')[1]), '127.0.0.1')
      socket.on('error', () => undefined)
      cleanup(() => socket.destroy())
      return socket
    },
  }
}
