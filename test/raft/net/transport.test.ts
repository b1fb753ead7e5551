import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { CONNECT_TIMEOUT_MS, PEER_FRAME_BYTES, RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../../../src/raft/limits.js'
import { peerTcp } from '../../../src/raft/net/network.js'
import { FrameKind, Lane, PeerDownReason } from '../../../src/raft/ports/transport.js'
import type { ByteStream, Channel, StreamNetwork } from '../../../src/sockets/streams.js'
import { crossingNetwork, introduce, seededRandom, TestNode, testClock } from './kit.js'
import { testBed } from './test-bed.js'

const { start, proxyTo, cleanup } = testBed()

const downs = (node: TestNode) => node.of('down').map((event) => event.reason)

/** TCP that remembers the streams of inbound connections, so that a test can stop reading from one. */
const recordInbound = (inbound: ByteStream[]): StreamNetwork => ({
  ...peerTcp,
  listen: (address, onChannel, onError) => {
    const record = (channel: Channel) => {
      inbound.push(channel.stream)
      onChannel(channel)
    }
    return peerTcp.listen(address, record, onError)
  },
})

describe('connections', () => {
  it('carry frames in both directions and in order on each lane', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    const numbers = Array.from({ length: 500 }, (_, i) => String(i))
    for (const lane of [Lane.control, Lane.bulk]) {
      for (const text of numbers) expect(a.say('b', `${lane} ${text}`, lane)).toBe(true)
    }
    expect(b.say('a', 'hello')).toBe(true)
    await b.until(() => b.texts().length === 2 * numbers.length)
    await a.until(() => a.texts().length === 1)
    for (const lane of [Lane.control, Lane.bulk]) {
      const received = b.texts().filter((text) => text.startsWith(`${lane} `))
      expect(received).toEqual(numbers.map((text) => `${lane} ${text}`))
    }
  })

  it('are one per pair when all dial at once', async () => {
    for (let round = 0; round < 10; round++) {
      let open = 0
      const count = (channel: Channel) => {
        open++
        channel.stream.once('close', () => open--)
        return channel
      }
      const network = {
        ...peerTcp,
        dial: (...args: Parameters<typeof peerTcp.dial>) => count(peerTcp.dial(...args)),
      }
      const nodes = [await start('a', { network }), await start('b', { network }), await start('c', { network })]
      introduce(...nodes)
      for (const node of nodes) await node.until(() => node.of('up').length >= 2)
      for (const one of nodes) {
        for (const other of nodes) if (one !== other) expect(one.say(other.id, `${one.id} to ${other.id}`)).toBe(true)
      }
      for (const node of nodes) await node.until(() => node.texts().length === 2)
      for (const node of nodes) expect(downs(node)).toEqual([])
      for (const node of nodes) expect(node.of('up')).toHaveLength(2)
      while (open > 3) await new Promise((resolve) => setImmediate(resolve))
      expect(open).toBe(3)
      await Promise.all(nodes.map((node) => node.transport.close()))
    }
  })

  it('settle on one, without a flap, however the two dials cross', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = seededRandom(seed)
    for (let round = 0; round < 60; round++) {
      const what = `seed ${seed}, round ${round}`
      const streams = new Set<ByteStream>()
      const network = crossingNetwork(random, streams)
      const [a, b] = [await start('a', { network }), await start('b', { network })]
      introduce(a, b)
      await Promise.all([a.untilUp('b'), b.untilUp('a')])
      // Both ends of one connection are all that may be left, once the surplus has said its last word.
      while (streams.size > 2) await new Promise((resolve) => setImmediate(resolve))
      expect([a.of('up').length, b.of('up').length, ...downs(a), ...downs(b)], what).toEqual([1, 1])
      expect(a.say('b', 'hello') && b.say('a', 'hello'), what).toBe(true)
      await Promise.all([a.until(() => a.texts().length === 1), b.until(() => b.texts().length === 1)])
      await Promise.all([a.transport.close(), b.transport.close()])
    }
  })

  it('prefer the one that the smaller id dialled, when both got through', async () => {
    const [a, b] = [await start('a'), await start('b')]
    // The proxies let connects through at once and data later: both dials are open before either side has said hello.
    const hold = (held: (() => void)[]) => (chunk: Buffer, pass: (chunk: Buffer) => void) =>
      held.push(() => pass(chunk))
    const toA: (() => void)[] = []
    const toB: (() => void)[] = []
    const proxyA = await proxyTo(a, hold(toA))
    const proxyB = await proxyTo(b, hold(toB))
    a.transport.setPeers([{ ...b.peer(), address: proxyB.address }])
    b.transport.setPeers([{ ...a.peer(), address: proxyA.address }])
    while (toA.length === 0 || toB.length === 0) await new Promise((resolve) => setImmediate(resolve))
    // The hello of b's dial comes first, and yet a waits for its own.
    for (const pass of toA.splice(0)) pass()
    while (proxyA.pairs.length > 0) await new Promise((resolve) => setImmediate(resolve))
    while (!a.transport.isUp('b')) {
      for (const pass of toB.splice(0)) pass()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await b.untilUp('a')
    expect(a.logged('peer connected')).toMatchObject([{ dialled: true }])
    expect(b.logged('peer connected')).toMatchObject([{ dialled: false }])
  })

  it('may be dialled by the side with the larger id alone', async () => {
    const [a, b] = [await start('a'), await start('b')]
    b.transport.setPeers([a.peer()])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    a.say('b', 'ping')
    await b.until(() => b.texts().length === 1)
  })

  it('are found at the other address, if the first one leads nowhere or to somebody else', async () => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')]
    const { address } = b.peer()
    for (const stale of [c.peer().address, '127.0.0.1:1']) {
      a.transport.setPeers([{ ...b.peer(), address: stale, otherAddress: address }])
      await Promise.all([a.untilUp('b'), b.untilUp('a')])
      a.transport.setPeers([])
      await b.until(() => !b.transport.isUp('a'))
    }
  })

  it('end on both sides when the peer is none any more', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    b.transport.setPeers([])
    a.transport.setPeers([])
    expect(a.transport.isUp('b')).toBe(false)
    expect(a.say('b', 'x')).toBe(false)
    expect(downs(a)).toEqual([])
    await a.until(() => downs(a).length === 1)
    await b.until(() => downs(b).length === 1)
  })

  it('come back when a peer starts again', async () => {
    const a = await start('a')
    const first = await start('b')
    introduce(a, first)
    await Promise.all([a.untilUp('b'), first.untilUp('a')])
    const listen = first.transport.listenAddress()
    await first.transport.close()
    await a.until(() => downs(a).length === 1)
    const second = await start('b', { listen })
    introduce(a, second)
    await Promise.all([a.until(() => a.of('up').length === 2), second.untilUp('a')])
    a.say('b', 'again')
    await second.until(() => second.texts().includes('again'))
  })

  it('let the last words arrive when the node stops', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    a.say('b', 'take over')
    await a.transport.close()
    await b.until(() => b.texts().includes('take over'))
    expect(a.of('down')).toEqual([])
  })

  it('run over IPv6', async () => {
    const [a, b] = [await start('a', { listen: '[::1]:0' }), await start('b', { listen: '[::1]:0' })]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
  })
})

