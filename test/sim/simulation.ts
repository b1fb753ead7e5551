/** One seed: a cluster forms, lives through its faults, is healed, and must finish all that was asked of it. */
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { BoundsCheck } from './checks/bounds-check.js'
import { Checks } from './checks/checks.js'
import { ClassicClient } from './clients/classic-client.js'
import type { Client, ClientWorld } from './clients/client.js'
import { RudeClient } from './clients/rude-client.js'
import { SessionClient } from './clients/session-client.js'
import type { From } from './clients/session-request.js'
import { WatchingClient } from './clients/watching-client.js'
import { Cluster } from './cluster.js'
import type { FaultName } from './nemesis/faults.js'
import { Nemesis } from './nemesis/nemesis.js'
import { Machine, Process } from './process.js'
import { loadNextProgram, NEXT_LEVEL, programOf } from './program.js'
import { drawSwarm, type Swarm } from './swarm.js'
import { finishUpgrade, mustRise } from './upgrade.js'
import { World } from './world.js'

export interface RunOptions {
  readonly nodes?: number | null
  /** Instead of those that the seed draws: mean times between two of a kind. */
  readonly faults?: ReadonlyMap<FaultName, number>
  readonly trace?: (line: string) => void
}

export interface RunResult {
  readonly seed: number
  /** Null: nothing wrong was seen. */
  readonly violation: string | null
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly coverage: ReadonlyMap<string, number>
  readonly lastNotes: readonly string[]
}

const FORMATION_MS = 60_000
/** Longest lease, linger, and node lease one after another, with elections between; generous, but a bound. */
const LIVENESS_MS = 120_000
const BOUNDS_INTERVAL_MS = 1_000
const SESSION_LEASES_MS = [3_000, 5_000, 10_000]
const LINGERS_MS = [0, 0, 2_000, 12_000]

export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const world = new World(seed, options.trace ?? null)
  const swarm = drawSwarm(world.random, options.nodes ?? null, options.faults ?? null)
  if (swarm.isMixed) await loadNextProgram()
  const simulation = new Simulation(world, swarm)
  await simulation.run()
  return {
    seed,
    violation: world.violation,
    hash: world.hash,
    events: world.eventCount,
    virtualMs: world.nowMs,
    coverage: world.coverage,
    lastNotes: world.lastNotes,
  }
}

class Simulation {
  readonly #checks: Checks
  readonly #cluster: Cluster
  readonly #clients: Client[]
  readonly #nemesis: Nemesis
  readonly #bounds: BoundsCheck

