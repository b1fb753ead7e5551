import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import type { RegisterAnswer, RegisterRequest } from './register.js'

/** A connection to the register. No fault of a run touches it. */
export class RegisterClient {
  readonly #socket: Socket
  readonly #answers: Interface

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#answers = createInterface({ input: socket })
  }

  static async open(port: number): Promise<RegisterClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new RegisterClient(socket)
  }

  async ask(request: RegisterRequest): Promise<RegisterAnswer> {
    const answer = once(this.#answers, 'line')
    this.#socket.write(`${JSON.stringify(request)}\n`)
    const [line] = await answer
    return JSON.parse(String(line)) as RegisterAnswer
  }

  close(): void {
    this.#socket.destroy()
  }
}
