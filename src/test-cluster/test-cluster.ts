import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { formatHostPort } from '../address.js'
import { type Client, connect } from '../client/client.js'
import type { ClientOptions } from '../client/client-options.js'
import type { Peer } from '../raft/ports/transport.js'
import { MemoryNetwork } from '../testing/memory-network.js'
import { SeededRandom } from '../testing/seeded-random.js'
import { Bridge } from './bridge.js'
import {
  ADVANCE_SLICE_MS,
  LOOK_SLICE_MS,
  NODE_LEASE_MS,
  NODES_DEFAULT_COUNT,
  NODES_MAX_COUNT,
  PATIENCE_MS,
  WINDOW_BYTES,
} from './limits.js'
import { PacedTime } from './paced-time.js'
import { peerOf, TestNode } from './test-node.js'
import { TestProcess } from './test-process.js'

export interface TestClusterOptions {
  /** How many nodes: 3 unless given, 1 to 7. They are called `n1`, `n2` and so on. */
  readonly nodes?: number
  /** What the nodes draw their random numbers from; 1 unless given. */
  readonly seed?: number
}

/**
 * A whole cluster inside this process, for tests of programs that use locks: real consensus, real sessions, on disks and a network
 * in memory, with a clock that a test can move ahead. Clients of any kind reach it by TCP on this machine, at `endpoints`.
 *
 * Rejects when the cluster does not come about.
 */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes = NODES_DEFAULT_COUNT, seed = 1 } = options
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > NODES_MAX_COUNT) {
    throw new RangeError(`nodes: ${nodes} is not from 1 to ${NODES_MAX_COUNT}`)
  }
  const cluster = new TestCluster(nodes, seed)
  try {
    await cluster.open()
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

export class TestCluster {
  readonly #time = new PacedTime()
  readonly #network: MemoryNetwork
  readonly #random: SeededRandom
  readonly #founders: readonly Peer[]
  readonly #nodes = new Map<string, TestNode>()
  readonly #servers: Server[] = []
  readonly #bridges = new Set<Bridge>()
  readonly #clients: Client[] = []
  /** Which part of a broken network each node is in; all in one while it is whole. */
  #parts = new Map<string, number>()
  #isHolding = false
  /** One change of time after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #endpoints: readonly string[] = []

  /** @internal */
  constructor(count: number, seed: number) {
    this.#random = new SeededRandom(seed)
    this.#founders = Array.from({ length: count }, (_, index) => peerOf(`n${index + 1}`))
    this.#network = new MemoryNetwork(this.#time, this.#random, {
      weather: { delayMs: () => 0, isHeld: (from, to) => this.#areApart(from, to) },
      texture: () => ({ windowBytes: WINDOW_BYTES, splitChance: 0 }),
    })
  }

  /** HOST:PORT of every node, for `connect` and whatever else speaks the protocol. */
  get endpoints(): readonly string[] {
    return this.#endpoints
  }

  get nodes(): readonly string[] {
    return [...this.#nodes.keys()]
  }

  /** The node that leads; null while none does. */
  get leader(): string | null {
    return [...this.#nodes.values()].find((node) => node.leads)?.nodeId ?? null
  }

  /** Milliseconds of the cluster's clock since it began. It goes on by itself, and ahead by `advance`. */
  get now(): number {
    return this.#time.nowMs
  }

  /** A client of this cluster, which `close` closes. */
  async connect(options: Omit<ClientOptions, 'endpoints'> = {}): Promise<Client> {
    // Variables of the program's own environment are not meant for this cluster.
    const client = await connect({ tls: false, ...options, endpoints: this.endpoints })
    this.#clients.push(client)
    return client
  }

  // ------------------------------------------------------------------------------------------------------------ time

  /**
   * Lets so many milliseconds pass for the cluster, in an instant: `ttl`, `delay`, `minHold`, waits and freezes come to their end.
   * Clients that are connected count as alive meanwhile. The clocks of the clients themselves do not move.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY))
      throw new RangeError(`advance: ${ms} is not a number of milliseconds`)
    await this.#inTurn(() => this.#pass(ms))
  }

  // ---------------------------------------------------------------------------------------------------------- faults

  /**
   * The cluster ends this session, or all those of this client, as though nobody had come back to it in time: its locks go to the next.
   * Resolves when that is committed; the client learns of it when it tries to go on. Needs a leader.
   */
  async expireSession(session: Client | string): Promise<void> {
    const sessions = typeof session === 'string' ? [session] : session.sessionIds
    for (const id of sessions) await this.#inTurn(() => this.#expire(Number(id)))
  }

  /** The node stands still, as after SIGSTOP: it keeps its connections and says nothing. */
  pause(node: string): void {
    this.#node(node).pause()
  }

  /** It goes on with all that it has missed. */
  resume(node: string): void {
    this.#node(node).resume()
    this.#time.kick()
  }

  /** Nodes of different groups no longer reach each other; those that are not named form one more group. Clients reach all. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#parts = new Map(groups.flatMap((group, index) => group.map((node) => [this.#node(node).nodeId, index + 1])))
    this.#release()
  }

  /** The network is whole again: what was on its way arrives. */
  heal(): void {
    this.#parts = new Map()
    this.#release()
  }

  /** The node ends without a word, as after SIGKILL. What it has acknowledged is on its disk. */
  kill(node: string): void {
    this.#node(node).kill()
    this.#time.kick()
  }

  /** Kills the leader, and resolves with its name when another one leads. */
  async killLeader(): Promise<string> {
    const { leader } = this
    if (leader === null) throw new Error('nobody leads')
    this.kill(leader)
    await this.untilLeader()
    return leader
  }

  /** Starts a node that was killed, on the disk that it left. Resolves when it serves. */
  async restart(node: string): Promise<void> {
    const started = this.#node(node)
    await this.#starting(started)
    await this.#until(() => started.serves, `${node} does not serve`)
  }

  /** Resolves with the leader as soon as there is one; for the cluster time passes as it needs to. */
  async untilLeader(): Promise<string> {
    await this.#until(() => this.leader !== null, 'no leader: has a majority been killed, paused or cut off?')
    return this.leader ?? ''
  }

  /** Closes the clients that `connect` made, and ends the nodes. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()))
    this.#time.stop()
    for (const node of this.#nodes.values()) node.kill()
    for (const bridge of this.#bridges) bridge.reset()
    await Promise.all(
      this.#servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  async open(): Promise<void> {
    const endpoints: string[] = []
    for (const { nodeId } of this.#founders) {
      const server = createServer({ allowHalfOpen: true, noDelay: true })
      this.#servers.push(server)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const bound = server.address()
      const advertise = { host: '127.0.0.1', port: typeof bound === 'object' && bound !== null ? bound.port : 0 }
      endpoints.push(formatHostPort(advertise))
      const node = new TestNode({
        ...{ nodeId, advertise, founders: this.#founders, nodeLeaseMs: NODE_LEASE_MS },
        ...{ time: this.#time, random: this.#random, network: this.#network },
      })
      this.#nodes.set(nodeId, node)
      server.on('connection', (socket) => this.#take(socket, node))
    }
    this.#endpoints = endpoints
    await Promise.all([...this.#nodes.values()].map((node) => this.#starting(node)))
    await this.#until(() => [...this.#nodes.values()].every((node) => node.serves), 'the cluster does not come about')
  }

  // ---------------------------------------------------------------------------------------------------------- inside

  #take(socket: Socket, node: TestNode): void {
    const { remoteAddress = '127.0.0.1', remotePort = 0 } = socket
    const client = new TestProcess(this.#time, remoteAddress, remoteAddress)
    const { dialler } = this.#network.dial(client, { allowHalfOpen: true }, node.clientAddress, remotePort)
    const bridge = new Bridge(this.#time, socket, dialler, () => this.#bridges.delete(bridge))
    this.#bridges.add(bridge)
    if (this.#isHolding) bridge.holdBack()
    this.#time.kick()
  }

  async #starting(node: TestNode): Promise<void> {
    let isStarted = false
    let failure: unknown = null
    node.start().then(
      () => {
        isStarted = true
      },
      (error: unknown) => {
        failure = error
      },
    )
    await this.#until(() => isStarted || failure !== null, `${node.nodeId} does not start`)
    if (failure !== null) throw failure
  }

  /** Time passes until `done`, at least as fast as on this machine. */
  #until(done: () => boolean, otherwise: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#time.settle()
      for (let passedMs = 0; !done(); passedMs += LOOK_SLICE_MS) {
        const failed = [...this.#nodes.values()].find(({ failure }) => failure !== null)
        if (failed !== undefined) throw failed.failure
        if (passedMs > PATIENCE_MS) throw new Error(otherwise)
        await this.#pass(LOOK_SLICE_MS)
      }
    })
  }

  async #pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= ADVANCE_SLICE_MS) {
      for (const bridge of this.#bridges) bridge.keepAlive()
      await this.#time.advance(Math.min(leftMs, ADVANCE_SLICE_MS))
    }
  }

  async #expire(session: number): Promise<void> {
    const nodes = [...this.#nodes.values()]
    if (!nodes.some((node) => node.isAlive && node.hasSession(session)))
      throw new Error(`there is no session ${session}`)
    // Nobody may come back to it meanwhile.
    this.#isHolding = true
    for (const bridge of this.#bridges) bridge.holdBack()
    const cut = [...this.#bridges].filter((bridge) => bridge.session === session)
    for (const bridge of cut) bridge.cutFromNode()
    try {
      for (
        let passedMs = 0;
        nodes.some((node) => node.isRunning && node.hasSession(session));
        passedMs += LOOK_SLICE_MS
      ) {
        if (passedMs > PATIENCE_MS) throw new Error(`session ${session} does not end: is there a leader?`)
        nodes.find((node) => node.leads)?.expire(session)
        await this.#time.advance(passedMs === 0 ? 0 : LOOK_SLICE_MS)
      }
    } finally {
      this.#isHolding = false
      for (const bridge of cut) bridge.reset()
      for (const bridge of this.#bridges) bridge.letThrough()
    }
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(change)
    this.#turn = result.catch(() => {})
    return result
  }

  #node(name: string): TestNode {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new RangeError(`no node ${name}: there are ${this.nodes.join(', ')}`)
    return node
  }

  #areApart(from: string, to: string): boolean {
    // Clients reach every node.
    if (!this.#nodes.has(from) || !this.#nodes.has(to)) return false
    return (this.#parts.get(from) ?? 0) !== (this.#parts.get(to) ?? 0)
  }

  #release(): void {
    for (const one of this.nodes) for (const other of this.nodes) this.#network.release(one, other)
    this.#time.kick()
  }
}
