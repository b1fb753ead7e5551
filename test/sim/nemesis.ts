/** Strikes at random times with the faults of the swarm, and heals them, mostly. */
import type { Client } from './clients/client.js'
import { type Cluster, type Host, peerOf } from './cluster.js'
import { FAULTS, type FaultName } from './swarm.js'

const FAILPOINTS = [
  'before sync',
  'after sync',
  'before write',
  'after write',
  'before send',
  'after send',
  'before receive',
  'before apply',
  'after apply',
  'before client write',
  'after client write',
] as const

const MEMBERS_MAX = 9
const OPERATOR_INTERVAL_MS = 1_000

export class Nemesis {
  #isOver = false
  #added: number

  constructor(
    private readonly cluster: Cluster,
    private readonly clients: readonly Client[],
  ) {
    this.#added = cluster.swarm.nodes
  }

  start(): void {
    for (const fault of FAULTS) {
      const meanMs = this.cluster.swarm.faults.get(fault)
      if (meanMs !== undefined) this.#schedule(fault, meanMs)
    }
    this.#operate()
  }

  stop(): void {
    this.#isOver = true
  }

  #schedule(fault: FaultName, meanMs: number): void {
    const { world } = this.cluster
    world.after(world.random.around(meanMs), () => {
      if (this.#isOver) return
      this.#strike(fault)
      this.#schedule(fault, meanMs)
    })
  }

  #strike(fault: FaultName): void {
    const { cluster } = this
    const { world } = cluster
    const { random } = world
    const up = cluster.upHosts()
    if (up.length === 0) return
    // The leader is the most interesting victim.
    const leading = cluster.leader()?.deps.nodeId
    const host = (random.chance(0.5) ? up.find(({ nodeId }) => nodeId === leading) : undefined) ?? random.pick(up)
    world.note(`fault: ${fault} (${host.nodeId})`)
    if (this.#atProcess(fault, host, up) || this.#atNetwork(fault, host) || this.#atDisk(fault, host))
      world.count(fault)
    else if (this.#atClient(fault) || this.#atMembership(fault, host)) world.count(fault)
  }

  #atProcess(fault: FaultName, host: Host, up: readonly Host[]): boolean {
    const { cluster } = this
    const { random } = cluster.world
    const { nodeLeaseMs } = cluster.swarm.settings
    if (fault === 'kill') cluster.kill(host)
    else if (fault === 'power loss') cluster.losePower(host)
    else if (fault === 'crash of all') {
      const powerless = random.chance(0.5)
      for (const each of up) {
        if (powerless) cluster.losePower(each)
        else cluster.kill(each)
      }
    } else if (fault === 'failpoint') {
      host.process?.armFailpoint(random.pick(FAILPOINTS), 1 + random.int(20))
    } else if (fault === 'pause') host.process?.stop(random.logBetween(50, nodeLeaseMs))
    else if (fault === 'long pause') host.process?.stop(random.between(0.5, 4) * nodeLeaseMs)
    else if (fault === 'suspend') host.process?.stop(random.logBetween(500, 4 * nodeLeaseMs), true)
    else if (fault === 'stall') {
      for (const each of up) if (random.chance(0.5)) each.process?.stop(random.logBetween(5, 1_500))
    } else if (fault === 'graceful restart') void host.member?.stop()
    else return false
    return true
  }

