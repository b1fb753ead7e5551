/** The network between clients, nodes, and nodes, as faults see it. */
import { on, once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { encodeFragment } from '../../src/raft/net/frame.js'
import { LinkKind } from '../../src/raft/net/handshake.js'
import { Lane } from '../../src/raft/ports/transport.js'
import { listenOn } from '../../src/server/sockets/listen.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { helloFrame } from '../kit/hello.js'
import { inTime, Wire } from '../kit/wire.js'
import { CLIENT_SITES, type Heal, Links } from './links/links.js'

const CUT = { cut: true }
/** Long enough for what is not cut to arrive on one machine; only used to see that something does not. */
const MOMENT_MS = 200

let server: Server
let connections: AsyncIterator<[Socket]>
let links: Links
let target: { host: string; port: number }

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true })
  connections = on(server, 'connection') as AsyncIterator<[Socket]>
  links = new Links(new SeededRandom(1))
  target = { host: '127.0.0.1', port: await listenOn(server, { host: '127.0.0.1', port: 0 }) }
})

afterEach(() => {
  links.close()
  server.close()
})

/** The connection as the node sees it. */
async function accept(): Promise<Accepted> {
  const { value } = await inTime('a connection', connections.next())
  return new Accepted(value[0])
}

class Accepted {
  text = ''
  readonly end: Promise<'fin' | 'reset'>

  constructor(readonly socket: Socket) {
    this.end = new Promise((resolve) => {
      socket.on('error', () => resolve('reset'))
      // A reset that finds data unread is reported as an end, but then nothing can be written.
      socket.on('end', () => socket.write('', (error) => resolve(error ? 'reset' : 'fin')))
    })
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      this.text += String(chunk)
    })
  }

  async gets(text: string): Promise<void> {
    while (!this.text.includes(text)) await inTime(text, once(this.socket, 'data'))
  }
}

async function moment(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, MOMENT_MS))
}

describe('between a client and a node', () => {
  const cutAll = (): Heal[] => Array.from({ length: CLIENT_SITES }, (_, site) => links.impairClients(site, 'n1', CUT))

  it('bytes go both ways, and each direction ends by itself', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    wire.send('lock,name:x\n')
    wire.fin()
    expect(await inTime('the end', node.end)).toBe('fin')
    expect(node.text).toBe('lock,name:x\n')
    node.socket.end('ok\n')
    expect(await wire.rest()).toBe('ok\n')
    expect(wire.broken).toBe(false)
  })

  it('behind a relay a reset arrives as an ordinary end, in either direction', async () => {
    const relays = new Links(new SeededRandom(1), '127.0.0.1', CLIENT_SITES)
    onTestFinished(() => relays.close())
    const { port } = await relays.openClientPort('n1', target)
    const wire = await Wire.open(port)
    const node = await accept()
    wire.send('lock,name:x\n')
    await node.gets('lock,name:x\n')
    wire.reset()
    expect(await inTime('the end', node.end)).toBe('fin')

    const other = await Wire.open(port)
    const far = await accept()
    other.send('there\n')
    await far.gets('there\n')
    far.socket.resetAndDestroy()
    await other.rest()
    expect(other.broken).toBe(false)
    other.destroy()
  })

  it('who waits at a peer port for the first word is connected all the same', async () => {
    const wire = await Wire.open((await links.openPeerPort('n1', target)).port)
    const node = await accept()
    node.socket.write('hello\n')
    expect(await wire.line()).toBe('hello')
    wire.destroy()
  })

  it('a new peer port takes the place of the old one', async () => {
    const before = await links.openPeerPort('n1', target)
    const after = await links.openPeerPort('n1', target)
    expect(after.port).not.toBe(before.port)
    await expect(Wire.open(before.port)).rejects.toThrow(/ECONNREFUSED/)
  })

  it('a reset arrives as a reset', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    wire.send('a\n')
    await node.gets('a')
    wire.reset()
    expect(await inTime('the end', node.end)).toBe('reset')
  })

  it('a reset arrives as a reset also when it overtakes what was sent before', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    // The system has both ready before the proxy looks.
    wire.send('a\n')
    wire.reset()
    expect(await inTime('the end', node.end)).toBe('reset')
  })

  it('a node that does not listen refuses', async () => {
    const { port } = await links.openClientPort('n1', target)
    server.close()
    const wire = await Wire.open(port)
    await wire.rest()
    expect(wire.broken).toBe(true)
  })

  it('what is sent while the link is cut arrives after the heal, the end too', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    const heals = cutAll()
    wire.send('late\n')
    wire.fin()
    await moment()
    expect(node.text).toBe('')
    expect(node.socket.readableEnded).toBe(false)
    const ended = once(node.socket, 'end')
    for (const heal of heals) heal()
    await inTime('the end', ended)
    expect(node.text).toBe('late\n')
  })

  it('a client that gave up while the link was cut is never seen by the node', async () => {
    const { port } = await links.openClientPort('n1', target)
    const heals = cutAll()
    const gone = await Wire.open(port)
    gone.send('gone\n')
    gone.destroy()
    await moment()
    for (const heal of heals) heal()
    const wire = await Wire.open(port)
    wire.send('here\n')
    const node = await accept()
    await node.gets('here\n')
    expect(node.text).toBe('here\n')
  })

  it('a node loses a client that does not know it before the heal', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    wire.send('a\n')
    await node.gets('a')
    const heals = cutAll()
    for (let site = 0; site < CLIENT_SITES; site += 1) links.resetClients(site, 'n1')
    expect(await inTime('the end', node.end)).toBe('reset')
    await moment()
    expect(wire.ended).toBe(false)
    for (const heal of heals) heal()
    await wire.rest()
    expect(wire.broken).toBe(true)
  })

  it('what is slow stays in order, whatever the jitter', async () => {
    const wire = await Wire.open((await links.openClientPort('n1', target)).port)
    const node = await accept()
    for (let site = 0; site < CLIENT_SITES; site += 1) links.impairClients(site, 'n1', { jitterMs: 20, loss: 0.1 })
    const lines = Array.from({ length: 40 }, (_, number) => `line ${number}\n`)
    for (const line of lines) await wire.sendBytewise(line)
    await node.gets('line 39\n')
    expect(node.text).toBe(lines.join(''))
  })
})

