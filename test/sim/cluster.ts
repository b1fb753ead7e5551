/** The hosts of a cluster, the node process on each, and what a supervisor does when one ends. */

import { FrameKind, Lane, type Peer } from '../../src/raft/ports/transport.js'
import { formatOfLevel } from '../../src/raft/store/data-directory.js'
import type { Checks } from './checks/checks.js'
import { STORE_FAILPOINTS } from './checks/tapped-store.js'
import { DISK_FAILPOINTS, Volume } from './disk.js'
import { Host } from './host.js'
import { Member } from './member.js'
import type { ClientConnection, ClientHandlers } from './network/client-connection.js'
import { ClientNetwork } from './network/client-network.js'
import { LateLines } from './network/late-lines.js'
import { PeerNetwork } from './network/peer-network.js'
import { peerOf } from './network/station.js'
import { newerRefused } from './newer-layout.js'
import { Machine, Process } from './process.js'
import { PutBack } from './put-back.js'
import type { Swarm } from './swarm.js'
import { firstLevel } from './upgrade.js'
import type { World } from './world.js'

const FIRST_START_FAILPOINTS = [...DISK_FAILPOINTS, ...STORE_FAILPOINTS]
/** Configurations that some node may still have after a restart. */
const RECENT_CONFIGS = 3
const JOINT_CRASH_MS = 3
const STALL_SPREAD_MS = 2

export class Cluster {
  readonly hosts = new Map<string, Host>()
  readonly peers: PeerNetwork
  readonly clients: ClientNetwork
  readonly late: LateLines
  readonly putBack = new PutBack(this)
  readonly founders: Peer[]
  #volumes = 0
  #machines = 0
  #lastNodeNumber: number
  /** The last phase: everything that can come back does. */
  isHealing = false
  /** So many leaders die when they have entered a joint configuration. */
  jointCrashes = 0
  /** What else happens when a leader has entered a joint configuration, once. */
  onJoint: ((leader: Host) => void) | null = null
  /** While a shared disk stalls: nodes that have ended because their disk hangs. */
  #endedByStall: Set<string> | null = null
  /** Who takes whose place, once it has caught up. */
  readonly replacements = new Map<string, string>()

  constructor(
    readonly world: World,
    readonly swarm: Swarm,
    readonly checks: Checks,
  ) {
    this.peers = new PeerNetwork(world, { ...swarm.peer }, swarm.lanes, swarm.hasPeerSecret)
    this.clients = new ClientNetwork(world, { meanMs: swarm.clientMeanMs, relayedShare: swarm.relayedShare })
    this.late = new LateLines(world)
    this.#lastNodeNumber = swarm.nodes
    this.founders = Array.from({ length: swarm.nodes }, (_, i) => peerOf(`n${i + 1}`))
    for (const { nodeId } of this.founders) {
      const host = this.addHost(nodeId)
      if (swarm.isMixed) host.programLevel = firstLevel(swarm, world.random)
    }
    if (swarm.faults.has('put back')) this.peers.meeting = this.putBack
    checks.configs.onJoint = () => this.#jointEntered()
    this.peers.onSend = ({ kind, lane, payload }) => {
      if (kind === FrameKind.raft && lane === Lane.control) checks.votes.sent(payload)
    }
  }

  addHost(nodeId: string): Host {
    const host = new Host(nodeId, this.#newMachine(nodeId), this.#newVolume())
    this.hosts.set(nodeId, host)
    return host
  }

  #newMachine(name: string): Machine {
    const { world, swarm } = this
    return new Machine(world, `${name}-machine-${++this.#machines}`, world.random.between(1, swarm.maxClockRate))
  }

