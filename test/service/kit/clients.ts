/** Clients for random runs, and what each of them may rightly believe. */

import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { Cluster } from './cluster.js'
import type { FakeNode } from './node.js'
import type { FakeSocket } from './socket.js'

/** From `fromMs` to `toMs` (virtual time) this client believed that it held the lock. */
export interface Belief {
  readonly name: string
  readonly who: string
  readonly fromMs: number
  toMs: number
}

export interface Shared {
  readonly cluster: Cluster
  readonly random: SeededRandom
  readonly beliefs: Belief[]
  readonly names: readonly string[]
  /** Longest delay of the link to a node. */
  linkMs: number
  /** Set for the last phase: clients begin nothing more. */
  stopped: boolean
}

/** A connection with delays; order is kept. */
class Link {
  readonly socket: FakeSocket
  #sentMs = 0
  #receivedMs = 0

  constructor(
    private readonly shared: Shared,
    readonly node: FakeNode,
    onText: (text: string) => void,
    onClosed: () => void,
  ) {
    this.socket = node.connect()
    this.socket.onText = (text) => this.#later('received', () => onText(text))
    this.socket.onClosed = () => this.#later('received', onClosed)
  }

  send(text: string): void {
    this.#later('sent', () => this.socket.send(text))
  }
  fin(): void {
    this.#later('sent', () => this.socket.fin())
  }
  break(): void {
    this.#later('sent', () => this.socket.break())
  }

  #later(way: 'sent' | 'received', act: () => void): void {
    const { world } = this.shared.cluster
    const arrivesMs = world.nowMs + this.shared.random.int(this.shared.linkMs + 1)
    const last = way === 'sent' ? this.#sentMs : this.#receivedMs
    const atMs = Math.max(arrivesMs, last)
    if (way === 'sent') this.#sentMs = atMs
    else this.#receivedMs = atMs
    world.after(atMs - world.nowMs, null, act)
  }
}

function someNode({ cluster, random }: Shared): FakeNode | null {
  const up = cluster.nodes.filter((node) => !node.crashed)
  return up.length === 0 ? null : random.pick(up)
}

/** Takes a lock, keeps it a while, lets it go in one of the ways there are; again and again. */
export function runClassicClient(shared: Shared, who: string): void {
  const { cluster, random } = shared
  const { world } = cluster
  const node = someNode(shared)
  if (node === null || shared.stopped) {
    if (!shared.stopped) world.after(500, null, () => runClassicClient(shared, who))
    return
  }
  const name = random.pick(shared.names)
  let belief: Belief | null = null
  let done = false
  const again = (): void => {
    if (done) return
    done = true
    world.after(random.int(300) + 1, null, () => runClassicClient(shared, who))
  }
  const link = new Link(shared, node, () => {}, again)
  // Belief counts from the writing of a word, whenever it arrives.
  const { onText } = link.socket
  link.socket.onText = (text) => {
    onText(text)
    if (text.startsWith('ok')) {
      belief = { name, who, fromMs: world.nowMs, toMs: world.nowMs }
      shared.beliefs.push(belief)
      world.after(random.int(4_000), null, letGo)
    } else if (text === 'alive\n' && belief !== null) belief.toMs = world.nowMs
  }
  const letGo = (): void => {
    const way = random.int(4)
    if (way === 0) link.fin()
    else if (way === 1) link.break()
    else link.send('release\n')
    if (way === 1) again()
  }
  const keepAlive = (): void => {
    if (done || link.socket.closed !== null) return
    link.send('.keepalive\n')
    world.after(200 + random.int(400), null, keepAlive)
  }
  const wait = random.pick(['', ',wait:forever', `,wait:${random.int(3_000) / 1_000}`])
  link.send(`lock,name:${name}${wait}\n`)
  world.after(100, null, keepAlive)
  world.after(20_000, null, letGo)
}

const SHARE = 0.9
const MARGIN_MS = 50

/** A session client with the mirror of rule 6, on a clock of its own, resuming wherever it can. */
export class SessionClient {
  readonly #answers = new Map<string, string>()
  readonly inconsistent: string[] = []
  #link: Link | null = null
  #life = 0
  #session: { readonly id: string; readonly secret: string } | null = null
  #buffer = ''
  /** Client clock. Each sign of life not answered yet, oldest first. */
  #pinged: number[] = []
  #deadlineMs = 0
  #held = new Map<string, Belief>()
  #request: { readonly id: number; readonly line: string } | null = null
  #lastId = 0
  #ready = false

  constructor(
    private readonly shared: Shared,
    private readonly who: string,
    private readonly leaseMs: number,
    private readonly rate: number,
  ) {}

