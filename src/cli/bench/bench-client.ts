import type { Socket } from 'node:net'
import { type HostPort, parseHostPort } from '../../address.js'
import type { Credentials } from '../../client/security/credentials.js'
import { type LinkChannel, openSocket } from '../../client/transport/link-socket.js'
import { PROTOCOL_VERSION } from '../../protocol/limits.js'
import { formatLine, parseLine } from '../../protocol/line.js'
import type { ExclusionCheck } from './exclusion-check.js'
import type { LatencyRecorder } from './percentiles.js'

export type Dialect = 'classic' | 'session'

/** What all clients of one bench share. */
export interface BenchRun {
  readonly dialect: Dialect
  readonly credentials: Credentials
  readonly check: ExclusionCheck
  readonly lockLatency: LatencyRecorder
  readonly unlockLatency: LatencyRecorder
  /** False during the warm-up: then nothing is counted. */
  measuring: boolean
  stopping: boolean
  cycles: number
  errors: number
  firstError: string | null
}

const RETRY_DELAY_MS = 100

/** One client in a closed loop: lock, unlock, and again. Callbacks throughout: promises would be measured as well. */
export class BenchClient {
  readonly #run: BenchRun
  readonly #number: number
  /** Where this client goes: an endpoint of its own, or the leader once it was sent there (session dialect). */
  #endpoint: HostPort
  readonly #name: string
  /** The first line where there is no token: made once, because it would be measured as well. */
  readonly #opening: string
  #socket: Socket | null = null
  /** While the connection is being made. */
  #giveUp: (() => void) | null = null
  #rest = ''
  #sentMs = 0
  #lastId = 0
  #holding = false
  /** The classic dialect ends a connection with each release, as it should. */
  #released = false
  #redirected = false
  #onStopped: (() => void) | null = null

  constructor(run: BenchRun, number: number, endpoint: HostPort, name: string) {
    this.#run = run
    this.#number = number
    this.#endpoint = endpoint
    this.#name = name
    this.#opening = this.#openingLine()
  }

  start(): void {
    this.#rest = ''
    this.#released = false
    this.#redirected = false
    this.#sentMs = performance.now()
    const giveUp = openSocket(this.#endpoint, this.#run.credentials.material, {
      opened: (channel) => this.#opened(channel),
      failed: (error) => {
        this.#failed(error.message)
        this.#closed()
      },
    })
    this.#giveUp = () => {
      giveUp()
      this.#closed()
    }
  }

  #opened({ tcp, stream, isSecure }: LinkChannel<Socket>): void {
    this.#giveUp = null
    this.#socket = stream
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => this.#data(text))
    stream.on('error', (error) => this.#failed(error.message))
    stream.on('end', () => stream.writableEnded || stream.end())
    stream.on('close', () => this.#closed())
    try {
      stream.write(this.#run.credentials.hasToken ? this.#openingWithToken(tcp, isSecure) : this.#opening)
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error))
      stream.destroy()
    }
  }

  #openingWithToken(tcp: Socket, isSecure: boolean): string {
    const { host, port } = this.#endpoint
    const remote = { host: tcp.remoteAddress ?? host, port }
    return this.#openingLine(this.#run.credentials.authOn({ isSecure, remote }))
  }

  #openingLine(auth?: string): string {
    return this.#run.dialect === 'session'
      ? formatLine('hello', { version: PROTOCOL_VERSION, auth })
      : formatLine('lock', { name: this.#name, wait: 'forever', fence: 'yes', auth })
  }

  /** `done` is called once the connection is gone. */
  stop(done: () => void): void {
    if (this.#socket === null && this.#giveUp === null) {
      done()
      return
    }
    this.#onStopped = done
    if (this.#socket === null) {
      this.#giveUp?.()
      return
    }
    this.#socket.end()
    this.#socket.destroySoon()
  }

  #data(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  #line(text: string): void {
    const word = /^[^,]*/.exec(text)?.[0]
    if (word === 'ok') this.#granted(parseLine(text)?.number('token') ?? 0)
    else if (word === 'released') this.#unlocked()
    else if (word === 'welcome') this.#lock()
    else if (word === 'redirect') this.#follow(parseLine(text)?.get('address') ?? '')
    else if (word !== 'queued' && word !== 'jeopardy' && word !== 'safe') this.#failed(text)
  }

  #follow(address: string): void {
    this.#endpoint = parseHostPort(address)
    this.#redirected = true
    this.#socket?.end()
  }

  #lock(): void {
    this.#sentMs = performance.now()
    this.#socket?.write(`lock,id:${this.#nextId()},name:${this.#name},wait:forever,ack:${this.#lastId - 1}\n`)
  }

  #granted(token: number): void {
    const { check, measuring, lockLatency, dialect } = this.#run
    check.granted(this.#name, this.#number, token)
    this.#holding = true
    const nowMs = performance.now()
    if (measuring) lockLatency.add(nowMs - this.#sentMs)
    this.#sentMs = nowMs
    this.#free()
    if (dialect === 'classic') this.#socket?.write('release\n')
    else this.#socket?.write(`release,id:${this.#nextId()},name:${this.#name},ack:${this.#lastId - 1}\n`)
  }

  #unlocked(): void {
    const run = this.#run
    this.#released = true
    if (run.measuring) {
      run.unlockLatency.add(performance.now() - this.#sentMs)
      run.cycles += 1
    }
    if (run.dialect === 'session') this.#lock()
    else this.#socket?.end()
  }

  #closed(): void {
    this.#free()
    this.#socket = null
    this.#giveUp = null
    if (this.#onStopped !== null) this.#onStopped()
    else if (this.#released || this.#redirected) this.start()
    else {
      this.#failed('the connection was closed')
      setTimeout(() => this.#run.stopping || this.start(), RETRY_DELAY_MS)
    }
  }

  #free(): void {
    if (this.#holding) this.#run.check.releasing(this.#name)
    this.#holding = false
  }

  #failed(reason: string): void {
    if (this.#onStopped !== null) return
    this.#run.errors += 1
    this.#run.firstError ??= reason
  }

  #nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }
}
