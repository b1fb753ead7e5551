/** Peers with certificates: who meets, who does not, and what a stranger hears. */
import { once } from 'node:events'
import {
  type AddressInfo,
  createServer as createTcpServer,
  connect as dialTcp,
  type Server,
  type Socket,
} from 'node:net'
import { connect, createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { CONNECT_TIMEOUT_MS } from '../../../src/raft/limits.js'
import type { ServerConfig } from '../../../src/server/config/config.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import { ServerTls } from '../../../src/server/tls/server-tls.js'
import { Authority, CertificateDirectory, type CertificateSpec } from '../../kit/authority.js'
import { introduce, type NodeOptions, type TestNode } from '../../raft/net/kit.js'
import { testBed } from '../../raft/net/test-bed.js'

const { start } = testBed()
const directory = new CertificateDirectory()
let authority: Authority
let caFile = ''
beforeAll(async () => {
  authority = await Authority.create()
  caFile = directory.write('ca.pem', authority.cert)
})
afterAll(() => directory.close())

interface Given extends CertificateSpec {
  readonly by?: Authority
  readonly isRequired?: boolean
  readonly clusterName?: string
}

let count = 0
const told: string[] = []

/** What a node is given whose flags say so. Its own files are believed, whatever they say: others judge. */
async function tlsOf(nodeId: string, { by = authority, isRequired = true, clusterName, ...spec }: Given) {
  count += 1
  const files = directory.put(`${nodeId}-${count}`, await by.issue({ dns: [nodeId], ...spec }))
  const config = {
    nodeId,
    tls: null,
    proxyFrom: null,
    peerTls: { certFile: files.cert, keyFile: files.key, caFile, isRequired, clusterName: clusterName ?? null },
  } satisfies Pick<ServerConfig, 'nodeId' | 'tls' | 'peerTls' | 'proxyFrom'>
  const log = { info: () => undefined, warn: (_fields: unknown, message?: string) => void told.push(message ?? '') }
  return ServerTls.open(config, new SystemClock(), log as Parameters<typeof ServerTls.open>[2])
}

async function optionsOf(nodeId: string, given: Given): Promise<NodeOptions> {
  const tls = await tlsOf(nodeId, given)
  const network = tls.peerNetwork()
  return { certificates: tls.peerCertificates, ...(network === null ? {} : { network }) }
}

const node = async (id: string, given: Given = {}): Promise<TestNode> => start(id, await optionsOf(id, given))

async function meet(a: TestNode, b: TestNode): Promise<void> {
  await Promise.all([a.untilUp(b.id), b.untilUp(a.id)])
  a.say(b.id, `hello ${b.id}`)
  await b.until(() => b.texts().includes(`hello ${b.id}`))
}

/** Takes connections at once, and what is said first only after longer than a peer waits for a connection. */
class SlowWay {
  accepted = 0
  readonly #sockets: Socket[] = []

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async open(target: number): Promise<SlowWay> {
    const server = createTcpServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const way = new SlowWay(server, (server.address() as AddressInfo).port)
    server.on('connection', (dialler) => {
      way.accepted += 1
      const node = dialTcp({ host: '127.0.0.1', port: target })
      way.#sockets.push(dialler, node)
      for (const socket of [dialler, node]) socket.on('error', () => undefined)
      node.pipe(dialler)
      setTimeout(() => dialler.pipe(node), CONNECT_TIMEOUT_MS + 500)
    })
    return way
  }

  close(): void {
    this.server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

const prod = (id: string) => ({ clusterName: 'prod', uris: [`tnl://prod/${id}`], dns: [] })

describe('peers meet', () => {
  it('by DNS names, whoever dials', async () => {
    for (const dialler of ['a', 'b']) {
      const [a, b] = [await node('a'), await node('b')]
      if (dialler === 'a') a.transport.setPeers([b.peer()])
      else b.transport.setPeers([a.peer()])
      await meet(a, b)
      await Promise.all([a.transport.close(), b.transport.close()])
    }
  })

  it('over a way, or on a machine, that takes longer for the handshake than for the connection', async () => {
    const [a, b] = [await node('a'), await node('b')]
    const way = await SlowWay.open(Number(b.peer().address.split(':')[1]))
    onTestFinished(() => way.close())
    a.transport.setPeers([{ ...b.peer(), address: `127.0.0.1:${way.port}` }])
    await meet(a, b)
    // It was the first try that got through: those before it would have begun anew each time.
    expect(way.accepted).toBe(1)
  })

  it('by URIs of their cluster', async () => {
    const [a, b] = [await node('a', prod('a')), await node('b', prod('b'))]
    introduce(a, b)
    await meet(a, b)
  })

  it('with frames of some size in both directions', async () => {
    const [a, b] = [await node('a'), await node('b')]
    introduce(a, b)
    await meet(a, b)
    const text = 'x'.repeat(3_000_000)
    b.say('a', text)
    a.say('b', text)
    await Promise.all([a.until(() => a.texts().includes(text)), b.until(() => b.texts().includes(text))])
  })
})

describe('a peer is refused', () => {
  const reason = (at: TestNode) => at.logged('refused a peer').map(({ reason: text }) => String(text))

  it('if its certificate names another node', async () => {
    const a = await node('a')
    // Its own start would find this out; a stolen certificate would not ask.
    const thief = await start('b', await optionsOf('c', { dns: ['c'] }))
    thief.transport.setPeers([a.peer()])
    await a.until(() => reason(a).length > 0)
    expect(reason(a)[0]).toBe('the certificate of b does not name it (DNS:b), but c')
    expect(a.transport.isUp('b')).toBe(false)
  })

  it('if it is the node of that name in another cluster', async () => {
    const a = await node('a', prod('a'))
    const other = { clusterName: 'test', uris: ['tnl://test/b'], dns: ['b'] }
    const b = await node('b', other)
    b.transport.setPeers([a.peer()])
    await a.until(() => reason(a).length > 0)
    expect(reason(a)[0]).toBe('the certificate of b does not name it (URI:tnl://prod/b), but tnl://test/b, b')
  })

  it('by whom it dials, too', async () => {
    const a = await node('a')
    const wrong = await start('b', await optionsOf('c', { dns: ['c'] }))
    a.transport.setPeers([wrong.peer()])
    await a.until(() => reason(a).length > 0)
    expect(a.transport.isUp('b')).toBe(false)
  })
})

describe('a stranger', () => {
  const port = (at: TestNode) => Number(at.transport.listenAddress().split(':').at(-1))
  /** All that it hears until the connection ends. */
  const heard = async (at: TestNode, own: { cert?: string; key?: string } | null, says = ''): Promise<string> => {
    const tcp = dialTcp({ host: '127.0.0.1', port: port(at) })
    const socket =
      own === null ? tcp : connect({ ...own, socket: tcp, ca: authority.cert, checkServerIdentity: () => undefined })
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    if (says !== '') socket.write(says)
    await once(socket, 'close')
    return text
  }

  it.each([
    ['without TLS', async () => null, 'not TLS'],
    ['without a certificate', async () => ({}), 'it has no certificate'],
    [
      'with one of its own authority',
      async () => (await Authority.create('elsewhere')).issue({ dns: ['b'] }),
      'its certificate is not accepted: UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'with one that has expired',
      () => authority.issue({ dns: ['b'], days: -1 }),
      'its certificate is not accepted: CERT_HAS_EXPIRED',
    ],
    [
      'with one that is for servers alone',
      () => authority.issue({ dns: ['b'], uses: ['server'] }),
      'its certificate is not accepted: INVALID_PURPOSE',
    ],
  ])('%s hears nothing', async (_what, own, why) => {
    told.length = 0
    const a = await node('a')
    expect(await heard(a, await own(), 'what is this?')).toBe('')
    expect(told).toEqual([`peer port: a connection came to nothing before its first line: ${why}`])
  })
})

it('a node says nothing to whom it dials before it knows the certificate', async () => {
  const elsewhere = await Authority.create('elsewhere')
  const heard: string[] = []
  let dials = 0
  const server = createServer({ ...(await elsewhere.issue({ dns: ['b'] })), ca: elsewhere.cert }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => void heard.push(chunk.toString('latin1')))
  })
  server.on('tlsClientError', () => undefined)
  server.on('connection', () => {
    dials += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const a = await node('a')
  a.transport.setPeers([{ nodeId: 'b', raftId: 0, address: `127.0.0.1:${port}` }])
  await a.until(() => a.logged('a peer cannot be reached; trying on').length > 0)
  // Another dial: by then all of the first one has arrived.
  while (dials < 2) await new Promise((resolve) => setImmediate(resolve))
  expect(heard).toEqual([])
  server.close()
})

it('a node without certificates and one that needs them tell why they do not meet', async () => {
  const [a, b] = [await node('a'), await start('b')]
  introduce(a, b)
  const unreachable = () => b.logged('a peer cannot be reached; trying on').map(({ reason }) => reason)
  const broken = () => b.logged('closed a connection that broke the peer protocol').map(({ reason }) => reason)
  await b.until(() => unreachable().length > 0 && broken().length > 0)
  expect(unreachable()).toEqual(['the peer closed it without a word: its log says why'])
  expect(broken()).toEqual(['it speaks TLS, and this node does not'])
  expect(told).toContain('peer port: a connection came to nothing before its first line: not TLS')
})

describe('while a cluster is being given certificates', () => {
  const optional = { isRequired: false }

  it.each(['a', 'b'])('a node with optional ones and one without meet; %s dials', async (dialler) => {
    const [a, b] = [await node('a', optional), await start('b')]
    if (dialler === 'a') a.transport.setPeers([b.peer()])
    else b.transport.setPeers([a.peer()])
    await meet(a, b)
  })

  it.each(['a', 'b'])('a node with optional ones and one that requires them meet; %s dials', async (dialler) => {
    const [a, b] = [await node('a', optional), await node('b')]
    if (dialler === 'a') a.transport.setPeers([b.peer()])
    else b.transport.setPeers([a.peer()])
    await meet(a, b)
  })

  it('one that only listens is greeted plainly', async () => {
    const a = await node('a', optional)
    const tcp = dialTcp({ host: '127.0.0.1', port: Number(a.transport.listenAddress().split(':').at(-1)) })
    const [chunk] = (await once(tcp, 'data')) as [Buffer]
    expect(chunk.toString('latin1')).toContain('tcpnetlock-peer')
    tcp.destroy()
  })
})