  get #nowMs(): number {
    return this.shared.cluster.world.nowMs * this.rate
  }

  connect(): void {
    const { shared } = this
    const node = someNode(shared)
    if (shared.stopped) return
    if (node === null) {
      this.#after(300, () => this.connect())
      return
    }
    const life = ++this.#life
    this.#buffer = ''
    this.#ready = false
    this.#link = new Link(
      shared,
      node,
      (text) => {
        if (life === this.#life) this.#receive(text)
      },
      () => {
        if (life === this.#life) this.#reconnect()
      },
    )
    this.#pinged = [this.#nowMs]
    const session = this.#session
    if (session !== null) this.#link.send(`resume,session:${session.id},secret:${session.secret}\n`)
    else this.#link.send(`hello,version:2,redirect:no,lease:${this.leaseMs / 1_000}\n`)
    this.#after(this.leaseMs / 6, () => this.#keepAlive(life))
  }

  #after(ms: number, run: () => void): void {
    this.shared.cluster.world.after(ms / this.rate, null, run)
  }

  #reconnect(): void {
    this.#life++
    this.#link = null
    this.#after(this.shared.random.int(100) + 1, () => this.connect())
  }

  /** Leaves a connection after a sixth of the lease without an answer, by reset. */
  #keepAlive(life: number): void {
    if (life !== this.#life || this.#link === null || this.shared.stopped) return
    this.#forgetLapsed()
    const [oldest] = this.#pinged
    if (oldest !== undefined && this.#nowMs - oldest >= this.leaseMs / 6) {
      this.#link.break()
      this.#reconnect()
      return
    }
    if (this.#ready) {
      this.#pinged.push(this.#nowMs)
      this.#link.send('.keepalive\n')
    }
    this.#after(this.leaseMs / 6, () => this.#keepAlive(life))
  }

  #receive(text: string): void {
    this.#buffer += text
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end)
      this.#buffer = this.#buffer.slice(end + 1)
      this.#line(line)
    }
  }

  #line(line: string): void {
    this.#forgetLapsed()
    const [word] = line.split(',')
    const field = (key: string) => new RegExp(`,${key}:([^,]*)`).exec(line)?.[1] ?? ''
    switch (word) {
      case 'welcome':
        this.#session = { id: field('session'), secret: field('secret') }
        this.#alive()
        if (!line.includes('resumed')) this.#begin()
        return
      case 'held':
        // What it asked to release it gave up for itself.
        if (!this.#request?.line.startsWith(`release,id:${this.#request.id},name:${field('name')},`)) {
          this.#believe(field('name'))
        }
        return
      case 'ready':
        this.#begin()
        return
      case 'alive':
        this.#alive()
        return
      case 'lost':
        this.#disbelieve(field('name'))
        return
      case 'err':
        if (field('code') === 'session-expired') this.#expired()
        else this.#answer(field('id'), line)
        return
      default:
        if (field('id') !== '' && word !== 'queued') this.#answer(field('id'), line)
    }
  }

  /** The oldest unanswered sign of life was acknowledged: that moved the deadline. */
  #alive(): void {
    const sentMs = this.#pinged.shift()
    if (sentMs === undefined) return
    this.#deadlineMs = Math.max(this.#deadlineMs, sentMs + SHARE * this.leaseMs - MARGIN_MS)
    for (const belief of this.#held.values()) belief.toMs = this.#deadlineMs / this.rate
  }

  /** When the deadline has passed the locks were given up, whatever comes later. */
  #forgetLapsed(): void {
    if (this.#nowMs >= this.#deadlineMs) this.#held.clear()
  }

  #begin(): void {
    this.#ready = true
    const request = this.#request
    if (request !== null) this.#link?.send(request.line)
    else this.#next()
  }

  #next(): void {
    const { random, names } = this.shared
    const life = this.#life
    this.#after(random.int(1_500) + 1, () => {
      if (life !== this.#life || this.#request !== null || !this.#ready || this.shared.stopped) return
      const id = ++this.#lastId
      const held = [...this.#held.keys()]
      const ack = `,ack:${id - 1}`
      if (held.length > 0 && random.chance(0.5)) {
        const name = random.pick(held)
        this.#disbelieve(name)
        this.#ask(id, `release,id:${id},name:${name}${ack}\n`)
      } else {
        const wait = random.pick(['', ',wait:forever', ',wait:1.5'])
        this.#ask(id, `lock,id:${id},name:${random.pick(names)}${wait}${ack}\n`)
      }
    })
  }

  #ask(id: number, line: string): void {
    this.#request = { id, line }
    this.#link?.send(line)
  }

  #answer(id: string, line: string): void {
    const known = this.#answers.get(id)
    if (known !== undefined && known !== line) this.inconsistent.push(`${known} != ${line}`)
    this.#answers.set(id, line)
    const granted = /^ok,id:\d+,name:([^,]+)/.exec(line)?.[1]
    // A request that was answered before is no news: the lock may have been released since.
    if (Number(id) !== this.#request?.id) return
    if (granted !== undefined) this.#believe(granted)
    this.#request = null
    this.#next()
  }

  #expired(): void {
    this.#session = null
    this.#request = null
    this.#answers.clear()
    this.#lastId = 0
    this.#held.clear()
  }

  #believe(name: string): void {
    const { world } = this.shared.cluster
    if (this.#held.has(name) || this.#nowMs >= this.#deadlineMs) return
    const belief = { name, who: this.who, fromMs: world.nowMs, toMs: this.#deadlineMs / this.rate }
    this.#held.set(name, belief)
    this.shared.beliefs.push(belief)
  }

  #disbelieve(name: string): void {
    const belief = this.#held.get(name)
    if (belief !== undefined) belief.toMs = this.shared.cluster.world.nowMs
    this.#held.delete(name)
  }
}

/** Two believers of one lock at one time; empty if all is well. */
export function overlaps(beliefs: readonly Belief[]): string[] {
  const found: string[] = []
  /** Of each lock the belief that has lasted longest so far. */
  const longest = new Map<string, Belief>()
  for (const belief of beliefs.filter(({ fromMs, toMs }) => toMs >= fromMs).sort((a, b) => a.fromMs - b.fromMs)) {
    const { name, who, fromMs, toMs } = belief
    const last = longest.get(name)
    if (last !== undefined && fromMs < last.toMs && who !== last.who) {
      found.push(`${name}: ${last.who} [${last.fromMs}, ${last.toMs}] and ${who} [${fromMs}, ${toMs}]`)
    }
    if (last === undefined || toMs > last.toMs) longest.set(name, belief)
  }
  return found
}
