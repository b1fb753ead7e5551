import { createServer, connect as dialTcp, Socket } from 'node:net'
import type { Clock, Random } from '../../../src/platform.js'
import { peerTcp } from '../../../src/raft/net/network.js'
import type { PeerCertificates } from '../../../src/raft/net/peer-certificate.js'
import type { PeerSecrets } from '../../../src/raft/net/peer-secret.js'
import { createTransport, type PeerTransport } from '../../../src/raft/net/transport.js'
import type { Peer, PeerDownReason, Refusal, Refuser } from '../../../src/raft/ports/transport.js'
import { FrameKind, type HelloVerdict, Lane, type PeerHello, RefusalCode } from '../../../src/raft/ports/transport.js'
import type { ByteStream, Channel, StreamNetwork } from '../../../src/sockets/streams.js'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { helloOf } from '../../kit/hello.js'

/** `speed` times as fast as real time, for timers only. */
export function testClock(speed = 1): Clock {
  return {
    speakerNow: () => performance.now(),
    takerNow: () => performance.now(),
    wallNow: () => Date.now(),
    after: (delayMs, run) => {
      const handle = setTimeout(run, delayMs / speed)
      return { cancel: () => clearTimeout(handle) }
    },
    soon: (run) => void setImmediate(run),
  }
}

export const testRandom: Random = {
  int: (bound) => Math.floor(Math.random() * bound),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
}

export type TestEvent =
  | { readonly type: 'up'; readonly from: string }
  | { readonly type: 'down'; readonly from: string; readonly reason: PeerDownReason }
  | {
      readonly type: 'refused'
      readonly from: string
      readonly reason: string
      readonly refusal: Refusal
      readonly by: Refuser
    }
  | { readonly type: 'frame'; readonly from: string; readonly kind: FrameKind; readonly payload: Buffer }
  | { readonly type: 'log'; readonly message: string; readonly fields: Readonly<Record<string, unknown>> }

export interface NodeOptions {
  readonly listen?: string
  readonly clusterId?: string
  readonly clock?: Clock
  readonly network?: StreamNetwork
  readonly judge?: (hello: PeerHello) => HelloVerdict
  readonly secrets?: PeerSecrets
  readonly certificates?: PeerCertificates | null
  /** Throws a PeerProtocolError for a payload that it finds malformed. */
  readonly check?: (payload: Uint8Array) => void
}

export function refusing(message: string, code: RefusalCode = RefusalCode.notMember, isFinal = false): HelloVerdict {
  return { accept: false, refusal: { code, isFinal, message } }
}

/** A transport with everything that it reported, in order, and a way to wait for more. */
export class TestNode {
  readonly events: TestEvent[] = []
  readonly transport: PeerTransport
  readonly #options: NodeOptions
  #watchers: (() => void)[] = []

  constructor(
    readonly id: string,
    options: NodeOptions = {},
  ) {
    this.#options = options
    const log = (fields: object, message: string) => this.#add({ type: 'log', message, fields: { ...fields } })
    this.transport = createTransport({
      nodeId: id,
      listen: options.listen ?? '127.0.0.1:0',
      clock: options.clock ?? testClock(),
      random: testRandom,
      logger: { info: log, warn: log },
      secrets: options.secrets ?? null,
      certificates: options.certificates ?? null,
      ...(options.network === undefined ? {} : { network: options.network }),
    })
  }