  constructor(
    private readonly world: World,
    private readonly swarm: Swarm,
  ) {
    world.note(JSON.stringify({ ...swarm, faults: [...swarm.faults] }))
    this.#checks = new Checks(
      world,
      [...swarm.names, ...swarm.semaphores],
      programOf(swarm.isMixed ? NEXT_LEVEL : FEATURE_LEVEL),
    )
    this.#cluster = new Cluster(world, swarm, this.#checks)
    this.#clients = this.#makeClients()
    this.#nemesis = new Nemesis(this.#cluster, this.#clients)
    this.#bounds = new BoundsCheck(world, swarm.settings)
  }

  async run(): Promise<void> {
    const { world, swarm } = this
    for (const host of this.#cluster.hosts.values()) {
      world.after(world.random.around(500), () => this.#cluster.start(host))
    }
    if (swarm.earlyFaults) this.#nemesis.start()
    else if (!(await world.until(() => this.#allServe(), FORMATION_MS))) world.fail('the cluster did not form')
    for (const client of this.#clients) client.start()
    this.#lookAtBounds()
    if (!swarm.earlyFaults) this.#nemesis.start()
    await world.until(() => false, swarm.safetyMs)
    this.#nemesis.stop()
    this.#heal()
    world.note('liveness')
    if (!(await world.until(() => this.#isSettled(), LIVENESS_MS))) world.fail(`no progress: ${this.#describe()}`)
    if (world.violation === null) this.#checkRest()
  }

  #lookAtBounds(): void {
    for (const { member, isUp } of this.#cluster.hosts.values()) if (member !== null && isUp) this.#bounds.look(member)
    this.world.after(BOUNDS_INTERVAL_MS, () => this.#lookAtBounds())
  }

  #makeClients(): Client[] {
    const { world, swarm } = this
    const { random } = world
    const deps: ClientWorld = {
      world,
      checks: this.#checks,
      names: swarm.names,
      semaphores: swarm.semaphores,
      metaBytes: swarm.metaBytes,
      notes: swarm.isMixed,
      nodeIds: () => [...this.#cluster.hosts.keys()],
      dial: (process, nodeId, handlers) => this.#cluster.dial(process, nodeId, handlers),
    }
    const host = (name: string) =>
      new Process(world, new Machine(world, name, random.between(1, swarm.maxClockRate)), name)
    const classic = Array.from({ length: swarm.classicClients }, (_, i) => {
      const name = `classic${i + 1}`
      return new ClassicClient(name, host(name), deps, swarm.thinkMs, swarm.holdMs)
    })
    const sessions = Array.from({ length: swarm.sessionClients }, (_, i) => {
      const name = `session${i + 1}`
      const leaseMs = random.pick(SESSION_LEASES_MS)
      const from = random.pick<From>(['own end', 'own end', 'unknown', 'nothing'])
      const lingerMs = random.pick(LINGERS_MS)
      const isOperator = swarm.hasOperators && random.chance(0.7)
      return new SessionClient(name, host(name), deps, swarm.thinkMs, leaseMs, lingerMs, from, isOperator)
    })
    const rude = Array.from({ length: swarm.rudeClients }, (_, i) => {
      const name = `rude${i + 1}`
      return new RudeClient(name, host(name), deps, swarm.thinkMs)
    })
    const prefixes = ['', random.pick(swarm.names)]
    const watching = prefixes.map(
      (prefix, i) => new WatchingClient(`watching${i + 1}`, host(`watching${i + 1}`), deps, prefix),
    )
    return [...classic, ...sessions, ...rude, ...watching]
  }

  #heal(): void {
    const cluster = this.#cluster
    cluster.isHealing = true
    cluster.peers.healAll()
    cluster.late.end()
    Object.assign(cluster.peers.times, { lateChance: 0, jitterChance: 0 })
    for (const host of cluster.hosts.values()) {
      host.volume.heal()
      host.process?.cont()
      host.process?.armFailpoint('', 0)
      cluster.start(host)
    }
    if (this.swarm.isMixed && this.swarm.isFinished) finishUpgrade(cluster)
    for (const client of this.#clients) {
      client.process.cont()
      client.connection()?.heal()
      client.finish()
    }
  }

  #allServe(): boolean {
    return this.#cluster.memberIds().every((id) => this.#cluster.hosts.get(id)?.member?.isServing === true)
  }

  /** Members that can serve: a lost directory is for an operator. */
  #sound() {
    return this.#cluster
      .memberIds()
      .flatMap((id) => this.#cluster.hosts.get(id) ?? [])
      .filter((host) => !host.isWiped && !host.isRefused)
  }

  #isSettled(): boolean {
    const { reference, lastIndex } = this.#checks.log
    if (reference === null || !this.#clients.every((client) => client.isDone())) return false
    // Tails and what is held without a session end by their time.
    if (reference.inspect().locks.size + reference.sessionCount > 0) return false
    if (mustRise(this.#cluster)) return false
    return this.#sound().every(
      ({ member }) =>
        member?.isServing === true &&
        // A client whose host is gone is found out by keepalive.
        member.service?.stats().connections === 0 &&
        member.node?.appliedIndex() === lastIndex &&
        member.node.status()?.commitIndex === lastIndex,
    )
  }

  /** After the last work nothing may be left behind anywhere. */
  #checkRest(): void {
    const { world } = this
    const hash = this.#checks.log.reference?.stateHash()
    for (const { nodeId, member } of this.#sound()) {
      if (member?.machine?.stateHash() !== hash) world.fail(`${nodeId} ended in another state`)
      const stats = member?.service?.stats()
      if (stats !== undefined && stats.unsettled + stats.sessions + stats.connections > 0) {
        world.fail(`${nodeId} still has ${JSON.stringify(stats)}`)
      }
    }
  }

  #describe(): string {
    const { reference, lastIndex } = this.#checks.log
    const clients = this.#clients.filter((client) => !client.isDone()).map((client) => client.describe())
    const nodes = [...this.#cluster.hosts.values()].map(({ nodeId, member, isUp, isRefused, isWiped }) => {
      const status = member?.node?.status()
      const state = `${isUp ? 'up' : 'down'}${isRefused ? ' refused' : ''}${isWiped ? ' wiped' : ''}`
      const log = `term ${status?.term} leader ${status?.leader} commit ${status?.commitIndex}`
      return `${nodeId} ${state} ${log} applied ${status?.appliedIndex} serves ${member?.isServing}`
    })
    const state = `locks ${reference?.lockCount} sessions ${reference?.sessionCount} waiters ${reference?.waiterCount}`
    return `${state}, last index ${lastIndex}; ${nodes.join('; ')}; ${clients.join('; ')}`
  }
}
