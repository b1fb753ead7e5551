/** The resource that locks protect, in the process of the harness: versioned registers, behind a port on loopback. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface RegisterRequest {
  readonly f: 'read' | 'write'
  readonly name: string
  /** Of the lock under which the client works. */
  readonly token: number
}

export interface RegisterAnswer {
  /** A greater token has been seen; nothing was read or written. */
  readonly isRefused: boolean
  /** How often the register has been written, this write included. */
  readonly version: number
}

interface Cell {
  version: number
  highestToken: number
}

export class RegisterServer {
  readonly #cells = new Map<string, Cell>()
  readonly #sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    /** Refuses whoever comes with a lower token than the greatest that it has seen. */
    private readonly isFenced: boolean,
  ) {}

  static async open(isFenced: boolean): Promise<RegisterServer> {
    const server = createServer()
    const register = new RegisterServer(server, isFenced)
    server.on('connection', (socket) => register.#serve(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return register
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  handle({ f, name, token }: RegisterRequest): RegisterAnswer {
    const cell = this.#cells.get(name) ?? { version: 0, highestToken: 0 }
    this.#cells.set(name, cell)
    if (this.isFenced && token < cell.highestToken) return { isRefused: true, version: cell.version }
    cell.highestToken = Math.max(cell.highestToken, token)
    if (f === 'write') cell.version += 1
    return { isRefused: false, version: cell.version }
  }

  close(): void {
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    const lines = createInterface({ input: socket })
    // It repeats the error of its socket: a client was killed.
    lines.on('error', () => {})
    lines.on('line', (line) => {
      socket.write(`${JSON.stringify(this.handle(JSON.parse(line) as RegisterRequest))}\n`)
    })
  }
}
