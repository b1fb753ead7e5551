/** The same as a user sees it: tnl-server started on a damaged directory of a cluster of one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Done, FILE_DAMAGES, HARMLESS } from './damage.js'
import type { Outcome, Surroundings } from './trial.js'
import { checkRefusal, Failure } from './verdict.js'

const PROGRAM = fileURLToPath(new URL('../../../../dist/cli/tnl-server.js', import.meta.url))
const EXIT_DAMAGED = 4
const START_LIMIT_MS = 15_000
const POLL_MS = 20
const LOCKS = 12
/** Below the ports that the system gives to outgoing connections. */
const FIRST_PORT = 14_000 + (process.pid % 200) * 10

const DAMAGES = [
  'none',
  'other-node-id',
  'flip',
  'cut',
  'zero',
  'swap',
  'delete',
  'older',
  'foreign-directory',
] as const

/** `damaged` as the exit status and the words on stderr tell it. */
const kindOf = (message: string): string => (message.includes('is damaged') ? 'damaged' : 'foreign')

class Server {
  readonly #child: ChildProcess
  readonly #port: number
  #stderr = ''

  constructor(directory: string, port: number, nodeId = 'n1') {
    this.#port = port
    const where = ['--port', String(port), '--peer-listen', `127.0.0.1:${port + 1}`, '--http', 'off']
    const words = [PROGRAM, '--data-dir', directory, '--node-id', nodeId, ...where]
    this.#child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk)
    })
  }

  get stderr(): string {
    return this.#stderr
  }

  get status(): number | null {
    return this.#child.exitCode
  }

  /** Takes and frees a lock; its token, or null once the server has ended. */
  async token(name: string): Promise<number | null> {
    const limit = Date.now() + START_LIMIT_MS
    while (Date.now() < limit) {
      if (this.#child.exitCode !== null) {
        await this.kill()
        return null
      }
      const answer = await this.#ask(`lock,name:${name},fence:yes`)
      const token = /^ok,token:(\d+)/.exec(answer)?.[1]
      if (token !== undefined) return Number(token)
      await sleep(POLL_MS)
    }
    throw new Failure(`the server neither serves nor ends: ${this.#stderr}`)
  }

  /** Resolves when it is gone and its last words were read. */
  async kill(): Promise<void> {
    const closed = this.#child.stderr?.readableEnded === true ? null : once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }

  /** The first words of the answer; empty if there is none. */
  #ask(line: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1', () => socket.write(`${line}\n`))
      socket.setTimeout(START_LIMIT_MS, () => socket.destroy())
      socket.once('data', (data) => {
        resolve(String(data))
        socket.end()
      })
      socket.on('error', () => undefined)
      socket.once('close', () => resolve(''))
    })
  }
}

/** The directory of a server that was killed twice, what it was before the second life, and the last token it gave. */
export class ServerTemplate {
  lastToken = 0

  private constructor(
    readonly directory: string,
    readonly earlier: string,
    readonly port: number,
  ) {}

  static async make(base: string, worker: number): Promise<ServerTemplate> {
    const template = new ServerTemplate(join(base, 'server'), join(base, 'server-earlier'), FIRST_PORT + worker * 2)
    for (let life = 0; life < 2; life++) {
      if (life === 1) cpSync(template.directory, template.earlier, { recursive: true })
      const server = new Server(template.directory, template.port)
      for (let i = 0; i < LOCKS; i++) {
        const token = await server.token(`lock-${i}`)
        if (token === null) throw new Error(`the server ended on a sound directory: ${server.stderr}`)
        template.lastToken = token
      }
      await server.kill()
    }
    return template
  }
}

export async function runServerTrial(
  { base, other, random }: Surroundings,
  template: ServerTemplate,
  notes: string[],
): Promise<Outcome> {
  const directory = join(base, 'data')
  mkdirSync(directory)
  cpSync(template.directory, directory, { recursive: true })
  const damage = random.pick(DAMAGES)
  const row = `tnl-server ${damage}`
  const isOtherNode = damage === 'other-node-id'
  let done: Done | null = null
  if (damage !== 'none' && !isOtherNode) {
    for (let i = 0; done === null && i < 20; i++) {
      done = FILE_DAMAGES[damage]({ directory, earlier: template.earlier, other }, random)
    }
    if (done === null) return { row, result: 'skipped' }
    notes.push(done.words)
  }
  const server = new Server(directory, template.port, isOtherNode ? 'n2' : 'n1')
  try {
    const token = await server.token('lock-0')
    if (token !== null) {
      const isEmptied = damage === 'foreign-directory'
      if (isOtherNode) throw new Failure('it serves with the directory of another node')
      if (token <= template.lastToken && !isEmptied) throw new Failure(`token ${token} after ${template.lastToken}`)
      return { row, result: 'whole' }
    }
    const message = server.stderr
    if (server.status !== EXIT_DAMAGED) throw new Failure(`exit status ${server.status}: ${message}`)
    if (damage === 'none' || (done?.kinds.length === 1 && done.kinds.every((kind) => HARMLESS.has(kind)))) {
      throw new Failure(`refused, though nothing that matters was damaged: ${message}`)
    }
    const refusal = { kind: kindOf(message), message }
    if (!isOtherNode) checkRefusal(refusal, ['damaged', 'foreign'], directory)
    return { row, result: refusal }
  } finally {
    if (server.status === null) await server.kill()
  }
}
