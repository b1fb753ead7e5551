/** Clients of both dialects at a whole node: bursts of lines, floods, readers that stop, ends of every kind. */
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { Finding } from '../area.js'
import { bytesOf, classicLine, endingSoon, Memory, openingLine, sessionLine } from '../client-grammar.js'
import { cameTrue } from '../own-time.js'
import type { Attack } from './attack.js'
import type { Dialled } from './dialled.js'
import { KNOWN_NAME, KNOWN_PREFIX, Listener, TOKEN_START } from './planted.js'

/** As much as one slice of the fair input takes; a flood waits among other floods. */
const BURST_MAX_LINES = 32
const FLOOD_LINES = 100
const BURSTS_MAX = 8
const OPENING_MAX_MS = 2_000
/** Who waits for a lock may have filled what is read of him: he leaves. */
const ANSWER_MAX_MS = 300
/** A connection that was ended is gone after a second. */
const CLOSE_MAX_MS = 5_000
/** Sessions end within a few seconds of their connection, so that it can be seen that they do. */
const LEASE_MAX_S = 4
const MEMORIES_MAX = 40

/** Feeds `count` lines, over as many connections as that takes. */
export async function feedLines(attack: Attack, count: number): Promise<number> {
  let fed = 0
  while (fed < count) fed += await oneConnection(attack, count - fed)
  return fed
}

async function oneConnection(attack: Attack, most: number): Promise<number> {
  const { node, random } = attack
  const dialled = await node.dial('client', random)
  if (dialled === null) return 1
  const client = new LineClient(attack, dialled)
  await client.open()
  for (let bursts = 1 + random.int(BURSTS_MAX); bursts > 0 && client.fed < most; bursts--) {
    if (!(await client.burst(random.chance(0.02) ? FLOOD_LINES : 1 + random.int(BURST_MAX_LINES)))) break
  }
  await client.leave()
  return client.fed
}

class LineClient {
  fed = 0
  readonly #isSession: boolean
  readonly #memory: Memory
  readonly #listener: Listener
  #aliveCount = 0
  #isAnswered = false

  constructor(
    private readonly attack: Attack,
    private readonly dialled: Dialled,
  ) {
    const { random, memories, words, trail } = attack
    this.#isSession = random.chance(0.75)
    this.#memory = memories.length > 0 && random.chance(0.4) ? random.pick(memories) : new Memory()
    this.#listener = new Listener(words, trail)
    dialled.onText = (text) => {
      this.#listener.heard(text)
      this.#memory.heard(text)
      this.#isAnswered = true
      this.#aliveCount += text.split('alive\n').length - 1
    }
  }

  async open(): Promise<void> {
    if (!this.#isSession) return
    const { random, memories } = this.attack
    memories.push(this.#memory)
    if (memories.length > MEMORIES_MAX) memories.shift()
    this.dialled.say(this.#bytes(this.#asSomebody(openingLine(random, this.#memory))))
    await this.dialled.until(() => this.#isAnswered, OPENING_MAX_MS)
  }

  /** False: it is closed, or read no longer. */
  burst(lines: number): Promise<boolean> {
    const { random } = this.attack
    const line = () => {
      if (!this.#isSession) return classicLine(random, this.#memory)
      return random.chance(0.03) ? reading(random, this.#memory) : sessionLine(random, this.#memory)
    }
    const parts = Array.from({ length: lines }, () => this.#bytes(line()))
    const before = this.#aliveCount
    // What was left unfinished is a line of its own then, whatever it is.
    this.dialled.say(Buffer.concat([...parts, Buffer.from('\n.keepalive\n')]))
    return this.dialled.until(() => this.#aliveCount > before, ANSWER_MAX_MS)
  }

  async leave(): Promise<void> {
    const { random, trail } = this.attack
    if (random.chance(0.4)) this.dialled.reset()
    else {
      if (random.chance(0.3)) this.dialled.say('bye\n')
      this.dialled.end()
      const isGone = await this.dialled.until(() => this.dialled.isClosed, CLOSE_MAX_MS)
      if (!isGone && !(await cameTrue(() => this.dialled.isClosed, CLOSE_MAX_MS))) {
        throw new Finding('a connection is kept after its end', trail.lines)
      }
    }
    this.#listener.check()
  }

  /** Where there are accounts, mostly: nobody in particular sees little. */
  #asSomebody(line: string): string {
    const { node, random } = this.attack
    if (!node.kind.hasAccounts || !line.startsWith('hello,') || line.includes(',auth:') || random.chance(0.3))
      return line
    return `${line},auth:${TOKEN_START}${random.pick(['all', 'some'])}`
  }

  #bytes(line: string): Uint8Array {
    const { random, trail } = this.attack
    const said = curious(random, endingSoon(line, LEASE_MAX_S))
    this.fed++
    trail.add(said)
    return bytesOf(random, said)
  }
}

const READS = ['locks', 'marks', 'freezes', 'queues', 'sessions', 'watch'] as const

/** What tells of many names at once. */
function reading(random: SeededRandom, memory: Memory): string {
  const about = random.pick(['', ',prefix:', ',prefix:z', ',match:.*', `,name:${KNOWN_NAME}`])
  return `${random.pick(READS)},id:${memory.nextId++}${about}`
}

/** Now and then it is about what it may not see. */
function curious(random: SeededRandom, line: string): string {
  if (!random.chance(0.05)) return line
  return line.replace(/\bname:[^,]*/, `name:${KNOWN_NAME}`).replace(/\bprefix:[^,]*/, `prefix:${KNOWN_PREFIX}`)
}
