import type { HostPort } from '../../../src/address.js'
import { FrameParser } from '../../../src/raft/net/frame.js'
import { decodeHello, isRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import type { Random } from '../types.js'
import { LinkProxy, type Route, type Router } from './link-proxy.js'
import { Wire, type WireConditions } from './wire.js'

/** Clients sit in so many places; each connection comes from one of them, in turn. */
export const CLIENT_SITES = 4

/** A leader that looks who answers at the address of a new member: it listens, and does not say who it is. */
const GREETER = 'greeter'

/** Takes a fault from a link again. */
export type Heal = () => void

/**
 * The network of a cluster on one machine: a proxy before every node's peer port and one before its client port. All
 * peers dial the same address of a node. Who dials the proxy knows by where it comes from, if every node has an address of its
 * own; otherwise it is in the hello, which is the first frame, unless TLS hides it.
 */
export class Links {
  readonly #wires = new Map<string, Wire>()
  readonly #peerProxies = new Map<string, LinkProxy>()
  readonly #clientProxies = new Map<string, LinkProxy>()
  #connections = 0

  /**
   * `host`: where all nodes and clients reach the proxies. `relayedSites`: clients of so many sites are behind a relay,
   * those with the lowest numbers.
   */
  constructor(
    private readonly random: Random,
    private readonly host = '127.0.0.1',
    private readonly relayedSites = 0,
    /** The node that has this address; null: several may. */
    private readonly nodeAt: (address: string) => string | null = () => null,
  ) {}

  /**
   * Returns the address that peers shall dial for `node`, which listens at `target`. Called once more, it returns another,
   * and nobody listens at the one before.
   */
  async openPeerPort(node: string, target: HostPort): Promise<HostPort> {
    this.#peerProxies.get(node)?.close()
    const { proxy, address } = await LinkProxy.open(this.host, target, (from) => this.#peerRouter(node, from))
    this.#peerProxies.set(node, proxy)
    return address
  }

  async openClientPort(node: string, target: HostPort): Promise<HostPort> {
    const { proxy, address } = await LinkProxy.open(this.host, target, () => this.#clientRouter(node))
    this.#clientProxies.set(node, proxy)
    return address
  }

  /** One direction between two nodes. */
  impairPeers(from: string, to: string, fault: Partial<WireConditions>): Heal {
    return this.#wire(from, to).impair(fault)
  }

  /** Both directions between one site of clients and a node. */
  impairClients(site: number, node: string, fault: Partial<WireConditions>): Heal {
    const client = siteName(site)
    const heals = [this.#wire(client, node).impair(fault), this.#wire(node, client).impair(fault)]
    return () => {
      for (const heal of heals) heal()
    }
  }

  /** The node sees the connections from one site of clients end by a reset. The clients do not, while the link back is cut. */
  resetClients(site: number, node: string): void {
    this.#wire(siteName(site), node).reset()
  }

  /** Every connection to the node's ports, of peers and of clients, ends with a reset. */
  resetConnections(node: string): void {
    this.#peerProxies.get(node)?.resetAll()
    this.#clientProxies.get(node)?.resetAll()
  }

  close(): void {
    for (const proxy of [...this.#peerProxies.values(), ...this.#clientProxies.values()]) proxy.close()
  }

  #wire(from: string, to: string): Wire {
    const key = `${from} ${to}`
    const wire = this.#wires.get(key) ?? new Wire(this.random)
    this.#wires.set(key, wire)
    return wire
  }

  #route(from: string, to: string): Route {
    return { there: this.#wire(from, to), back: this.#wire(to, from), relayed: false }
  }

  #clientRouter(node: string): Router {
    this.#connections += 1
    const site = this.#connections % CLIENT_SITES
    return () => ({ ...this.#route(siteName(site), node), relayed: site < this.relayedSites })
  }

  #peerRouter(node: string, from: string): Router {
    const known = this.nodeAt(from)
    if (known !== null) return () => this.#route(known, node)
    return (firstBytes, isSilent) => {
      if (isSilent) return this.#route(GREETER, node)
      const dialler = nodeOfHello(firstBytes)
      return typeof dialler === 'string' ? this.#route(dialler, node) : dialler
    }
  }
}

/** Undefined while the hello is not complete, null when it is none. */
function nodeOfHello(bytes: Buffer): string | null | undefined {
  try {
    const parser = new FrameParser()
    parser.push(bytes)
    const frame = parser.next()
    if (frame === null) return undefined
    if (frame.kind !== LinkKind.hello) return null
    const said = decodeHello(frame.payload)
    return isRefusal(said) ? null : said.hello.nodeId
  } catch {
    return null
  }
}

function siteName(site: number): string {
  return `clients-${site}`
}
