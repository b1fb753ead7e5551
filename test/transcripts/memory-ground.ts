/** Scenes in virtual time, on whole nodes without disks and sockets (test/service/kit). */
import { readFileSync } from 'node:fs'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { readAuth } from '../../src/server/access/auth-schema.js'
import { AccessControl } from '../../src/service/access/access-control.js'
import { FilePolicy } from '../../src/service/access/file-policy.js'
import type { LockServiceOptions } from '../../src/service/lock-service.js'
import { Cluster } from '../service/kit/cluster.js'
import type { FakeNode } from '../service/kit/node.js'
import type { FakeSocket } from '../service/kit/socket.js'
import type { Ground, Place, SceneNode, SceneWire } from './replay.js'
import type { NodeFate, Scene } from './script.js'

/** An answer that takes longer does not come. */
const PATIENCE_MS = 120_000

export class MemoryGround implements Ground {
  readonly #cluster: Cluster

  /** `at`: the node that is looked at; the first one leads. */
  constructor(
    private readonly at: number,
    { settings, level }: Pick<Scene, 'settings' | 'level'>,
  ) {
    const cluster = clusterOf(settings)
    const programLevel = level ?? FEATURE_LEVEL
    for (const node of cluster.nodes) node.programLevel = programLevel
    cluster.start()
    cluster.world.until(() => cluster.nodes.every(({ machine }) => machine.level === programLevel))
    // As real ones, whose state begins with the snapshot in which the cluster was formed: what was before is not remembered.
    for (const node of cluster.nodes) node.installSnapshotOf(node)
    this.#cluster = cluster
  }

  async node(place: Place): Promise<SceneNode> {
    const found = this.#find(place)
    return {
      connect: async () => new MemoryWire(found),
      meets: async (fate) => this.#meets(found, fate),
    }
  }

  #find(place: Place): FakeNode {
    const { nodes, leader, world } = this.#cluster
    // Looked at first.
    const inOrder = nodes.map((_, nth) => this.#cluster.node((this.at + nth) % nodes.length))
    if (typeof place === 'object' && 'nth' in place) {
      const { nth } = place
      const tried = [...inOrder.slice(nth % nodes.length), ...inOrder]
      return known(tried.find(({ crashed }) => !crashed))
    }
    if (typeof place === 'object') return known(nodes.find(({ nodeId }) => place.address.startsWith(`${nodeId}:`)))
    if (place === 'the leader') return known(leader)
    const follower = known(inOrder.find((node) => node !== leader && !node.crashed))
    world.until(() => follower.believedLeader === leader)
    return follower
  }

  #meets(node: FakeNode, fate: NodeFate): void {
    if (fate === 'stops') {
      // Leadership first, then the clients.
      if (this.#cluster.leader === node) this.#electAfter(node)
      node.service.stop(() => node.kill())
    } else if (fate === 'ends') {
      if (!node.shutdownAsked) throw new Error(`nothing ends ${node.nodeId}`)
      node.kill()
    } else node.cut = fate === 'is cut off'
    this.#cluster.world.advance(0)
    if (fate === 'is back') this.#cluster.world.until(() => this.#cluster.nodes.every(mayServe))
  }

  async anotherLeader(): Promise<void> {
    this.#electAfter(this.#cluster.leader)
  }

  #electAfter(leader: FakeNode | null): void {
    const { nodes, world } = this.#cluster
    const at = leader === null ? -1 : nodes.indexOf(leader)
    const next = this.#cluster.node((at + 1) % nodes.length)
    this.#cluster.elect(next)
    world.until(() => next.isLeaderReady())
  }

  async pass(ms: number): Promise<void> {
    this.#cluster.world.advance(ms)
  }
}

function known(node: FakeNode | null | undefined): FakeNode {
  if (node == null) throw new Error('there is no such node')
  return node
}

const mayServe = ({ crashed, service }: FakeNode): boolean => crashed || service.stats().speakRemainingMs > 0

/** Settings as `tnl-server` has them. */
function clusterOf(settings: ReadonlyMap<string, string>): Cluster {
  const service: { -readonly [Key in keyof LockServiceOptions]?: LockServiceOptions[Key] } = {}
  let leaseMs = 10_000
  let isAdminOff = false
  let access: AccessControl | undefined
  for (const [flag, value] of settings) {
    if (flag === 'lease') leaseMs = Number(value) * 1_000
    else if (flag === 'request-timeout') service.requestTimeoutMs = Number(value) * 1_000
    else if (flag === 'followers' && value === 'redirect') service.followers = value
    else if (flag === 'allow-shutdown') service.allowShutdown = true
    else if (flag === 'admin' && value === 'off') isAdminOff = true
    else if (flag === 'auth-file') access = new AccessControl(policyIn(value))
    else throw new Error(`--${flag} ${value}: a cluster in virtual time has no such setting`)
  }
  return new Cluster({ leaseMs, service, isAdminOff, ...(access === undefined ? {} : { access }) })
}

function policyIn(file: string): FilePolicy {
  const read = readAuth(readFileSync(file, 'utf8'))
  if (!('data' in read)) throw new Error(`${file}: ${JSON.stringify(read)}`)
  return new FilePolicy(read.data, false)
}

class MemoryWire implements SceneWire {
  readonly #socket: FakeSocket
  #taken = 0

  constructor(private readonly node: FakeNode) {
    this.#socket = node.connect()
  }

  get unread(): string {
    return this.#socket.text.slice(this.#taken)
  }
  get ended(): boolean {
    return this.#socket.closed !== null
  }
  get localEnd(): string {
    const { host, port } = this.#socket.ownEnd
    return `${host}:${port}`
  }

  send(text: string): void {
    this.#socket.send(text)
    this.node.world.advance(0)
  }

  async line(): Promise<string | null> {
    this.node.world.until(() => this.unread.includes('\n') || this.ended, PATIENCE_MS)
    const end = this.unread.indexOf('\n')
    if (end < 0) return null
    const line = this.unread.slice(0, end)
    this.#taken += end + 1
    return line
  }

  fin(): void {
    this.#socket.fin()
    this.node.world.advance(0)
  }
  reset(): void {
    this.#socket.break()
    this.node.world.advance(0)
  }
}
