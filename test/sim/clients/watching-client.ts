/** Watches all names, or those with a prefix, on one node after another, and believes what it is told. Asks for nothing. */
import { WatchReplay } from '../../kit/watch-replay.js'
import type { ClientConnection } from '../network/client-connection.js'
import type { Process } from '../process.js'
import { type Client, type ClientWorld, Lines } from './client.js'

const STAY_MS = 8_000
const AGAIN_MS = 300
const KEEPALIVE_MS = 1_000
/** Once the others have finished it hears the rest. */
const FINISH_MS = 10_000

export class WatchingClient implements Client {
  #connection: ClientConnection | null = null
  readonly #replay = new WatchReplay('1')
  #gaps = 0
  #isFinishing = false
  #isDone = false

  constructor(
    readonly name: string,
    readonly process: Process,
    private readonly deps: ClientWorld,
    private readonly prefix: string,
  ) {}

  start(): void {
    this.#visit()
  }

  finish(): void {
    this.#isFinishing = true
    this.process.clock.after(FINISH_MS, () => this.#leaveForGood())
  }

  isDone(): boolean {
    return this.#isDone
  }

  describe(): string {
    return `${this.name} watches '${this.prefix}' at ${this.#replay.at}`
  }

  connection(): ClientConnection | null {
    return this.#connection
  }

  #visit(): void {
    if (this.#isDone || this.#connection !== null) return
    const { world, nodeIds } = this.deps
    const lines = new Lines((line) => {
      if (this.#connection === connection) this.#take(connection, line)
    })
    const connection = this.deps.dial(this.process, world.random.pick(nodeIds()), {
      text: (text) => lines.push(text),
      closed: () => {
        if (this.#connection === connection) this.#gone()
      },
    })
    this.#connection = connection
    connection.client.send('hello,version:2,lease:5,redirect:no\n')
    this.process.clock.after(world.random.around(STAY_MS), () => {
      if (this.#connection === connection && !this.#isFinishing) this.#leave()
    })
  }

  #take(connection: ClientConnection, line: string): void {
    if (line.startsWith('welcome,')) this.#watch(connection)
    else if (line.startsWith('err,')) this.#leave()
    try {
      this.#replay.take(`${line}\n`)
    } catch (error) {
      this.deps.world.fail(`${this.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
    const { gaps, at, holds, isListing } = this.#replay
    if (gaps > this.#gaps) this.deps.world.count('watch told of a gap')
    this.#gaps = gaps
    if (!isListing && (line.startsWith('event,') || line.startsWith('end,'))) {
      this.deps.world.count('watch told')
      this.deps.checks.watches.knows(this.name, at, this.prefix, holds)
    }
  }

  #watch(connection: ClientConnection): void {
    const { at } = this.#replay
    this.#replay.reconnected()
    connection.client.send(`watch,id:1,prefix:${this.prefix}${at === '' ? ',since:0.0' : `,since:${at}`}\n`)
    const keepAlive = (): void => {
      if (this.#connection !== connection) return
      connection.client.send('.keepalive\n')
      this.process.clock.after(KEEPALIVE_MS, keepAlive)
    }
    keepAlive()
  }

  /** Its session is left to its lease, or ends. */
  #leave(): void {
    const connection = this.#connection
    if (connection === null) return
    const { random } = this.deps.world
    connection.isGivenUp = true
    if (random.chance(0.5)) connection.client.send('bye\n')
    if (random.chance(0.5)) connection.client.reset()
    else connection.client.fin()
    this.#gone()
  }

  #leaveForGood(): void {
    this.#isDone = true
    this.#leave()
  }

  #gone(): void {
    this.#connection = null
    this.process.clock.after(this.deps.world.random.around(AGAIN_MS), () => this.#visit())
  }
}