describe('between two nodes', () => {
  function frameOfHello(nodeId: string): Uint8Array {
    const hello = helloFrame({ clusterId: '', nodeId, raftId: 0, empty: true })
    return Buffer.concat(encodeFragment(Lane.control, LinkKind.hello, false, [hello]))
  }

  async function dialAs(nodeId: string, port: number): Promise<Wire> {
    const wire = await Wire.open(port)
    wire.send(frameOfHello(nodeId))
    return wire
  }

  it('one direction is cut for one of them alone', async () => {
    const { port } = await links.openPeerPort('n1', target)
    const second = await dialAs('n2', port)
    const fromSecond = await accept()
    const third = await dialAs('n3', port)
    const fromThird = await accept()
    const heal = links.impairPeers('n2', 'n1', CUT)
    second.send('from n2\n')
    third.send('from n3\n')
    fromSecond.socket.write('to n2\n')
    await fromThird.gets('from n3\n')
    expect(await second.line()).toBe('to n2')
    await moment()
    expect(fromSecond.text).not.toContain('from n2')
    heal()
    await fromSecond.gets('from n2\n')
  })

  it('a dial needs both directions', async () => {
    const { port } = await links.openPeerPort('n1', target)
    const heal = links.impairPeers('n1', 'n2', CUT)
    await dialAs('n2', port)
    await dialAs('n3', port)
    const first = await accept()
    await first.gets('n3')
    heal()
    await (await accept()).gets('n2')
  })

  it('who dials is known by its address where every node has one of its own, before it says a word', async () => {
    const diallers = ['n3', 'n2']
    const byAddress = new Links(new SeededRandom(1), '127.0.0.1', 0, () => diallers.shift() ?? null)
    onTestFinished(() => byAddress.close())
    let accepted = 0
    server.on('connection', () => {
      accepted += 1
    })
    const { port } = await byAddress.openPeerPort('n1', target)
    const heal = byAddress.impairPeers('n1', 'n2', CUT)
    const third = await Wire.open(port)
    // A handshake of TLS begins so, and never says who it is.
    third.send('\x16')
    await (await accept()).gets('\x16')
    await Wire.open(port)
    await moment()
    expect(accepted).toBe(1)
    heal()
    await accept()
  })

  it('who is no peer is not let through', async () => {
    const wire = await Wire.open((await links.openPeerPort('n1', target)).port)
    wire.send('GET / HTTP/1.1\r\n\r\n')
    await wire.rest()
    expect(wire.broken).toBe(true)
  })
})
