/** A small cluster that speaks the session dialect (docs/protocol.md) from memory: what client tests need, and no more. */
import { createServer, type Server, type Socket } from 'node:net'
import { formatLine, type Line, parseLine } from '../../src/protocol/line.js'
import type { TlsFront } from '../kit/tls-front.js'
import { TRANSPORT } from '../kit/transport.js'
import { type FakeSession, FakeState, type Waiting } from './fake-state.js'

export class FakeCluster extends FakeState {
  readonly nodes: FakeNode[] = []
  /** Before each of the nodes, where tests run over TLS. */
  readonly #fronts: TlsFront[] = []

  async addNode(): Promise<FakeNode> {
    const node = new FakeNode(this)
    await node.listen()
    this.nodes.push(node)
    if (TRANSPORT === 'tls') {
      const { TlsFront } = await import('../kit/tls-front.js')
      this.#fronts.push(await TlsFront.open(Number(node.address.split(':')[1])))
    }
    return node
  }

  get endpoints(): string {
    const reached = TRANSPORT === 'tls' ? this.#fronts : this.nodes
    return reached.map(({ address }) => address).join(',')
  }

  async close(): Promise<void> {
    for (const front of this.#fronts) front.close()
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

export type NodeMood =
  | { readonly kind: 'serve' }
  /** Accepts, reads and never answers. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'redirect'; readonly to: string; readonly always?: boolean }
  | { readonly kind: 'say'; readonly words: string }
  /** An original 0.1.8 server. */
  | { readonly kind: 'classic' }

export class FakeNode {
  mood: NodeMood = { kind: 'serve' }
  /** Every line that came, in order. */
  readonly received: string[] = []
  readonly connections = new Set<FakeConnection>()
  /** When a FIN came from a client, by `performance.now()` of this process. */
  readonly fins: number[] = []
  resets = 0
  /** Added to every `welcome`. */
  welcomeFields = ''
  keepAlives = true
  /** Answers a request of a session in the place of this node: the lines to say. Null: the node answers as ever. */
  script: ((line: Line) => readonly string[] | null) | null = null
  /** False: a wait ends only by a grant or by `cancel`. */
  countsWaits = true
  /** The most requests of one session that were neither answered nor acknowledged, as a server counts them. */
  mostUnacknowledged = 0
  private server: Server | null = null
  private port = 0
  private readonly watchers = new Set<() => void>()

  constructor(readonly cluster: FakeCluster) {}

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async listen(): Promise<void> {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections.add(new FakeConnection(this, socket))
    })
    const { server } = this
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    const bound = server.address()
    if (typeof bound === 'object' && bound !== null) this.port = bound.port
  }

  /** As `kill -9` does: connections reset, port closed. The sessions stay. */
  async stop(): Promise<void> {
    const { server } = this
    this.server = null
    for (const connection of this.connections) connection.reset()
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())))
  }

  /** Resolves when `condition` holds, looked at after each thing that happens here. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return
        this.watchers.delete(look)
        resolve()
      }
      this.watchers.add(look)
      look()
    })
  }

  happened(): void {
    for (const look of this.watchers) look()
  }

  heard(line: string): boolean {
    return this.received.some((received) => received.startsWith(line))
  }
}

export class FakeConnection {
  private session: FakeSession | null = null
  private rest = ''

  constructor(
    private readonly node: FakeNode,
    private readonly socket: Socket,
  ) {
    socket.on('data', (chunk) => this.data(String(chunk)))
    socket.on('end', () => this.fin())
    socket.on('error', () => {
      node.resets += 1
      if (this.session?.connection === this) this.session.connection = null
      node.happened()
    })
    socket.on('close', () => {
      node.connections.delete(this)
      node.happened()
    })
  }

  say(line: string): void {
    if (this.socket.writable) this.socket.write(line)
  }

  /** Closes in good order. */
  close(): void {
    if (this.session?.connection === this) this.session.connection = null
    this.socket.end()
  }

  reset(): void {
    if (this.session?.connection === this) this.session.connection = null
    this.socket.resetAndDestroy()
  }

  private fin(): void {
    this.node.fins.push(performance.now())
    if (this.session?.connection === this) this.node.cluster.end(this.session)
    this.socket.end()
    this.node.happened()
  }

  private data(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      this.node.received.push(line)
      const parsed = parseLine(line)
      if (parsed !== null) this.line(parsed)
    }
    this.node.happened()
  }

  /** The other end as seen from here. */
  get remote(): string {
    return `${this.socket.remoteAddress}:${this.socket.remotePort}`
  }

  private line(line: Line): void {
    const { mood } = this.node
    if (mood.kind === 'silent') return
    if (mood.kind === 'classic') {
      this.classic(line)
      return
    }
    if (this.session === null) {
      if (mood.kind === 'say') {
        this.last(mood.words)
        return
      }
      if (mood.kind === 'redirect' && (mood.always || line.get('redirect') !== 'no')) {
        this.last(`redirect,address:${mood.to}${this.clusterField}\n`)
        return
      }
      this.open(line)
    } else this.request(this.session, line)
  }

  private last(words: string): void {
    this.say(words)
    this.close()
  }

  private open(line: Line): void {
    const { cluster } = this.node
    if (line.action === 'hello') {
      const id = String(cluster.next())
      const clientId = line.get('client-id') ?? id
      this.session = {
        id,
        secret: `secret-${id}`,
        clientId,
        connection: this,
        answers: new Map(),
        attempt: 0,
        acknowledged: 0,
      }
      cluster.sessions.set(id, this.session)
      this.welcome(this.session, '')
    } else if (line.action === 'resume') {
      const session = cluster.sessions.get(line.get('session') ?? '')
      if (session === undefined || session.secret !== line.get('secret')) {
        this.last('err,code:session-expired,message:the%20session%20has%20ended\n')
        return
      }
      const attempt = line.number('attempt')
      if (attempt !== undefined && attempt <= session.attempt) {
        this.last(`err,code:superseded,attempt:${session.attempt}\n`)
        return
      }
      session.attempt = attempt ?? session.attempt
      session.connection?.close()
      session.connection = this
      this.session = session
      this.welcome(session, `,resumed:yes,attempt:${session.attempt}`)
      for (const [name, lock] of cluster.locks) {
        if (lock.holder === session) this.say(`held,name:${name},mode:exclusive,token:${lock.token}\n`)
      }
      this.say('ready\n')
    } else this.last('bad-action\n')
  }

  private welcome(session: FakeSession, resumed: string): void {
    const { leaseSeconds } = this.node.cluster
    this.say(
      `welcome,session:${session.id},secret:${session.secret},node:n1,leader:n1,lease:${leaseSeconds}${this.clusterField}${resumed}${this.node.welcomeFields}\n`,
    )
  }

  private get clusterField(): string {
    const { id } = this.node.cluster
    return id === '' ? '' : `,cluster:${id}`
  }

  private request(session: FakeSession, line: Line): void {
    const { cluster } = this.node
    if (line.action === '.keepalive') {
      if (this.node.keepAlives) this.say('alive\n')
      return
    }
    if (line.action === 'bye') {
      cluster.end(session)
      this.last('bye\n')
      return
    }
    const id = line.number('id') ?? 0
    const scripted = this.node.script?.(line) ?? null
    if (scripted !== null) {
      for (const words of scripted) this.say(`${words}\n`)
      return
    }
    session.acknowledged = Math.max(session.acknowledged, line.number('ack') ?? 0)
    this.node.mostUnacknowledged = Math.max(this.node.mostUnacknowledged, id - session.acknowledged)
    const stored = session.answers.get(id)
    if (stored !== undefined) {
      for (const answer of stored) this.say(answer)
      return
    }
    session.answers.set(id, [])
    const name = line.get('name') ?? ''
    if (line.action === 'lock') this.lock(session, id, name, line.get('wait'))
    else if (line.action === 'release') this.release(session, id, name)
    else if (line.action === 'cancel') this.cancel(session, id, line.number('request') ?? 0)
  }

  private lock(session: FakeSession, id: number, name: string, wait: string | undefined): void {
    const { cluster } = this.node
    const lock = cluster.lock(name)
    const isBounded = cluster.maxLocksPerSession < Number.POSITIVE_INFINITY
    if (isBounded && cluster.locksOf(session) >= cluster.maxLocksPerSession) {
      cluster.refusals += 1
      cluster.answer(session, id, formatLine('err', { id, code: 'limit', message: 'too many locks' }))
      return
    }
    if (lock.holder === null) {
      cluster.grant(name, lock, session, id)
      return
    }
    const holder = lock.holder.clientId
    if (lock.holder === session) {
      cluster.answer(session, id, formatLine('err', { id, code: 'deadlock', message: `holds ${name} already` }))
      return
    }
    if (wait === undefined) {
      cluster.answer(session, id, formatLine('not-granted', { id, name, reason: 'held', holder }))
      return
    }
    const waiting: Waiting = { session, id, timer: undefined }
    if (wait !== 'forever' && this.node.countsWaits) {
      waiting.timer = setTimeout(() => {
        lock.queue.splice(lock.queue.indexOf(waiting), 1)
        cluster.answer(session, id, formatLine('not-granted', { id, name, reason: 'timeout', holder }))
      }, Number(wait) * 1000)
    }
    lock.queue.push(waiting)
    cluster.answer(session, id, formatLine('queued', { id, name, position: lock.queue.length }))
  }

  private release(session: FakeSession, id: number, name: string): void {
    const { cluster } = this.node
    if (cluster.lock(name).holder !== session) {
      cluster.answer(session, id, formatLine('err', { id, code: 'not-holder', message: 'not the holder' }))
      return
    }
    cluster.answer(session, id, formatLine('released', { id, name }))
    cluster.free(name)
  }

  private cancel(session: FakeSession, id: number, target: number): void {
    const { cluster } = this.node
    for (const [name, lock] of cluster.locks) {
      const at = lock.queue.findIndex((waiting) => waiting.session === session && waiting.id === target)
      const waiting = at >= 0 ? lock.queue.splice(at, 1)[0] : undefined
      if (waiting === undefined) continue
      clearTimeout(waiting.timer)
      cluster.answer(session, target, formatLine('not-granted', { id: target, name, reason: 'cancelled' }))
    }
    cluster.answer(session, id, formatLine('cancelled', { id }))
  }

  /** Enough of the original to be taken for it. */
  private classic(line: Line): void {
    const { cluster } = this.node
    if (line.action === 'lock') {
      const name = line.get('name') ?? ''
      const lock = cluster.lock(name)
      if (lock.holder !== null) {
        this.last('not-granted\n')
        return
      }
      this.session = {
        id: name,
        secret: '',
        clientId: 'classic',
        connection: this,
        answers: new Map(),
        attempt: 0,
        acknowledged: 0,
      }
      lock.holder = this.session
      this.say('ok\n')
    } else if (line.action === '.keepalive') this.say('alive\n')
    else if (line.action === 'release' && this.session !== null) {
      cluster.end(this.session)
      this.last('released\n')
    } else this.last('bad-action\n')
  }
}
