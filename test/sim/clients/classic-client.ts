/** A client of the classic dialect: connect, lock, hold, and leave in one of all the ways there are. */
import type { Timer } from '../../../src/platform.js'
import type { ClientConnection } from '../network/client-connection.js'
import type { Process } from '../process.js'
import { type Client, type ClientWorld, Lines } from './client.js'
import { note } from './lock-lines.js'

const KEEPALIVE_MS = 1_500
/** Without any answer for so long it gives the connection up. */
const PATIENCE_MS = 8_000
const VANISHED_MS = 20_000

type Phase = 'idle' | 'asking' | 'holding' | 'leaving'

export class ClassicClient implements Client {
  #phase: Phase = 'idle'
  #connection: ClientConnection | null = null
  #timers: Timer[] = []
  #unansweredKeepalives = 0
  #heardAtMs = 0
  #isFinishing = false
  #waits = false
  /** What it asked for, beside the name. */
  #kind = ''

  constructor(
    readonly name: string,
    readonly process: Process,
    private readonly deps: ClientWorld,
    private readonly thinkMs: number,
    private readonly holdMs: number,
  ) {}

  start(): void {
    this.#later(this.deps.world.random.around(this.thinkMs), () => this.#begin())
  }

  finish(): void {
    this.#isFinishing = true
    if (this.#phase === 'holding') this.#leave('release')
  }

  isDone(): boolean {
    return this.#phase === 'idle'
  }

  describe(): string {
    return `${this.name} is ${this.#phase}`
  }

  connection(): ClientConnection | null {
    return this.#connection
  }

  #begin(): void {
    if (this.#isFinishing || this.#phase !== 'idle') return
    const { world, nodeIds } = this.deps
    const { random } = world
    const { lock, kind } = this.#drawLock()
    this.#kind = kind
    const lines = new Lines((line) => this.#line(line))
    const connection = this.deps.dial(this.process, random.pick(nodeIds()), {
      text: (text) => lines.push(text),
      closed: () => {
        if (this.#connection === connection) this.#end()
      },
    })
    connection.classicLock = lock
    this.#connection = connection
    this.#phase = 'asking'
    this.#unansweredKeepalives = 0
    this.#heardAtMs = this.process.clock.takerNow()
    const wait = random.pick(['', '', ',wait:2.5', ',wait:forever'])
    this.#waits = wait !== ''
    connection.client.send(`lock,name:${lock}${kind}${wait},fence:yes,client-id:${this.name}${note(this.deps)}\n`)
    world.count(`classic lock${wait.slice(0, 5)}`)
    if (random.chance(0.1)) connection.client.send('.keepalive\nnonsense\n')
    if (random.chance(0.08)) {
      world.count('classic half-close')
      connection.isGivenUp = true
      connection.client.fin()
    } else if (random.chance(0.06)) this.#later(random.between(0, 800), () => this.#leave(random.pick(WAYS_OUT)))
    this.#later(KEEPALIVE_MS, () => this.#beat())
  }

  /** Nobody tells it whether the cluster knows more than exclusive locks: it may be refused. */
  #drawLock(): { readonly lock: string; readonly kind: string } {
    const { world, names, semaphores } = this.deps
    const { random } = world
    if (semaphores.length > 0 && random.chance(0.2)) return { lock: random.pick(semaphores), kind: ',limit:3' }
    return { lock: random.pick(names), kind: random.chance(0.2) ? ',mode:shared' : '' }
  }

  /** The life of a lock: in the end it is let go, or the connection is lost. */
  #line(line: string): void {
    this.#heardAtMs = this.process.clock.takerNow()
    if (line === 'alive') this.#unansweredKeepalives = 0
    else if (line.startsWith('ok,token:')) {
      if (this.#phase !== 'asking') return
      this.deps.world.count('classic ok')
      if (this.#kind !== '') this.deps.world.count(`classic ok: ${this.#kind.split(':', 1)[0]?.slice(1)}`)
      this.#phase = 'holding'
      const { random } = this.deps.world
      const holdMs = this.#isFinishing ? 1 : random.around(this.holdMs)
      this.#later(holdMs, () => this.#leave(random.chance(0.5) ? 'release' : random.pick(WAYS_OUT)))
    } else if (line === 'released' || line === 'not-granted' || line.startsWith('err,')) {
      this.deps.world.count(`classic ${line}`)
      if (line === 'released' && this.#phase !== 'leaving') this.deps.world.fail(`${this.name}: released unasked`)
    } else if (line !== 'bad-action') this.deps.world.fail(`${this.name} got ${line}`)
  }

  #beat(): void {
    if (this.#connection === null) return
    const silentMs = this.process.clock.takerNow() - this.#heardAtMs
    if (this.#unansweredKeepalives > 2 || silentMs > PATIENCE_MS) {
      // It believes nothing any more, and leaves.
      this.deps.world.count('classic gave up')
      this.#connection.isGivenUp = true
      this.#connection.client.reset()
      this.#end()
      return
    }
    if (this.#phase === 'holding' || this.#waits) {
      this.#unansweredKeepalives++
      this.#connection.client.send('.keepalive\n')
    }
    this.#later(KEEPALIVE_MS, () => this.#beat())
  }

  #leave(way: (typeof WAYS_OUT)[number]): void {
    const connection = this.#connection
    if (connection === null || this.#phase === 'leaving') return
    this.deps.world.count(`classic leaves by ${way}`)
    connection.isGivenUp = true
    if (way === 'release') {
      this.#phase = 'leaving'
      connection.client.send('release\n')
    } else if (way === 'half-close') {
      this.#phase = 'leaving'
      connection.client.fin()
    } else {
      if (way === 'close') connection.client.close()
      else if (way === 'reset') connection.client.reset()
      else connection.client.vanish()
      this.#end(way === 'vanish' ? VANISHED_MS : 0)
    }
  }

  #end(pauseMs = 0): void {
    if (this.#connection !== null) this.#connection.isGivenUp = true
    this.#connection = null
    this.#phase = 'idle'
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
    this.#later(pauseMs + this.deps.world.random.around(this.thinkMs), () => this.#begin())
  }

  #later(delayMs: number, run: () => void): void {
    this.#timers.push(this.process.clock.after(delayMs, run))
  }
}

const WAYS_OUT = ['release', 'close', 'half-close', 'reset', 'vanish'] as const
