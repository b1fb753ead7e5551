/** What strangers do to a peer port: nothing of it ends the node, is believed, or keeps peers out. */
import { createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseHostPort } from '../../../src/address.js'
import type { Clock } from '../../../src/platform.js'
import {
  HANDSHAKE_BYTES,
  RECONNECT_FOREIGN_MS,
  RECONNECT_MAX_MS,
  UNKNOWN_CONNECTIONS,
} from '../../../src/raft/limits.js'
import { encodeFragment } from '../../../src/raft/net/frame.js'
import { encodeRefusal, LinkKind } from '../../../src/raft/net/handshake.js'
import type { ConnectionEnd, PeerConnection } from '../../../src/raft/net/peer-connection.js'
import { PeerLink } from '../../../src/raft/net/peer-link.js'
import { FrameKind, Lane, PeerProtocolError, RefusalCode } from '../../../src/raft/ports/transport.js'
import { helloFrame } from '../../kit/hello.js'
import { introduce, seededRandom, testRandom } from './kit.js'
import { testBed } from './test-bed.js'

const { start, rawTo } = testBed()
const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))
const frame = (kind: number, payload: Uint8Array, more = false) =>
  Buffer.concat(encodeFragment(Lane.control, kind, more, [payload]))
const BROKEN = 'closed a connection that broke the peer protocol'

describe('a stranger at the peer port', () => {
  it.each([
    ['in one piece', frame(LinkKind.hello, Buffer.alloc(HANDSHAKE_BYTES))],
    [
      'in fragments of one byte',
      Buffer.concat(Array.from({ length: HANDSHAKE_BYTES / 10 }, () => frame(LinkKind.hello, Buffer.alloc(1), true))),
    ],
    [
      'in fragments of none',
      Buffer.concat(Array.from({ length: HANDSHAKE_BYTES / 9 }, () => frame(LinkKind.hello, Buffer.alloc(0), true))),
    ],
  ])('may not say more than 4 KiB before it is known: %s', async (_name, bytes) => {
    const a = await start('a')
    const socket = rawTo(a)
    socket.resume()
    socket.write(bytes)
    socket.write(bytes)
    await ended(socket)
    expect(a.logged(BROKEN)).toMatchObject([{ reason: 'too many bytes before the handshake' }])
  })

  it('does not keep peers out by silence', async () => {
    const a = await start('a')
    const silent = Array.from({ length: 3 * UNKNOWN_CONNECTIONS }, () => rawTo(a))
    await Promise.all(
      silent.map((socket) => new Promise((resolve) => socket.once('data', resolve).once('close', resolve))),
    )
    const b = await start('b')
    b.transport.setPeers([a.peer()])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    expect(b.of('up')).toHaveLength(1)
    expect(b.logged('a peer cannot be reached; trying on')).toEqual([])
  })

  it('is told of once, with its address, however often it comes', async () => {
    const a = await start('a')
    for (let i = 0; i < 5; i++) {
      const socket = rawTo(a)
      socket.resume()
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await ended(socket)
    }
    expect(a.logged(BROKEN)).toMatchObject([{ peer: 'unknown', remote: '127.0.0.1' }])
  })

  it('who says a refusal without having been dialled is known as such', async () => {
    const a = await start('a')
    const socket = rawTo(a)
    socket.resume()
    const hello = helloFrame({ clusterId: 'cluster', nodeId: 'b' })
    const refusal = { code: RefusalCode.notMember, isFinal: true, message: 'go' }
    socket.write(Buffer.concat([frame(LinkKind.hello, hello), frame(LinkKind.refuse, encodeRefusal(refusal))]))
    await a.until(() => a.of('refused').length > 0)
    expect(a.of('refused')[0]).toMatchObject({ refusal, by: { nodeId: 'b', wasDialled: false } })
  })

  it('that says it is a peer which is connected does not take its place', async () => {
    for (const [own, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const [node, peer] = [await start(own), await start(other)]
      introduce(node, peer)
      await Promise.all([node.untilUp(other), peer.untilUp(own)])
      const socket = rawTo(node)
      socket.resume()
      socket.write(frame(LinkKind.hello, helloFrame({ clusterId: 'cluster', nodeId: other, processId: 'mine' })))
      socket.write(frame(LinkKind.accept, Buffer.alloc(0)))
      await ended(socket)
      expect(peer.say(own, 'still here')).toBe(true)
      await node.until(() => node.texts().includes('still here'))
      expect([...node.of('down'), ...peer.of('down')]).toEqual([])
      await Promise.all([node.transport.close(), peer.transport.close()])
    }
  })

  it('may send what it likes: peers come and go meanwhile', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = seededRandom(seed)
    const noise = (most: number) => Buffer.from(Array.from({ length: random() * most }, () => random() * 256))
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    const kinds = [...Object.values(LinkKind), ...Object.values(FrameKind), 0x3f]
    for (let i = 0; i < 300; i++) {
      const socket = rawTo(a)
      socket.resume()
      const kind = kinds[Math.floor(random() * kinds.length)] ?? 0
      const bytes = random() < 0.3 ? noise(5_000) : frame(kind, noise(300), random() < 0.2)
      if (random() < 0.5) socket.write(frame(LinkKind.hello, helloFrame({ nodeId: `s${i}`, clusterId: 'cluster' })))
      socket.end(bytes)
      await ended(socket)
    }
    expect(b.say('a', 'still here'), `seed ${seed}`).toBe(true)
    await a.until(() => a.texts().includes('still here'))
    const lost = [...a.of('down'), ...b.of('down')].filter(({ from }) => from === 'a' || from === 'b')
    expect(lost, `seed ${seed}`).toEqual([])
  })
})