describe('frames', () => {
  it('may be empty or as big as allowed, and not bigger', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    const big = Buffer.alloc(PEER_FRAME_BYTES)
    for (let i = 0; i < big.length; i += 997) big[i] = i % 251
    const parts = [big.subarray(0, 5), big.subarray(5, 1_000_000), big.subarray(1_000_000)]
    expect(a.transport.send('b', Lane.bulk, FrameKind.snapshotChunk, parts)).toBe(true)
    expect(a.transport.send('b', Lane.bulk, FrameKind.admin, [])).toBe(true)
    await b.until(() => b.of('frame').length === 2)
    const [first, second] = b.of('frame')
    expect(first?.kind).toBe(FrameKind.snapshotChunk)
    expect(first?.payload.equals(big)).toBe(true)
    expect(second).toMatchObject({ kind: FrameKind.admin, payload: Buffer.alloc(0) })
    // No amount of data is worth the process: the sender is told as if there was no room.
    expect(a.transport.send('b', Lane.bulk, FrameKind.raft, [big, Buffer.alloc(1)])).toBe(false)
    expect(a.transport.isUp('b')).toBe(true)
  })

  it('of the control lane go first among those of one turn', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    a.say('b', 'bulk', Lane.bulk)
    a.say('b', 'control', Lane.control)
    await b.until(() => b.texts().length === 2)
    expect(b.texts()).toEqual(['control', 'bulk'])
  })

  it('of the control lane overtake waiting bulk, also within one big bulk frame', async () => {
    const inbound: ByteStream[] = []
    const [a, b] = [await start('a'), await start('b', { network: recordInbound(inbound) })]
    a.transport.setPeers([b.peer()])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    inbound[0]?.pause()
    for (const name of ['bulk 1', 'bulk 2']) {
      expect(a.transport.send('b', Lane.bulk, FrameKind.raft, [Buffer.from(name), Buffer.alloc(15_000_000)])).toBe(true)
    }
    // The first writes fill the system's buffers; what is still queued then has to wait for the reader.
    await new Promise((resolve) => setImmediate(resolve))
    expect(a.transport.bulkBacklogBytes('b')).toBeGreaterThan(16_000_000)
    expect(a.say('b', 'heartbeat')).toBe(true)
    inbound[0]?.resume()
    await b.until(() => b.of('frame').length === 3)
    expect(b.of('frame').map(({ payload }) => payload.subarray(0, 9).toString().trim())).toEqual([
      'heartbeat',
      `bulk 1${'\0'.repeat(3)}`,
      `bulk 2${'\0'.repeat(3)}`,
    ])
    expect(a.transport.bulkBacklogBytes('b')).toBe(0)
  })

  it('are refused, not queued, when a lane is full, and accepted again when it has drained', async () => {
    const inbound: ByteStream[] = []
    const [a, b] = [await start('a'), await start('b', { network: recordInbound(inbound) })]
    a.transport.setPeers([b.peer()])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    inbound[0]?.pause()
    for (const lane of [Lane.control, Lane.bulk]) {
      let sent = 0
      const payload = [Buffer.alloc(1_000_000)]
      // The system takes a part; a lane without a bound would go on for ever.
      while (sent < 200 && a.transport.send('b', lane, FrameKind.raft, payload)) {
        sent++
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(sent).toBeGreaterThan(1)
      expect(sent).toBeLessThan(200)
    }
    inbound[0]?.resume()
    while (a.transport.bulkBacklogBytes('b') > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(a.say('b', 'room again', Lane.bulk)).toBe(true)
    expect(a.say('b', 'room again', Lane.control)).toBe(true)
    await b.until(() => b.texts().filter((text) => text === 'room again').length === 2)
    expect(b.of('frame').length).toBeGreaterThan(4)
  })
})

