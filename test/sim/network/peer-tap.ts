/**
 * Between a node and its transport: the checks see what a node sends, faults lose it or bring it late, and a process dies or
 * stalls where it says so. What is below is the real transport over a network in memory.
 */

import { greet } from '../../../src/raft/net/greeting.js'
import type { LaneBounds } from '../../../src/raft/net/outbox.js'
import type { PeerTransport } from '../../../src/raft/net/transport.js'
import {
  FrameKind,
  type Greeting,
  type Lane,
  type Peer,
  type PeerHello,
  type Transport,
  type TransportHandlers,
} from '../../../src/raft/ports/transport.js'
import type { StreamNetwork } from '../../../src/sockets/streams.js'
import type { Process } from '../process.js'
import type { Program } from '../program.js'
import type { PeerNetwork } from './peer-network.js'

/** May be lost as far as the rules go: somebody asks or sends again. */
const LOSABLE: ReadonlySet<FrameKind> = new Set([FrameKind.raft, FrameKind.propose, FrameKind.renew, FrameKind.renewed])
/** May come late or twice. The parts of a snapshot are in line on a connection, and are missed only with it. */
const REPEATABLE: ReadonlySet<FrameKind> = new Set([
  ...LOSABLE,
  FrameKind.snapshotBegin,
  FrameKind.snapshotChunk,
  FrameKind.snapshotAck,
])
/** These hold as much as there is, up to a bound. */
const MANY_IN_A_FRAME: ReadonlySet<FrameKind> = new Set([FrameKind.raft, FrameKind.propose])
/** What no honest node makes another one, or itself, say. */
const NEVER_SAID = new Set([
  'closed a connection that broke the peer protocol',
  'did not send a frame that is too long',
  'cannot dial a peer',
])
/** Reasons that the transport names. */
const HANGS_IN_SYN = 'no answer to the connect'
const SILENT = 'nothing was heard while frames were sent'
/** A cluster's peer secret, where a seed has one. */
const SECRET = { isRequired: true, current: () => [Buffer.from('known to every node of the simulated cluster')] }

export interface Frame {
  readonly from: string
  readonly to: string
  readonly lane: Lane
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

export interface LaneLimits extends LaneBounds {
  /** The longest frame of Raft messages or commands; a longer one is a fault of its sender. */
  readonly frameBytes: number
}

export class PeerTap implements Transport {
  readonly #transport: PeerTransport
  #handlers: TransportHandlers | null = null
  isExiled = false

  constructor(
    private readonly network: PeerNetwork,
    readonly nodeId: string,
    readonly process: Process,
    private readonly program: Program,
    listen: string,
    private readonly streams: StreamNetwork,
  ) {
    const { world, limits, hasSecret } = network
    const say = (fields: object, message: string): void => {
      world.count(message)
      const told = JSON.stringify(fields)
      if (told.includes(HANGS_IN_SYN)) world.count('seen dial that hangs in SYN')
      if (told.includes(SILENT)) world.count('seen silent peer given up')
      world.tell(() => `${process.name}: ${message} ${told}`)
      if (NEVER_SAID.has(message)) world.fail(`${process.name}: ${message} ${told}`)
    }
    this.#transport = program.createTransport({
      nodeId,
      listen,
      clock: process.clock,
      random: world.random,
      logger: { info: say, warn: say },
      network: streams,
      lanes: limits,
      secrets: hasSecret ? SECRET : null,
    })
  }

  start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers
    const { network, process } = this
    this.network.introduced(this, handlers.hello())
    return this.#transport.start({
      hello: () => handlers.hello(),
      judge: (hello, wasDialled) => {
        const verdict = handlers.judge(hello, wasDialled)
        network.judged(this, hello, verdict)
        return verdict
      },
      onRefused: (refusal, by) => handlers.onRefused(refusal, by),
      onFrame: (from, kind, payload) => {
        if (process.pass('before receive')) return
        if (kind === FrameKind.raft) network.meeting?.arrived(this, payload)
        handlers.onFrame(from, kind, payload)
      },
      onUp: (peer) => handlers.onUp(peer),
      onDown: (nodeId, reason) => handlers.onDown(nodeId, reason),
    })
  }

  setPeers(peers: readonly Peer[]): void {
    this.#transport.setPeers(peers)
  }

  send(to: string, lane: Lane, kind: FrameKind, parts: readonly Uint8Array[]): boolean {
    const { process, network, nodeId } = this
    const { world, limits } = network
    if (process.pass('before send') || !this.isUp(to)) return false
    const payload = new Uint8Array(Buffer.concat(parts))
    if (MANY_IN_A_FRAME.has(kind) && payload.length > limits.frameBytes) {
      world.fail(`${nodeId} sends a frame of kind ${kind} with ${payload.length} bytes`)
    }
    const frame: Frame = { from: nodeId, to, lane, kind, payload }
    network.onSend(frame)
    if (this.#isLost(frame)) return true
    if (!this.#transport.send(to, lane, kind, [payload])) {
      world.count('seen full lane to a peer')
      return false
    }
    if (kind === FrameKind.snapshotAck && world.random.chance(network.times.ackStallChance)) {
      world.count('seen stall after a snapshot acknowledgement')
      process.stop(world.random.logBetween(5, 300))
    }
    return true
  }

  isUp(nodeId: string): boolean {
    return this.#transport.isUp(nodeId)
  }

  wasDialled(nodeId: string): boolean {
    return this.#transport.wasDialled(nodeId)
  }

  bulkBacklogBytes(to: string): number {
    return this.#transport.bulkBacklogBytes(to)
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  get hello(): PeerHello | null {
    return this.#handlers?.hello() ?? null
  }

  /** Who answers at an address, before anybody is told to live there. */
  greet(address: string): Promise<Greeting> {
    return greet(address, this.process.clock, this.streams)
  }

  /**
   * A frame comes late, or once more, over no connection that exists any more; `isInTurn`: see Process.deliver. What breaks
   * the peer protocol closes its connection. A late frame's has gone already, and so has the process that it was for.
   */
  arriveLate({ from, kind, payload }: Frame, isInTurn: boolean): void {
    this.process.deliver(() => {
      if (this.isExiled || this.process.pass('before receive')) return
      try {
        this.#handlers?.onFrame(from, kind, payload)
      } catch (error) {
        if (!(error instanceof this.program.PeerProtocolError)) throw error
      }
    }, isInTurn)
  }

  /** Somebody keeps it, or the network loses it; a copy may come later. */
  #isLost(frame: Frame): boolean {
    const { network } = this
    const { random } = network.world
    if (this.isExiled || network.spy?.(frame) === true) return true
    if (!REPEATABLE.has(frame.kind) || !random.chance(network.times.lateChance)) return false
    network.sendLate(frame)
    return LOSABLE.has(frame.kind) && random.chance(0.5)
  }
}
