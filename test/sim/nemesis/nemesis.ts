/** Strikes at random times with the faults of the swarm. */
import type { Client } from '../clients/client.js'
import type { Cluster } from '../cluster.js'
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.js'
import { Operator } from './operator.js'

export class Nemesis {
  #isOver = false
  readonly #operator: Operator

  constructor(
    private readonly cluster: Cluster,
    private readonly clients: readonly Client[],
  ) {
    this.#operator = new Operator(cluster, (line) => this.#ask(line))
  }

  start(): void {
    for (const fault of FAULT_NAMES) {
      const meanMs = this.cluster.swarm.faults.get(fault)
      if (meanMs !== undefined) this.#schedule(fault, meanMs)
    }
    this.#operator.round()
  }

  stop(): void {
    this.#isOver = true
    this.#operator.stop()
  }

  #schedule(fault: FaultName, meanMs: number): void {
    const { world } = this.cluster
    world.after(world.random.around(meanMs), () => {
      if (this.#isOver) return
      this.#strike(fault)
      this.#schedule(fault, meanMs)
    })
  }

  #strike(name: FaultName): void {
    const { cluster, clients } = this
    const { world } = cluster
    const { random } = world
    const up = cluster.upHosts()
    if (up.length === 0) return
    const leading = cluster.leader()?.deps.nodeId
    const victim = (random.chance(0.5) ? up.find(({ nodeId }) => nodeId === leading) : undefined) ?? random.pick(up)
    world.note(`fault: ${name} (${victim.nodeId})`)
    if (FAULTS[name]({ cluster, clients, random, victim, ask: (line) => this.#ask(line) })) world.count(`fault ${name}`)
  }

  #ask(line: string): void {
    const { cluster } = this
    const { world } = cluster
    const up = cluster.upHosts()
    if (up.length === 0) return
    world.random.pick(up).member?.administer(line, (answer) => world.note(`${line} -> ${answer.trim()}`))
  }
}
