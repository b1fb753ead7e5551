import type { Socket } from 'node:net'
import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import { decodeRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import { FrameKind, type HelloVerdict, Lane, PeerDownReason } from '../../../src/raft/ports/transport.js'
import { helloFrame } from '../../kit/hello.js'
import { introduce, refusing } from './kit.js'
import { testBed } from './test-bed.js'

const { start, proxyTo, rawTo } = testBed()
const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))
describe('a peer that is not welcome', () => {
  it('is told the reason; both logs name it once, however often it tries', async () => {
    const [a, b] = [await start('a'), await start('b', { clusterId: 'other' })]
    introduce(a, b)
    await a.until(() => a.of('refused').length >= 3)
    await b.until(() => b.of('refused').length >= 3)
    for (const [one, other, cluster] of [
      [a, b, 'other'],
      [b, a, 'cluster'],
    ] as const) {
      const theirs = `${other.id} belongs to cluster ${cluster}`
      const ours = `${one.id} belongs to cluster ${one.hello().clusterId}`
      expect(one.of('refused')[0]).toMatchObject({ from: other.id, reason: ours })
      expect(one.logged('refused a peer')).toMatchObject([{ peer: other.id, reason: theirs }])
      expect(one.logged('refused by a peer')).toMatchObject([{ peer: other.id, reason: ours }])
      expect(one.of('up')).toEqual([])
    }
  })

  it('is let in as soon as it is welcome', async () => {
    let member = false
    const judge = (): HelloVerdict => (member ? { accept: true } : refusing('not a member'))
    const [a, b] = [await start('a', { judge }), await start('b')]
    introduce(a, b)
    await b.until(() => b.of('refused').length > 0)
    member = true
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
  })

  it('is one with another id than the one that was dialled', async () => {
    const [a, b] = [await start('a'), await start('b')]
    a.transport.setPeers([{ ...b.peer(), nodeId: 'c' }])
    await b.until(() => b.of('refused').length > 0)
    expect(b.of('refused')[0]).toMatchObject({ from: 'a', reason: 'b answers at the address of c' })
  })

  it('is the node itself', async () => {
    const a = await start('a')
    a.transport.setPeers([{ ...a.peer(), nodeId: 'b' }])
    await a.until(() => a.of('refused').length > 0)
    expect(a.of('refused')[0]?.reason).toBe('a is the id of this node itself')
  })

  it('is one of another version, which is told so', async () => {
    const a = await start('a')
    const socket = rawTo(a)
    const reasons: string[] = []
    const parser = new FrameParser()
    socket.on('data', (chunk) => {
      parser.push(chunk)
      for (let frame = parser.next(); frame !== null; frame = parser.next()) {
        if (frame.kind === LinkKind.refuse) reasons.push(decodeRefusal(frame.payload).message)
      }
    })
    const hello = new Packr({ useRecords: false }).pack(['tcpnetlock-peer', 7, 9, 'from', 'the', 'future'])
    socket.write(Buffer.concat(encodeFragment(Lane.control, LinkKind.hello, false, [hello])))
    await ended(socket)
    expect(reasons).toEqual(['peer protocol version 7 to 9, this node speaks version 3'])
  })
})

describe('a connection that breaks the protocol', () => {
  const frame = (kind: number, payload: Uint8Array) =>
    Buffer.concat(encodeFragment(Lane.control, kind, false, [payload]))
  const hello = (nodeId: string) => helloFrame({ clusterId: 'cluster', nodeId, raftId: 0 })
  const cases: [string, Buffer][] = [
    ['is not that of a peer at all', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['sends frames before the handshake', frame(FrameKind.raft, Buffer.from('x'))],
    ['says hello twice', Buffer.concat([frame(LinkKind.hello, hello('b')), frame(LinkKind.hello, hello('b'))])],
    ['gives a verdict first', frame(LinkKind.accept, Buffer.alloc(0))],
    ['says hello in gibberish', frame(LinkKind.hello, Buffer.from('c1c1c1', 'hex'))],
    ['says hello without a node id', frame(LinkKind.hello, hello(''))],
  ]
  it.each(cases)('%s: is closed, and the log says why', async (_name, bytes) => {
    const a = await start('a')
    const socket = rawTo(a)
    socket.resume()
    socket.write(bytes)
    await ended(socket)
    expect(a.logged('closed a connection that broke the peer protocol')).toHaveLength(1)
    expect(a.of('frame')).toEqual([])
  })

  it('by damage on the way: nothing damaged is delivered, and a new one is made', async () => {
    const [a, b] = [await start('a'), await start('b')]
    let damage = false
    const proxy = await proxyTo(b, (chunk, pass) => {
      if (damage && chunk.includes('precious')) {
        damage = false
        chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1)
      }
      pass(chunk)
    })
    a.transport.setPeers([{ ...b.peer(), address: proxy.address }])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    damage = true
    a.say('b', 'precious')
    await b.until(() => b.logged('closed a connection that broke the peer protocol').length === 1)
    await a.until(() => a.of('up').length === 2)
    a.say('b', 'whole')
    await b.until(() => b.texts().length > 0)
    expect(b.texts()).toEqual(['whole'])
    expect(b.logged('closed a connection that broke the peer protocol')[0]).toMatchObject({
      reason: 'checksum mismatch',
    })
    expect(a.of('down').map((event) => event.reason)).toEqual([PeerDownReason.closed])
  })
})
