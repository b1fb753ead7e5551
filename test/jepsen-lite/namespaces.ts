import { NetworkNamespace } from '../kit/network-namespace.js'
import { runCommand, troubleOf } from '../kit/run-command.js'
import type { Heal } from './links/links.js'
import type { Housing } from './local-cluster.js'

/** Private addresses that are seldom used: the links have the first, nodes two each further on. */
const NETWORK = '10.213'
const LINK_HOST = `${NETWORK}.0.1`
/** A network namespace for each node: its packets can be dropped for real, as a broken cable or a firewall does it. */
export class Namespaces implements Housing {
  readonly linkHost = LINK_HOST
  readonly #rooms = new Map<string, NetworkNamespace>()

  private constructor() {}

  /** A string says why that cannot be done here. */
  static create(): Namespaces | string {
    if (process.platform !== 'linux') return 'needs Linux'
    const probe = `jepsen-${process.pid}-probe`
    const trouble =
      troubleOf('ip', ['netns', 'add', probe]) ??
      troubleOf('ip', ['netns', 'exec', probe, 'iptables', '-A', 'INPUT', '-j', 'ACCEPT']) ??
      troubleOf('ip', ['addr', 'add', `${LINK_HOST}/32`, 'dev', 'lo'])
    troubleOf('ip', ['netns', 'del', probe])
    return trouble === null ? new Namespaces() : `needs ip and iptables, and root (${trouble})`
  }

  hostOf(nodeId: string): string {
    return this.#roomOf(nodeId).host
  }

  /** Whose address this is; null: nobody's here. */
  nodeAt(address: string): string | null {
    return [...this.#rooms].find(([, { host }]) => host === address)?.[0] ?? null
  }

  launcherOf(nodeId: string): readonly string[] {
    return this.#roomOf(nodeId).launcher
  }

  /** Drops this share of the packets that come in or go out. */
  drop(nodeId: string, direction: 'in' | 'out', share: number): Heal {
    const { launcher, device } = this.#roomOf(nodeId)
    const [program = '', ...words] = launcher
    const place = direction === 'in' ? ['INPUT', '-i', device] : ['OUTPUT', '-o', device]
    const chance = share >= 1 ? [] : ['-m', 'statistic', '--mode', 'random', '--probability', String(share)]
    const rule = [...place, ...chance, '-j', 'DROP']
    const iptables = (action: string): void => runCommand(program, [...words, 'iptables', action, ...rule])
    iptables('-A')
    return () => iptables('-D')
  }

  /** What is left behind would stand in the way of the next run. */
  remove(): void {
    for (const room of this.#rooms.values()) room.remove()
    troubleOf('ip', ['addr', 'del', `${LINK_HOST}/32`, 'dev', 'lo'])
  }

  #roomOf(nodeId: string): NetworkNamespace {
    const known = this.#rooms.get(nodeId)
    if (known !== undefined) return known
    const number = this.#rooms.size + 1
    const room = NetworkNamespace.open({
      namespace: `jepsen-${process.pid}-${nodeId}`,
      outside: `jl${process.pid}-${number}`,
      device: `jl${process.pid}-in`,
      network: `${NETWORK}.${number}`,
    })
    this.#rooms.set(nodeId, room)
    return room
  }
}
