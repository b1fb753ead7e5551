/**
 * Lines of both dialects through the real services of three nodes into their state machines. Now and then a node takes
 * another's snapshot in place of its state. Nothing may escape, end a node, or leave nodes unequal, and who was not sent
 * away must still be served.
 */

import { BASE_LEVEL, FEATURE_LEVEL } from '../../../src/feature-level.js'
import { AccessControl } from '../../../src/service/access/access-control.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { type Accounts, policyOf } from '../../service/kit/accounts.js'
import { Cluster } from '../../service/kit/cluster.js'
import type { FakeNode } from '../../service/kit/node.js'
import type { FakeSocket } from '../../service/kit/socket.js'
import { type Area, Finding, Trail } from '../area.js'
import { bytesOf, classicLine, endingSoon, Memory, openingLine, sessionLine } from '../client-grammar.js'
import { checkState } from '../replicas.js'

const CLIENTS = 12
const ROUNDS = 120
const LINES_A_TURN_MAX = 8
const REQUEST_TIMEOUT_MS = 1_500
const SHORT_LEASE_S = 30
/** A hold may outlive its session, which outlives its connection, and leave a tail behind: three times that, and some more. */
const ALL_GONE_MS = 120_000
/** After a resume a client may have acknowledged so many ids above all that the node knows of, and has muted those itself. */
const PROBE_ABOVE = 2_000
/** Words that no node says: what a number or a text becomes that nobody looked at. */
const NONSENSE = /NaN|undefined|Infinity|\[object|\de\+\d/
/** The client's own word, which may be any. */
const ECHO = /unknown%20action%20[^,\n]*/

/** Nobody may end a node: that is looked at. */
const ACCOUNTS: Accounts = {
  all: { '': 'lock see break', cluster: 'members transfer snapshot' },
  some: { '': 'lock see', a: '', 'a/': 'lock' },
  nobody: { '': 'lock' },
}

interface Client {
  readonly socket: FakeSocket
  readonly memory: Memory
  readonly isSession: boolean
  /** It said `bye`, half-closed, or broke off: nobody owes it an answer. */
  left: boolean
  taken: number
}

class Case {
  readonly random: SeededRandom
  readonly cluster: Cluster
  readonly trail = new Trail()
  readonly clients: Client[] = []
  readonly #memories: Memory[] = []
  /** Mostly, so that it is seen that sessions end. */
  readonly #areLeasesShort: boolean
  /** Of every other seed. */
  readonly #access: AccessControl | null
  lines = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const followers = this.random.chance(0.9) ? 'serve' : 'redirect'
    const service = { requestTimeoutMs: REQUEST_TIMEOUT_MS, allowShutdown: this.random.chance(0.5), followers } as const
    this.#areLeasesShort = seed % 4 !== 0
    this.#access = seed % 2 === 1 ? new AccessControl(policyOf(ACCOUNTS)) : null
    const accounts = this.#access === null ? {} : { access: this.#access }
    this.cluster = new Cluster({ seed, leaseMs: 3_000, service, ...accounts })
    const level = this.random.chance(0.85) ? FEATURE_LEVEL : BASE_LEVEL
    for (const node of this.cluster.nodes) node.programLevel = level
    this.cluster.start()
    this.cluster.world.until(() => this.cluster.nodes.every(({ machine }) => machine.level === level))
  }

  run(): number {
    for (let round = 0; round < ROUNDS; round++) {
      this.trail.guard(() => this.#round())
    }
    this.trail.guard(() => this.#settle())
    return this.lines
  }

  #round(): void {
    const { random, cluster } = this
    const client = this.#someClient()
    const lines = 1 + random.int(LINES_A_TURN_MAX)
    for (let line = 0; line < lines; line++) this.#sendLine(client)
    if (random.chance(0.04)) this.#end(client)
    if (random.chance(0.03)) this.#installSnapshot()
    if (this.#access !== null && random.chance(0.02)) this.#access.replace(policyOf(this.#changed()))
    cluster.world.advance(random.chance(0.02) ? random.int(5_000) : random.int(6))
    this.#listen()
  }

  /** Some may less from now on, or are nobody any more; or it is as it was. */
  #changed(): Accounts {
    const { some, ...others } = ACCOUNTS
    return this.random.pick<Accounts>([ACCOUNTS, others, { ...ACCOUNTS, some: { '': 'see', a: 'lock' } }])
  }

  #someClient(): Client {
    const { random } = this
    const open = this.clients.filter(({ socket, left }) => socket.closed === null && !left)
    if (open.length > 0 && (open.length >= CLIENTS || random.chance(0.85))) return random.pick(open)
    const isSession = random.chance(0.7)
    const memory = this.#memories.length > 0 && random.chance(0.4) ? random.pick(this.#memories) : new Memory()
    if (isSession) this.#memories.push(memory)
    const socket = random.pick(this.cluster.nodes).connect(random.chance(0.5))
    const client = { socket, memory, isSession, left: false, taken: 0 }
    this.clients.push(client)
    if (!isSession) return client
    this.#send(client, openingLine(random, memory))
    this.cluster.world.advance(20)
    this.#listen()
    return client
  }

  #sendLine(client: Client): void {
    const { random } = this
    const { memory, socket } = client
    // A socket that the node does not read fills the kernel's buffers; here it is left alone.
    if (socket.paused || socket.closed !== null) return
    this.#send(client, client.isSession ? sessionLine(random, memory) : classicLine(random, memory))
  }

  #send(client: Client, drawn: string): void {
    const { random } = this
    const line = this.#areLeasesShort ? endingSoon(drawn, SHORT_LEASE_S) : drawn
    const bytes = bytesOf(random, line)
    this.lines++
    this.trail.add(
      `${client.socket.node.nodeId} ${this.clients.indexOf(client)}: ${Buffer.from(bytes).toString('latin1')}`,
    )
    if (/^\s*bye\s*(,|$)/.test(line)) client.left = true
    if (!random.chance(0.05)) {
      client.socket.send(bytes)
      return
    }
    const cut = random.int(bytes.length + 1)
    client.socket.send(bytes.subarray(0, cut))
    client.socket.send(bytes.subarray(cut))
  }

  #end(client: Client): void {
    client.left = true
    if (this.random.chance(0.5)) client.socket.fin()
    else client.socket.break()
  }

  #installSnapshot(): void {
    const { random, cluster } = this
    const from = random.pick(cluster.nodes)
    const to = random.pick(cluster.nodes)
    if (from !== to && to.appliedIndex() <= from.appliedIndex()) to.installSnapshotOf(from)
  }

  #listen(): void {
    for (const client of this.clients) {
      const { socket, memory } = client
      const news = socket.writes.slice(client.taken)
      client.taken = socket.writes.length
      for (const { text } of news) {
        if (NONSENSE.test(text.replace(ECHO, '')))
          throw new Finding(`a node said ${JSON.stringify(text)}`, this.trail.lines)
        if (text.replace(ECHO, '').includes('token-of-')) {
          throw new Finding(`a node told a token: ${JSON.stringify(text)}`, this.trail.lines)
        }
        memory.heard(text)
      }
    }
    for (const { nodeId, fatal, shutdownAsked } of this.cluster.nodes) {
      const [first] = fatal
      if (first !== undefined) throw new Finding(`${nodeId} ended: ${first.message}`, this.trail.lines)
      if (shutdownAsked && !this.cluster.options.service?.allowShutdown) {
        throw new Finding(`${nodeId} shuts down, and was told not to`, this.trail.lines)
      }
    }
  }

  /** Whoever is still connected is served; then all nodes have one state, and it survives a snapshot. */
  #settle(): void {
    const { cluster } = this
    cluster.world.advance(2 * REQUEST_TIMEOUT_MS)
    this.#listen()
    const probed = this.clients.filter(({ socket, left }) => socket.closed === null && !left && !socket.paused)
    for (const client of probed) this.#probe(client)
    cluster.world.until(() => cluster.nodes.every((node) => node.appliedIndex() === cluster.log.length))
    this.#checkEqual()
    this.#leave()
  }

  #checkEqual(): void {
    const hashes = new Set(this.cluster.nodes.map((node) => this.#checkNode(node)))
    if (hashes.size !== 1) throw new Finding('nodes are not equal', this.trail.lines)
  }

  /** All go, in one way or another; then nothing is left that was theirs. */
  #leave(): void {
    const { cluster } = this
    for (const client of this.clients) if (client.socket.closed === null) this.#end(client)
    cluster.world.advance(ALL_GONE_MS)
    this.#listen()
    for (const { nodeId, service, machine } of cluster.nodes) {
      const { connections, sessions, unsettled, classicHolding, countedSessions } = service.stats()
      const here = { connections, sessions, unsettled, classicHolding }
      const { sessionCount, lockCount, waiterCount } = machine
      const everywhere = { countedSessions, sessionCount, lockCount, waiterCount }
      const left = Object.entries(this.#areLeasesShort ? { ...here, ...everywhere } : here)
      const stays = left.flatMap(([what, count]) => (count === 0 ? [] : [`${what}: ${count}`]))
      if (stays.length > 0) throw new Finding(`${nodeId} keeps of nobody: ${stays.join(', ')}`, this.trail.lines)
    }
    this.#checkEqual()
  }

  #checkNode({ machine, nodeId }: FakeNode): string {
    try {
      return checkState(machine, this.cluster.genesis, this.cluster.log.length).stateHash()
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      throw new Finding(`${nodeId}: ${what}`, this.trail.lines, { cause: error })
    }
  }

  /** A sign of life gets its answer, and a request with a number above all others gets one. */
  #probe(client: Client): void {
    const { socket, memory, isSession } = client
    const from = socket.writes.length
    const said = (): string =>
      socket.writes
        .slice(from)
        .map(({ text }) => text)
        .join('')
    const id = memory.highestId + PROBE_ABOVE
    const request = id < 2 ** 52 ? `release,id:${id},name:probe` : 'release,name:probe'
    // What the client left unfinished is a line of its own, whatever it is.
    const text = isSession ? `\n.keepalive\n${request}\n` : `\n.keepalive\n`
    this.trail.add(`probe of ${this.clients.indexOf(client)}: ${JSON.stringify(text)}`)
    socket.send(text)
    this.cluster.world.advance(4 * REQUEST_TIMEOUT_MS)
    if (socket.closed !== null) return
    if (isSession && memory.session === '')
      throw new Finding('a connection without a session stays open', this.trail.lines)
    const answered = !isSession || new RegExp(`^(released|err)${id < 2 ** 52 ? `,id:${id}` : ''}\\b`, 'm').test(said())
    if (!/^alive$/m.test(said()) || !answered) {
      throw new Finding(`no answer to ${JSON.stringify(text)}: ${JSON.stringify(said())}`, this.trail.lines)
    }
  }
}

export const clientLines: Area = {
  name: 'client-lines',
  what: 'lines of both dialects, through services, state machines and snapshots of three nodes',
  through: 'memory',
  play: (seed) => new Case(seed).run(),
}
