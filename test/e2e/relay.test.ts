/** Sessions behind a proxy that makes a FIN of a reset (rules.md rule 5, ADR 17), with real nodes, plainly and over TLS. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHORT_LEASE, TestCluster } from '../kit/process-cluster.js'
import { Relay } from '../kit/relay.js'
import { bothTransports, TRANSPORTS } from '../kit/transport.js'
import { converse, fieldOf, freshName, Wire } from '../kit/wire.js'

let cluster: TestCluster
let relay: Relay
const ports = { near: 0, far: 0 }
let closedByNode = 0

beforeAll(async () => {
  cluster = await TestCluster.start([...SHORT_LEASE, ...(await bothTransports())])
  const [near, far] = await cluster.followers()
  ports.near = near.port
  ports.far = far.port
  relay = await Relay.open(near.port)
})

afterAll(async () => {
  relay.close()
  await cluster.stop()
})

const ownEnd = (wire: Wire) => `,from:${wire.localEnd}`

describe.each(TRANSPORTS)('over %s', (transport) => {
  const open = (port: number) => Wire.open(port, transport)
  const say = (port: number, text: string) => converse(port, text, transport)

  /** A session that holds `name`; `from` is what it says of its own end. */
  async function holder(port: number, name: string, from: (wire: Wire) => string) {
    const wire = await open(port)
    const welcome = await wire.ask(`hello,version:2,redirect:no,lease:5${from(wire)}`)
    expect(welcome).toMatch(/^welcome/)
    expect(await wire.ask(`lock,id:1,name:${name}`)).toMatch(/^ok/)
    const resume = `resume,session:${fieldOf(welcome, 'session')},secret:${fieldOf(welcome, 'secret')},attempt:1`
    return { wire, welcome, resume }
  }

  /** Whether a rival gets the lock, once the node has carried out what the end of the relayed connection means to it. */
  async function isFree(name: string): Promise<boolean> {
    await relay.nodeClosed(++closedByNode)
    // What one node proposes is decided in its order: this comes after the end of the session, if it ends.
    const answer = await say(ports.near, `lock,name:${name}\n.keepalive\nrelease\n`)
    return answer !== 'not-granted\n'
  }

  describe('behind a relay', () => {
    it('a client that leaves by a reset keeps its lock for its lease, and gets it back', async () => {
      const name = freshName()
      const one = await holder(relay.port, name, ownEnd)
      expect(one.welcome).toMatch(/,relayed:yes/)
      one.wire.reset()
      expect(await isFree(name)).toBe(false)
      const wire = await open(ports.far)
      expect(await wire.ask(one.resume)).toMatch(/^welcome,.*,resumed:yes$/)
      expect(await wire.line()).toMatch(new RegExp(`^held,name:${name},`))
      expect(await wire.line()).toBe('ready')
      expect(await wire.ask('bye')).toBe('bye')
    })

    it('a client that does not know its end does too', async () => {
      const name = freshName()
      const one = await holder(relay.port, name, () => ',from:unknown')
      expect(one.welcome).not.toMatch(/relayed/)
      one.wire.reset()
      expect(await isFree(name)).toBe(false)
    })

    it('a client that says nothing of its end has said that it is done', async () => {
      const name = freshName()
      const one = await holder(relay.port, name, () => '')
      one.wire.reset()
      expect(await isFree(name)).toBe(true)
    })

    it('bye frees the lock, whatever becomes of the connection', async () => {
      const name = freshName()
      const one = await holder(relay.port, name, ownEnd)
      one.wire.send('\nbye\n')
      one.wire.fin()
      expect(await isFree(name)).toBe(true)
      one.wire.destroy()
    })
  })

  describe('without a relay', () => {
    it('the FIN of a client that names its own end frees its lock at once', async () => {
      const name = freshName()
      const rival = await open(ports.far)
      const one = await holder(ports.near, name, ownEnd)
      expect(one.welcome).not.toMatch(/relayed/)
      rival.send(`lock,name:${name},wait:4\n`)
      one.wire.destroy()
      expect(await rival.line()).toBe('ok')
      rival.destroy()
    })

    it('an earlier resume that comes late displaces nobody', async () => {
      const name = freshName()
      const one = await holder(ports.near, name, ownEnd)
      const later = await open(ports.far)
      expect(await later.ask(`${one.resume}0`)).toMatch(/^welcome,.*,attempt:10,/)
      expect(await say(ports.near, `${one.resume}\n`)).toMatch(/^err,code:superseded,attempt:10,message:\S+\n$/)
      expect(await later.line()).toMatch(/^held/)
      expect(await later.line()).toBe('ready')
      expect(await later.ask('.keepalive')).toBe('alive')
      expect(await later.ask('bye')).toBe('bye')
    })
  })

  describe('numbers out of range', () => {
    it('end no node, and every node can still write its snapshot', async () => {
      const { wire } = await holder(ports.near, freshName(), ownEnd)
      expect(await wire.ask('cancel,id:2,request:4503599627370496')).toMatch(/^err,id:2,code:bad-request/)
      expect(await wire.ask('.keepalive,ack:9007199254740991')).toMatch(/^err,code:bad-request/)
      expect(await wire.ask('.keepalive')).toBe('alive')
      expect(await wire.ask('bye')).toBe('bye')
      for (const node of cluster.nodes) expect(node.end).toBeNull()
      await cluster.untilAllServe()
    })
  })
})