describe('a peer that is not there', () => {
  it('is dialled again and again, at growing intervals up to a second', async () => {
    const gone = await start('b')
    const peer = gone.peer()
    await gone.transport.close()
    const delays: number[] = []
    const fast = testClock(50)
    const after: Clock['after'] = (delayMs, run) => {
      if (delayMs < CONNECT_TIMEOUT_MS) delays.push(delayMs)
      return fast.after(delayMs, run)
    }
    let dials = 0
    const dial: typeof peerTcp.dial = (address) => {
      dials++
      return peerTcp.dial(address)
    }
    const a = await start('a', { clock: { ...fast, after }, network: { ...peerTcp, dial } })
    a.transport.setPeers([peer])
    while (dials < 12) await new Promise((resolve) => setImmediate(resolve))
    expect(delays[0]).toBeLessThan(RECONNECT_MIN_MS)
    for (const delayMs of delays.slice(6, 11)) expect(delayMs).toBeGreaterThanOrEqual(RECONNECT_MAX_MS / 2)
    for (const delayMs of delays) expect(delayMs).toBeLessThanOrEqual(RECONNECT_MAX_MS)
    const reasons = a.logged('a peer cannot be reached; trying on').map(({ reason }) => reason)
    expect(reasons).toEqual([...new Set(reasons)])
    expect(reasons).toContainEqual(expect.stringContaining('ECONNREFUSED'))
  })
})