  #volumeId(): string {
    return `volume-${++this.#volumes}`
  }

  #newVolume(): Volume {
    return new Volume(this.world, this.#volumeId(), { syncMs: this.swarm.syncMs, readMs: 0.2 })
  }

  upHosts(): Host[] {
    return [...this.hosts.values()].filter((host) => host.isUp)
  }

  memberIds(): string[] {
    const reference = this.checks.log.reference
    return reference === null ? this.founders.map(({ nodeId }) => nodeId) : reference.members().map((m) => m.nodeId)
  }

  /** As the leader knows them; none while there is no leader. */
  voterIds(): string[] {
    const voters = this.leader()?.node?.status()?.confState.voters ?? []
    const members = this.checks.log.reference?.members() ?? []
    return members.filter(({ raftId }) => voters.includes(raftId)).map(({ nodeId }) => nodeId)
  }

  /**
   * Whether a majority of the voters keeps its directories, and is not about to be removed, when one more voter loses its
   * own: what a majority has lost nobody can bring back, so any loss that is seen is a fault of the program.
   */
  canLoseOne(): boolean {
    const inForce = this.leader()?.node?.status()?.confState
    const members = this.checks.log.reference?.members() ?? []
    if (inForce === undefined) return false
    // Who has not become a member yet may follow a founder that was wiped into a second bootstrap, and is refused then
    // (rules.md, Consensus, Bootstrap: an unconfirmed id may be stored again).
    const isSound = (host: Host | undefined) => host !== undefined && !host.isLost && host.raftId !== 0
    // A node that starts again goes on from the commit index on its disk, and so from a configuration before the last one.
    const halves = [inForce, ...this.checks.log.confStates.slice(-RECENT_CONFIGS)].flatMap((one) => [
      one.voters,
      one.votersOutgoing,
    ])
    return halves.every((half) => {
      const nodeIds = half.map((id) => members.find(({ raftId }) => raftId === id)?.nodeId ?? '')
      const lost = nodeIds.filter((nodeId) => !isSound(this.hosts.get(nodeId))).length
      return half.length === 0 || 2 * (lost + 1) < half.length
    })
  }

  /** A node id that no member ever had. */
  freshNodeId(): string {
    return `n${++this.#lastNodeNumber}`
  }

  leader(): Member | null {
    const leaders = this.upHosts().flatMap(({ member }) => (member?.node?.isLeaderReady() ? [member] : []))
    return leaders.sort((a, b) => (b.node?.term() ?? 0) - (a.node?.term() ?? 0))[0] ?? null
  }

  start(host: Host): void {
    if (host.isUp || host.isRefused) return
    const { world, checks, swarm } = this
    const { volume, programLevel } = host
    const { damage } = volume
    volume.opened(formatOfLevel(programLevel))
    const process = new Process(world, host.machine, `${host.nodeId}#${++host.starts}`)
    host.process = process
    world.note(`start ${process.name}`)
    this.#armAtStart(host, process)
    host.member = new Member({
      world,
      nodeId: host.nodeId,
      process,
      volume: host.volume,
      programLevel,
      peers: this.peers,
      clients: this.clients,
      clientPlaces: swarm.clientPlaces,
      checks,
      settings: swarm.settings,
      founders: host.isJoiner ? [] : this.founders,
      joinAt: host.isJoiner ? this.memberIds().map(peerOf) : [],
      running: (raftId) => {
        // A process that was cut off with a copy of the directory may get through its start only now.
        const isPresent = host.process === process
        if (isPresent) host.raftId = raftId
        const newest = formatOfLevel(programLevel)
        if (newest < volume.format) world.fail(`${host.nodeId} runs on a directory of a newer format`)
        if (newest > volume.format) world.count('seen older layout read')
        // It read all that it needs, and the store check compared it: what was hit was of no use.
        if (damage !== null && volume.damage === damage) {
          world.count('seen damage without effect')
          volume.damage = null
        }
        if (isPresent && host.isWiped) world.fail(`${host.nodeId} is a member with a wiped directory`)
      },
      exited: (code, error) => this.#exited(host, process, code, error),
    })
    process.onKilled(() => {
      if (!host.isRefused && host.process === process) this.#restartLater(host)
    })
    void host.member.start()
  }

  /** A first start makes a directory and an identity, and receives a snapshot: what later ones do not do. */
  #armAtStart(host: Host, process: Process): void {
    const { random } = this.world
    if (host.raftId === 0 && this.swarm.faults.has('failpoint') && !this.isHealing && random.chance(0.3)) {
      process.armFailpoint(random.pick(FIRST_START_FAILPOINTS), 1 + random.int(3))
    } else if (host.failpointAtStart !== null) {
      process.armFailpoint(host.failpointAtStart.name, host.failpointAtStart.times)
    }
    host.failpointAtStart = null
  }

  get allHang(): boolean {
    return this.#endedByStall !== null
  }

  /** The disk that all share stalls, for each of them within a moment. */
  hangAll(forMs: number): void {
    const { world } = this
    this.#endedByStall = new Set()
    const hosts = [...this.hosts.values()].map(({ volume }) => volume)
    for (const volume of hosts) world.after(world.random.around(STALL_SPREAD_MS), () => volume.hang())
    world.after(forMs + 10 * STALL_SPREAD_MS, () => {
      this.#endedByStall = null
      for (const volume of hosts) volume.answer()
    })
  }

  /** A hanging disk may end a process; those that stall together must not end together (rules.md, Consensus, Slow disks). */
  #endedByHanging({ nodeId }: Host): void {
    this.world.count('seen end by a hanging disk')
    const ended = this.#endedByStall?.add(nodeId) ?? new Set()
    const members = this.memberIds().filter((id) => ended.has(id))
    if (2 * members.length > this.memberIds().length) this.world.fail(`all disks hang, and ${members} have ended`)
  }

  kill(host: Host): void {
    this.world.note(`kill ${host.nodeId}`)
    host.process?.kill()
  }

  /** The page cache is lost, the clocks start anew, and nobody is told. */
  losePower(host: Host): void {
    this.world.note(`power loss at ${host.nodeId}`)
    host.process?.kill(true)
    host.machine.reboot()
    host.volume.loseUnsynced()
  }

  /** The directory is lost, or was mounted empty: a member whose promises nobody knows. */
  wipe(host: Host): void {
    this.world.note(`wipe ${host.nodeId}`)
    host.process?.kill()
    host.volume = this.#newVolume()
    host.isWiped = true
  }

  /** An operator gives a node id that was removed, and added again, an empty directory and lets it join. */
  renew(host: Host): void {
    this.world.note(`renew ${host.nodeId}`)
    this.world.count('seen node id renewed')
    host.process?.kill()
    host.volume = this.#newVolume()
    host.raftId = 0
    host.isWiped = false
    host.isRefused = false
    host.removalAsked = false
    host.isJoiner = true
    this.start(host)
  }

  /** The leader may die before or after others know that it leaves the joint configuration again. */
  #jointEntered(): void {
    const leader = this.hosts.get(this.leader()?.deps.nodeId ?? '')
    if (leader === undefined || this.isHealing) return
    this.onJoint?.(leader)
    this.onJoint = null
    if (this.jointCrashes === 0) return
    this.jointCrashes--
    this.world.count('crash in joint')
    this.world.after(this.world.random.around(JOINT_CRASH_MS), () => this.kill(leader))
  }

  /** The process ends, and its directory goes on elsewhere: as another inode under another kernel. */
  move(host: Host): void {
    host.process?.kill()
    host.volume = this.copyOf(host.volume)
    host.machine = this.#newMachine(host.nodeId)
  }

  /**
   * The process lives on, cut off from all other nodes but not from its clients, while its directory is started again: the
   * right to speak of the one must have ended before its locks go to others (rules.md rule 1). Cut off for good: two
   * processes of one Raft id that both have a disk and peers could vote twice, which Raft does not bear (ADR 11).
   */
  startTwice(host: Host, how: 'attached elsewhere' | 'copied elsewhere' | 'copied'): void {
    const { world, peers } = this
    const former = host.process
    world.note(`${former?.name} is cut off, and its directory ${how}`)
    peers.exile(host.nodeId)
    if (former !== null) former.isCutOff = true
    const copy = this.copyOf(host.volume)
    if (how === 'attached elsewhere') {
      copy.lockIdentity = host.volume.lockIdentity
      host.volume.isGone = true
    } else {
      // An entry that others have acknowledged, and that it had under way to its own disk, is not in the copy: with that
      // write done it would commit what the copy has never had.
      host.volume.hangForGood()
    }
    if (how !== 'copied') host.machine = this.#newMachine(host.nodeId)
    host.volume = copy
    host.process = null
    host.member = null
    const { nodeLeaseMs } = this.swarm.settings
    world.after(world.random.logBetween(nodeLeaseMs / 10, 4 * nodeLeaseMs), () => former?.kill())
    world.after(world.random.logBetween(1, nodeLeaseMs), () => this.start(host))
  }

  copyOf(volume: Volume): Volume {
    const copy = volume.copy(this.#volumeId())
    this.checks.store.copied(volume.id, copy.id)
    if (this.world.random.chance(0.5)) copy.loseUnsynced()
    return copy
  }

  dial(process: Process, nodeId: string, handlers: ClientHandlers): ClientConnection {
    const connection = this.clients.dial(process, nodeId, handlers)
    this.late.dialled(connection)
    return connection
  }

  #exited(host: Host, process: Process, code: number, error: unknown): void {
    if (!process.isAlive) return
    const words = error instanceof Error ? `${error.message}` : String(error)
    this.world.note(`${process.name} ends with ${code}: ${words}`)
    this.world.count(`exit ${code}`)
    if (host.process !== process) {
      // Its directory runs elsewhere: it may end whenever it learns of that, or misses its volume.
      process.kill()
      return
    }
    const fate = host.fateOf(code, words, this.checks.log.reference?.level ?? 0)
    if (fate === 'too old' || fate === 'set back') {
      newerRefused(this.world, host, words, fate === 'set back')
      process.kill()
      return
    }
    if (code === 4 && host.volume.isDamaged) this.world.count('seen damaged directory refused')
    // A disk that hangs for all may fail for one as well: that end is another's doing.
    if (fate === 'hangs') this.#endedByHanging(host)
    if (fate === 'unexpected') {
      const stack = error instanceof Error ? error.stack : ''
      this.world.fail(`${host.nodeId} ends with ${code}: ${words} ${stack}`)
    }
    // A stop that was asked for has no reason of its own, and ends nothing.
    host.isRefused = code === 4 || (code === 0 && error !== null)
    process.kill()
  }

  #restartLater(host: Host): void {
    const { random } = this.world
    const delayMs = this.isHealing ? 100 : random.logBetween(50, 15_000)
    this.world.after(delayMs, () => this.start(host))
  }
}
