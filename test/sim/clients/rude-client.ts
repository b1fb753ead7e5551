/** A client that keeps no rule: it says nothing, nonsense, or too much at once, and leaves in the midst of it. Believes nothing. */
import type { ClientConnection } from '../network/client-connection.js'
import type { Process } from '../process.js'
import { type Client, type ClientWorld, Lines } from './client.js'

const STAY_MS = 1_500
const FLOOD_LINES = 300
const LONG_LINE = 5_000

export class RudeClient implements Client {
  #connection: ClientConnection | null = null
  #isFinishing = false

  constructor(
    readonly name: string,
    readonly process: Process,
    private readonly deps: ClientWorld,
    private readonly thinkMs: number,
  ) {}

  start(): void {
    this.#again()
  }

  finish(): void {
    this.#isFinishing = true
    this.#leave()
  }

  isDone(): boolean {
    return this.#isFinishing && this.#connection === null
  }

  describe(): string {
    return `${this.name} is ${this.#connection === null ? 'away' : 'connected'}`
  }

  connection(): ClientConnection | null {
    return this.#connection
  }

  #again(): void {
    this.process.clock.after(this.deps.world.random.around(this.thinkMs), () => this.#visit())
  }

  #visit(): void {
    if (this.#isFinishing) return
    const { world, nodeIds } = this.deps
    const { random } = world
    const way = random.pick(Object.keys(WAYS) as (keyof typeof WAYS)[])
    const say = (text: string) => connection.client.send(text)
    const lines = new Lines((line) => {
      if (line.startsWith('welcome') && this.#connection === connection) this.#flood(say)
    })
    const connection = this.deps.dial(this.process, random.pick(nodeIds()), {
      text: (text) => lines.push(text),
      closed: () => {
        if (this.#connection === connection) this.#gone()
      },
    })
    this.#connection = connection
    world.count(`rude client: ${way}`)
    for (const text of WAYS[way](this.#name())) say(text)
    this.process.clock.after(random.around(STAY_MS), () => {
      if (this.#connection === connection) this.#leave()
    })
  }

  /** More than one may wait for, numbers that fall and repeat, answers acknowledged that were never given. */
  #flood(say: (text: string) => void): void {
    const { random } = this.deps.world
    const count = random.int(FLOOD_LINES)
    for (let i = 0; i < count; i++) {
      const id = 1 + random.int(40)
      say(
        random.pick([
          '.keepalive\n',
          `lock,id:${id},name:${this.#name()},wait:forever\n`,
          `lock,id:${id},name:${this.#name()}\n`,
          `lock,name:${this.#name()}\n`,
          `lock,id:${id},name:${this.#name()},name:${this.#name()}@shared,name:s@2/3,wait:1\n`,
          `lock,id:${id},name:s,limit:${random.int(5)},permits:${random.int(5)},wait:forever\n`,
          `lock,id:${id},name:${this.#name()},mode:shared,delay:1,min-hold:1,ttl:1,loose:yes,once:rude,once-ttl:1\n`,
          `release,id:${id},name:${this.#name()},done:yes\n`,
          // Without a token it would take what somebody rightly believes in: whoever may lock may unlock what is loose.
          `unlock,id:${id},name:${this.#name()},token:${random.int(1_000)}\n`,
          `check,id:${id},name:${this.#name()},token:${random.int(1_000)}\n`,
          `release,id:${id},name:${this.#name()}\n`,
          `release,id:${id},name:${this.#name()},token:${random.int(1_000)}\n`,
          `cancel,id:${id},request:${1 + random.int(40)}\n`,
          `.keepalive,ack:${random.int(100)}\n`,
          'hello,version:2\n',
          'nonsense,id:7\n',
        ]),
      )
    }
    if (random.chance(0.3)) say('bye\nbye\n.keepalive\n')
  }

  #name(): string {
    return this.deps.world.random.pick(this.deps.names)
  }

  #leave(): void {
    const connection = this.#connection
    if (connection === null) return
    const { random } = this.deps.world
    connection.isGivenUp = true
    const dice = random.float()
    if (this.#isFinishing || dice < 0.3) connection.client.reset()
    else if (dice < 0.5) connection.client.vanish()
    else {
      // Half-closes, and then is gone all the same.
      connection.client.fin()
      if (random.chance(0.5)) connection.client.reset()
      else connection.client.close()
    }
    this.#gone()
  }

  #gone(): void {
    this.#connection = null
    this.#again()
  }
}

/** What it begins with. */
const WAYS = {
  silence: () => [],
  'half a line': (name: string) => [`lock,na`, `me:${name},wai`],
  nonsense: () => ['telnet?\n', 'lock\n', ':::,,,\n'],
  'too long': () => [`lock,name:${'x'.repeat(LONG_LINE)}\n`],
  'wrong secret': () => [`resume,session:${2 ** 50},secret:00\n`],
  'not a session': () => ['resume,session:one,secret:\n'],
  'no manners': (name: string) => [`hello,version:2,lease:3\nlock,id:1,name:${name}\n`],
  flood: () => ['hello,version:2,lease:3,redirect:no\n'],
  'classic flood': (name: string) => [`lock,name:${name},wait:forever\n`, '.keepalive\nlock,name:other\n'.repeat(100)],
} as const satisfies Record<string, (name: string) => readonly string[]>
