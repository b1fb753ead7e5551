/** A client that is not on this machine: in a network namespace of its own, which has a loopback of its own too. */
import { spawn } from 'node:child_process'
import { NetworkNamespace } from './network-namespace.js'
import { inTime } from './wire.js'

/** Says a line, waits for a line of the answer, says the next. Prints the answers; fewer if the node closes. */
const CLIENT = `
const [host, port, ...lines] = process.argv.slice(1)
const socket = require('node:net').connect({ host, port: Number(port) })
const reader = require('node:readline').createInterface({ input: socket })
const next = () => (lines.length === 0 ? process.exit(0) : socket.write(lines.shift() + '\\n'))
reader.on('line', (line) => process.stdout.write(line + '\\n', next))
socket.on('end', () => process.exit(0))
socket.on('error', (error) => process.stderr.write(String(error), () => process.exit(1)))
next()
`

/** Addresses that jepsen-lite does not use; test files run side by side. */
const NETWORK = `10.214.${process.pid % 256}`

export class SecondMachine {
  readonly #room: NetworkNamespace

  private constructor(room: NetworkNamespace) {
    this.#room = room
  }

  /** Why there can be none here; null if there can. */
  static trouble(): string | null {
    return NetworkNamespace.trouble()
  }

  static open(): SecondMachine {
    const { pid } = process
    const names = { namespace: `tnl-second-${pid}`, outside: `tnl2o${pid}`, device: `tnl2i${pid}`, network: NETWORK }
    return new SecondMachine(NetworkNamespace.open(names))
  }

  /** What the node at `port` of this machine answers to each of `lines`, one after the other. */
  async converse(port: number, lines: readonly string[]): Promise<string[]> {
    const [program = '', ...words] = this.#room.launcher
    const client = [process.execPath, '--eval', CLIENT, this.#room.outerHost, String(port), ...lines]
    const child = spawn(program, [...words, ...client], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [said, trouble] = ['', '']
    child.stdout.on('data', (chunk) => {
      said += String(chunk)
    })
    child.stderr.on('data', (chunk) => {
      trouble += String(chunk)
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    try {
      const status = await inTime(`answers to ${lines.join(' ')}`, ended)
      if (status !== 0) throw new Error(`the client on the second machine: ${trouble}`)
    } finally {
      child.kill('SIGKILL')
    }
    return said.split('\n').slice(0, -1)
  }

  remove(): void {
    this.#room.remove()
  }
}