describe('a lost connection', () => {
  it('to a peer that still answers is `closed`, and is made again', async () => {
    const [a, b] = [await start('a'), await start('b')]
    const proxy = await proxyTo(b)
    a.transport.setPeers([{ ...b.peer(), address: proxy.address }])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    proxy.pairs[0]?.client.resetAndDestroy()
    await a.until(() => a.of('up').length === 2)
    expect(a.events.filter(({ type }) => type !== 'log').map(({ type }) => type)).toEqual(['up', 'down', 'up'])
    expect(downs(a)).toEqual([PeerDownReason.closed])
  })

  it('to a peer that has stopped is `refused`', async () => {
    const [a, b] = [await start('a'), await start('b')]
    introduce(a, b)
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    await b.transport.close()
    await a.until(() => downs(a).length === 1)
    expect(downs(a)).toEqual([PeerDownReason.refused])
  })

  it('to a peer that was never dialled is `closed`', async () => {
    const [a, b] = [await start('a'), await start('b')]
    b.transport.setPeers([a.peer()])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    await b.transport.close()
    await a.until(() => downs(a).length === 1)
    expect(downs(a)).toEqual([PeerDownReason.closed])
    expect(a.transport.isUp('b')).toBe(false)
  })

  it('on which nothing is heard while frames are sent is a `timeout`, but a quiet peer is asked first', async () => {
    const clock = testClock(50)
    const [a, b] = [await start('a', { clock }), await start('b')]
    let mute = false
    const proxy = await proxyTo(b, (chunk, pass) => mute || pass(chunk))
    a.transport.setPeers([{ ...b.peer(), address: proxy.address }])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])

    // b never has to answer, and yet the connection stays: 20 checks, five unanswered ones would end it.
    for (let check = 0; check < 20; check++) {
      a.say('b', 'no answer needed')
      await new Promise<void>((resolve) => clock.after(1_000, resolve))
    }
    expect(downs(a)).toEqual([])

    mute = true
    const talk = setInterval(() => a.say('b', 'anybody there?'), 5)
    cleanup(() => clearInterval(talk))
    await a.until(() => downs(a).length === 1)
    expect(downs(a)).toEqual([PeerDownReason.timeout])
  })

  it('of which only one side knows does not keep the other out', async () => {
    const [a, b] = [await start('a'), await start('b')]
    const proxy = await proxyTo(b)
    a.transport.setPeers([{ ...b.peer(), address: proxy.address }])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    // b loses the connection, a does not hear of it; the next bytes of a are answered by a reset.
    const [pair] = proxy.pairs
    pair?.server.removeAllListeners('close')
    pair?.server.resetAndDestroy()
    pair?.client.removeAllListeners('data')
    pair?.client.on('data', () => pair.client.resetAndDestroy())
    b.transport.setPeers([a.peer()])
    await b.until(() => b.of('up').length === 2)
    await a.until(() => a.of('up').length === 2)
    expect(b.say('a', 'back')).toBe(true)
    await a.until(() => a.texts().includes('back'))
  })

  it('of which only one side knows ends when the peer connects anew, and what comes on it late is not heard', async () => {
    const [a, b] = [await start('a'), await start('b')]
    let late: (() => void) | null = null
    const proxy = await proxyTo(a, (chunk, pass) => {
      if (chunk.includes('before')) late = () => pass(chunk)
      else pass(chunk)
    })
    b.transport.setPeers([{ ...a.peer(), address: proxy.address }])
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
    const [pair] = proxy.pairs
    if (pair === undefined) throw new Error('no connection')
    b.say('a', 'before')
    while (late === null) await new Promise((resolve) => setImmediate(resolve))
    // b loses the connection and dials again; a does not hear of that before.
    pair.client.removeAllListeners('close')
    pair.client.resetAndDestroy()
    await Promise.all([a.until(() => a.of('up').length === 2), b.until(() => b.of('up').length === 2)])
    b.say('a', 'after')
    await a.until(() => a.texts().includes('after'))
    expect(downs(a)).toEqual([PeerDownReason.replaced])
    const ended = pair.server.closed ? null : once(pair.server, 'close')
    ;(late as () => void)()
    await Promise.race([ended, a.until(() => a.texts().length > 1)])
    expect(a.texts()).toEqual(['after'])
  })
})

describe('the peer port', () => {
  it('that is taken is an error that names flag, value and errno', async () => {
    const a = await start('a')
    const address = a.transport.listenAddress()
    const failure = new TestNode('b', { listen: address }).start()
    await expect(failure).rejects.toThrow(`--peer-listen ${address}: [Errno 98] address already in use`)
    await expect(failure).rejects.toMatchObject({ code: 'TNL_BIND' })
  })

  it('that cannot be read is one too', async () => {
    await expect(new TestNode('b', { listen: 'nowhere:port' }).start()).rejects.toThrow(/^--peer-listen nowhere:port: /)
  })
})
