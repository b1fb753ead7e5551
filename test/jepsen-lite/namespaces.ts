import type { Heal } from './links/links.js'
import type { Housing } from './local-cluster.js'
import { runCommand, troubleOf } from './run-command.js'

/** Private addresses that are seldom used: the links have the first, nodes two each further on. */
const NETWORK = '10.213'
const LINK_HOST = `${NETWORK}.0.1`
const SMALL_NET_BITS = 30

interface Room {
  readonly namespace: string
  /** The end of its cable within the namespace. */
  readonly device: string
  readonly host: string
}

/** A network namespace for each node: its packets can be dropped for real, as a broken cable or a firewall does it. */
export class Namespaces implements Housing {
  readonly linkHost = LINK_HOST
  readonly #rooms = new Map<string, Room>()

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

  launcherOf(nodeId: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#roomOf(nodeId).namespace]
  }

  /** Drops this share of the packets that come in or go out. */
  drop(nodeId: string, direction: 'in' | 'out', share: number): Heal {
    const { namespace, device } = this.#roomOf(nodeId)
    const place = direction === 'in' ? ['INPUT', '-i', device] : ['OUTPUT', '-o', device]
    const chance = share >= 1 ? [] : ['-m', 'statistic', '--mode', 'random', '--probability', String(share)]
    const rule = [...place, ...chance, '-j', 'DROP']
    const iptables = (action: string): void =>
      runCommand('ip', ['netns', 'exec', namespace, 'iptables', action, ...rule])
    iptables('-A')
    return () => iptables('-D')
  }

  /** What is left behind would stand in the way of the next run. */
  remove(): void {
    for (const { namespace } of this.#rooms.values()) troubleOf('ip', ['netns', 'del', namespace])
    troubleOf('ip', ['addr', 'del', `${LINK_HOST}/32`, 'dev', 'lo'])
  }

  #roomOf(nodeId: string): Room {
    const known = this.#rooms.get(nodeId)
    if (known !== undefined) return known
    const number = this.#rooms.size + 1
    const namespace = `jepsen-${process.pid}-${nodeId}`
    const [outside, device] = [`jl${process.pid}-${number}`, `jl${process.pid}-in`]
    const [gateway, host] = [`${NETWORK}.${number}.1`, `${NETWORK}.${number}.2`]
    const inside = (words: readonly string[]): void => runCommand('ip', ['-n', namespace, ...words])
    runCommand('ip', ['netns', 'add', namespace])
    this.#rooms.set(nodeId, { namespace, device, host })
    runCommand('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', device, 'netns', namespace])
    runCommand('ip', ['addr', 'add', `${gateway}/${SMALL_NET_BITS}`, 'dev', outside])
    runCommand('ip', ['link', 'set', outside, 'up'])
    inside(['addr', 'add', `${host}/${SMALL_NET_BITS}`, 'dev', device])
    inside(['link', 'set', device, 'up'])
    inside(['link', 'set', 'lo', 'up'])
    inside(['route', 'add', 'default', 'via', gateway])
    return { namespace, device, host }
  }
}