  #atNetwork(fault: FaultName, host: Host): boolean {
    const { peers, world } = this.cluster
    const { random } = world
    const ids = [...this.cluster.hosts.keys()]
    const others = ids.filter((id) => id !== host.nodeId)
    const forMs = random.logBetween(200, 20_000)
    const pairs: [string, string][] = []
    if (fault === 'cut' || fault === 'one-way cut') {
      const other = random.pick(others)
      pairs.push([host.nodeId, other])
      if (fault === 'cut') pairs.push([other, host.nodeId])
    } else if (fault === 'isolation') {
      const ways = random.pick(['both', 'in', 'out'])
      for (const other of others) {
        if (ways !== 'in') pairs.push([host.nodeId, other])
        if (ways !== 'out') pairs.push([other, host.nodeId])
      }
    } else if (fault === 'bridge') {
      // Two halves that both see only the victim.
      const side = new Set(random.shuffled(others).slice(0, others.length >> 1))
      for (const one of others) for (const two of others) if (side.has(one) !== side.has(two)) pairs.push([one, two])
    } else if (fault === 'slow link') {
      const other = random.pick(others)
      peers.slow(host.nodeId, other, random.logBetween(3, 300))
      world.after(forMs, () => peers.slow(host.nodeId, other, 1))
      return true
    } else if (fault === 'broken peer connection') {
      peers.breakSome()
      return true
    } else return false
    for (const [from, to] of pairs) peers.cut(from, to)
    world.after(forMs, () => {
      for (const [from, to] of pairs) peers.heal(from, to)
    })
    return true
  }

  #atDisk(fault: FaultName, { volume }: Host): boolean {
    const { world } = this.cluster
    const { random } = world
    const forMs = random.logBetween(500, 15_000)
    if (fault === 'slow disk') {
      volume.slowness = random.logBetween(3, 300)
      world.after(forMs, () => {
        volume.slowness = 1
      })
    } else if (fault === 'full disk') {
      volume.isFull = true
      world.after(forMs, () => {
        volume.isFull = false
      })
    } else if (fault === 'fsync error') volume.failNextSync = true
    else return false
    return true
  }

  #atClient(fault: FaultName): boolean {
    const { random } = this.cluster.world
    const client = random.pick(this.clients)
    const forMs = random.logBetween(100, 20_000)
    if (fault === 'client freeze') client.process.stop(forMs)
    else if (fault === 'client suspend') client.process.stop(forMs, true)
    else if (fault === 'client link cut') client.connection()?.cut(random.logBetween(100, 30_000))
    else return false
    return true
  }

  // ------------------------------------------------------------------------------------------- membership

  #atMembership(fault: FaultName, host: Host): boolean {
    const { cluster } = this
    const members = cluster.memberIds()
    const voters = cluster.checks.log.reference === null ? [] : this.#voters()
    if (fault === 'transfer') this.#ask(`.transfer,node:${cluster.world.random.pick(members)}`)
    else if (fault === 'add member') {
      if (members.length >= MEMBERS_MAX) return false
      const nodeId = `n${++this.#added}`
      this.#ask(`.member-add,node:${nodeId},peer:${peerOf(nodeId).address}`)
    } else if (fault === 'remove member') {
      if (voters.length <= 3 || !members.includes(host.nodeId)) return false
      host.removalAsked = true
      this.#ask(`.member-remove,node:${host.nodeId}`)
    } else if (fault === 'wipe') {
      const dead = voters.filter((id) => cluster.hosts.get(id)?.isWiped !== false).length
      if (2 * (dead + 1) >= voters.length || !voters.includes(host.nodeId)) return false
      cluster.wipe(host)
    } else return false
    return true
  }

  #voters(): string[] {
    const status = this.cluster.leader()?.node?.status()
    const members = this.cluster.checks.log.reference?.members() ?? []
    const ids = status?.confState.voters ?? []
    return members.filter(({ raftId }) => ids.includes(raftId)).map(({ nodeId }) => nodeId)
  }

  #ask(line: string): void {
    const up = this.cluster.upHosts()
    const { world } = this.cluster
    if (up.length === 0) return
    world.random.pick(up).member?.administer(line, (answer) => world.note(`${line} -> ${answer.trim()}`))
  }

  /** An operator who looks after added, wiped and removed nodes. */
  #operate(): void {
    if (this.#isOver) return
    const { cluster } = this
    const { random } = cluster.world
    const voters = new Set(this.#voters())
    for (const nodeId of cluster.memberIds()) {
      const known = cluster.hosts.get(nodeId)
      if (known === undefined) {
        const host = cluster.addHost(nodeId)
        host.isJoiner = true
        cluster.start(host)
      } else if (!voters.has(nodeId) && known.isUp && random.chance(0.3)) this.#ask(`.member-promote,node:${nodeId}`)
      else if (known.isRefused && known.isWiped && random.chance(0.2)) {
        known.removalAsked = true
        this.#ask(`.member-remove,node:${nodeId}`)
      }
    }
    cluster.world.after(OPERATOR_INTERVAL_MS, () => this.#operate())
  }
}