  async start(): Promise<this> {
    await this.transport.start({
      hello: () => this.hello(),
      judge: (hello) => (this.#options.judge ?? this.#sameCluster)(hello),
      onRefused: (refusal, by) => this.#add({ type: 'refused', from: by.nodeId, reason: refusal.message, refusal, by }),
      onFrame: (from, kind, payload) => {
        this.#options.check?.(payload)
        this.#add({ type: 'frame', from, kind, payload: Buffer.from(payload) })
      },
      onUp: (peer) => this.#add({ type: 'up', from: peer.nodeId }),
      onDown: (from, reason) => this.#add({ type: 'down', from, reason }),
    })
    return this
  }

  hello(): PeerHello {
    const clusterId = this.#options.clusterId ?? 'cluster'
    return helloOf({
      clusterId,
      nodeId: this.id,
      raftId: 0,
      memberUid: `uid-${this.id}`,
      processId: `process-${this.id}`,
    })
  }

  peer(): Peer {
    return { nodeId: this.id, raftId: 0, address: this.transport.listenAddress() }
  }

  say(to: string, text: string, lane: Lane = Lane.control): boolean {
    return this.transport.send(to, lane, FrameKind.raft, [Buffer.from(text)])
  }

  of<T extends TestEvent['type']>(type: T): Extract<TestEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<TestEvent, { type: T }> => event.type === type)
  }

  texts(): string[] {
    return this.of('frame').map((event) => event.payload.toString())
  }

  logged(message: string): Readonly<Record<string, unknown>>[] {
    return this.of('log').flatMap((event) => (event.message === message ? [event.fields] : []))
  }

  /** Resolves as soon as `condition` holds after some event, or already does. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (condition()) resolve()
        else this.#watchers.push(check)
      }
      check()
    })
  }

  untilUp(nodeId: string): Promise<void> {
    return this.until(() => this.transport.isUp(nodeId))
  }

  #add(event: TestEvent): void {
    this.events.push(event)
    const watchers = this.#watchers
    this.#watchers = []
    for (const check of watchers) check()
  }

  readonly #sameCluster = (hello: PeerHello): HelloVerdict =>
    hello.clusterId === this.hello().clusterId
      ? { accept: true }
      : refusing(`${hello.nodeId} belongs to cluster ${hello.clusterId}`)
}

/** Tells all nodes of each other, in one turn, so that all dial at once. */
export function introduce(...nodes: readonly TestNode[]): void {
  const peers = nodes.map((node) => node.peer())
  for (const node of nodes) node.transport.setPeers(peers.filter((peer) => peer.nodeId !== node.id))
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seededRandom(seed: number): () => number {
  const random = new SeededRandom(seed)
  return () => random.float()
}

/** TCP on which connects and the first bytes in either direction take a few milliseconds, each at random. */
export function crossingNetwork(random: () => number, open: Set<ByteStream>): StreamNetwork {
  const later = (run: () => void) => setTimeout(run, random() * 8)
  const slow = (channel: Channel) => {
    const { stream } = channel
    open.add(stream)
    stream.once('close', () => open.delete(stream))
    stream.pause()
    later(() => stream.resume())
    return channel
  }
  return {
    dial: ({ host, port }) => {
      const stream = new Socket()
      later(() => stream.destroyed || stream.connect({ host, port }))
      return slow({ stream, tcp: stream })
    },
    listen: (address, onChannel, onError) => peerTcp.listen(address, (channel) => onChannel(slow(channel)), onError),
  }
}

export interface TestProxy {
  readonly address: string
  /** The two ends of each connection that runs through it, oldest first. */
  readonly pairs: { readonly client: Socket; readonly server: Socket }[]
  close(): void
}

/** Sees what goes to the target; hands on what it wants to pass, when it wants. */
export type Alter = (chunk: Buffer, pass: (chunk: Buffer) => void) => unknown

/** A TCP proxy in front of `target`. */
export async function startProxy(target: string, alter: Alter = (chunk, pass) => pass(chunk)): Promise<TestProxy> {
  const pairs: TestProxy['pairs'] = []
  const listener = createServer((client) => {
    const server = dialTcp(Number(target.split(':')[1]), '127.0.0.1')
    const pair = { client, server }
    pairs.push(pair)
    client.on('data', (chunk) => alter(chunk, (passed) => server.write(passed)))
    server.on('data', (chunk) => client.write(chunk))
    server.on('close', () => pairs.splice(pairs.indexOf(pair), 1))
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => undefined)
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', () => resolve()))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { address: `127.0.0.1:${address.port}`, pairs, close: () => listener.close() }
}
