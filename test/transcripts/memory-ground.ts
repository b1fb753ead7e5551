/** Scenes in virtual time, on whole nodes without disks and sockets (test/service/kit). */
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { Cluster } from '../service/kit/cluster.js'
import type { FakeNode } from '../service/kit/node.js'
import type { FakeSocket } from '../service/kit/socket.js'
import type { Ground, SceneWire } from './replay.js'

/** An answer that takes longer does not come. */
const PATIENCE_MS = 120_000

export class MemoryGround implements Ground {
  readonly #cluster = new Cluster()

  /** `at`: the node that is looked at; the first one leads. */
  constructor(private readonly at: number) {
    const cluster = this.#cluster
    for (const node of cluster.nodes) node.programLevel = FEATURE_LEVEL
    cluster.start()
    cluster.world.until(() => cluster.nodes.every(({ machine }) => machine.level === FEATURE_LEVEL))
  }

  async connect(nth: number): Promise<SceneWire> {
    const { nodes } = this.#cluster
    return new MemoryWire(this.#cluster.node((this.at + nth) % nodes.length))
  }

  async anotherLeader(): Promise<void> {
    const { nodes, world, leader } = this.#cluster
    const at = leader === null ? -1 : nodes.indexOf(leader)
    const next = this.#cluster.node((at + 1) % nodes.length)
    this.#cluster.elect(next)
    world.until(() => next.isLeaderReady())
  }

  async pass(ms: number): Promise<void> {
    this.#cluster.world.advance(ms)
  }
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