describe('a peer', () => {
  it('that sends a malformed frame loses its connection, and is let in again', async () => {
    const check = (payload: Uint8Array) => {
      if (Buffer.from(payload).toString() === 'malformed') throw new PeerProtocolError('malformed word')
    }
    const [a, b] = [await start('a', { check }), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    b.say('a', 'malformed')
    await a.until(() => a.of('up').length === 2)
    expect(a.logged(BROKEN)).toMatchObject([{ peer: 'b', reason: 'malformed word' }])
    await b.untilUp('a')
    b.say('a', 'better')
    await a.until(() => a.texts().includes('better'))
  })

  it('of another cluster is tried again slowly', () => {
    const delaysMs: number[] = []
    const clock = {
      takerNow: () => 0,
      after: (delayMs: number) => {
        delaysMs.push(delayMs)
        return { cancel: () => undefined }
      },
    } as unknown as Clock
    const dialled = { dialled: true, isUp: false } as PeerConnection
    const events = { dial: () => dialled, unreachable: () => undefined } as never
    const end = (code: RefusalCode): ConnectionEnd => ({
      cause: 'refused',
      detail: '',
      refusal: { code, isFinal: false, message: '' },
    })
    for (const code of [RefusalCode.otherCluster, RefusalCode.notMember]) {
      const link = new PeerLink('b', 'a', events, clock, testRandom)
      link.keep([{ host: '127.0.0.1', port: 1 }])
      link.closed(dialled, end(code), false)
    }
    expect(delaysMs[0]).toBeGreaterThanOrEqual(RECONNECT_FOREIGN_MS / 2)
    expect(delaysMs[1]).toBeLessThanOrEqual(RECONNECT_MAX_MS)
  })
})

it('a peer that cannot be reached is told of again when there is another reason', async () => {
  const gone = await start('b')
  const peer = gone.peer()
  await gone.transport.close()
  const a = await start('a')
  a.transport.setPeers([peer])
  const told = () => a.logged('a peer cannot be reached; trying on').map(({ reason }) => String(reason))
  await a.until(() => told().length === 1)
  const another = createServer((socket) => socket.on('error', () => undefined).end())
  onTestFinished(() => void another.close())
  another.listen(parseHostPort(peer.address))
  await a.until(() => told().length === 2)
  expect(told()).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('without a word')])
})
