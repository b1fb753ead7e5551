/** A way to a node that can be cut: from then on nothing passes in either direction, and nobody is told. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class SeverableWay {
  readonly #sockets = new Set<Socket>()
  #isCut = false

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async open(target: number): Promise<SeverableWay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const way = new SeverableWay(server, address.port)
    server.on('connection', (client) => way.#join(client, target))
    return way
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  close(): void {
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(client: Socket, target: number): void {
    this.#sockets.add(client)
    client.on('error', () => {})
    // As to a host without power.
    if (this.#isCut) return
    const node = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true })
    this.#sockets.add(node)
    node.on('error', () => {})
    pass(client, node, () => this.#isCut)
    pass(node, client, () => this.#isCut)
  }
}

function pass(from: Socket, to: Socket, isCut: () => boolean): void {
  from.on('data', (bytes) => {
    if (!isCut()) to.write(bytes)
  })
  from.on('end', () => {
    if (!isCut()) to.end()
  })
  from.on('close', () => {
    if (!isCut()) to.destroy()
  })
}
