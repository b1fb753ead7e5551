import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { inTime } from './wire.js'

/**
 * A proxy as docker-proxy or HAProxy in TCP mode is one: a connection of its own to either side, bytes and FINs passed on,
 * and a reset of one side told to the other by a FIN.
 */
export class Relay {
  readonly #sockets = new Set<Socket>()
  #nodeEnds = 0
  #changed: () => void = () => {}

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async open(target: number): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const relay = new Relay(server, address.port)
    server.on('connection', (client) => relay.#join(client, target))
    return relay
  }

  /** Resolves when the node has closed its side of `count` connections. */
  async nodeClosed(count: number): Promise<void> {
    const closed = async (): Promise<void> => {
      while (this.#nodeEnds < count) {
        await new Promise<void>((resolve) => {
          this.#changed = resolve
        })
      }
    }
    await inTime(`${count} connections closed by the node`, closed())
  }

  /** Every connection is reset on both sides; new ones are taken. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  close(): void {
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #join(client: Socket, target: number): void {
    const node = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true })
    this.#pass(client, node)
    this.#pass(node, client)
    node.on('end', () => {
      this.#nodeEnds += 1
      this.#changed()
    })
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    from.on('end', () => to.end())
    from.on('error', () => to.end())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.end()
    })
  }
}
