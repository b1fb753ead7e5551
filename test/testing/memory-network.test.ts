import { beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/sockets/streams.js'
import { MemoryNetwork } from '../../src/testing/memory-network.js'
import type { MemoryStream } from '../../src/testing/memory-stream.js'
import { KEEPALIVE_MS, type Station, type StationTerms, type Texture } from '../../src/testing/memory-tcp.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { VirtualTime } from '../../src/testing/virtual-time.js'

const SERVER = { host: 'n1', port: 7655 }
const DELAY_MS = 5
const ROUND_TRIP_MS = 2 * DELAY_MS

class Host implements Station {
  isAlive = true
  lagMs = 0
  /** SIGSTOP: its kernel goes on. */
  isStopped = false
  readonly #waiting: (() => void)[] = []

  constructor(
    private readonly time: VirtualTime,
    readonly name: string,
    readonly address: string,
  ) {}

  deliver(run: () => void): void {
    if (this.isStopped) this.#waiting.push(run)
    else this.time.after(0, () => this.isAlive && run())
  }

  go(): void {
    this.isStopped = false
    for (const run of this.#waiting.splice(0)) this.deliver(run)
  }
}

/** What a program hears from its stream, in order. */
function listenTo({ stream }: Channel): string[] {
  const heard: string[] = []
  stream.on('connect', () => void heard.push('connect'))
  stream.on('data', (chunk) => void heard.push(chunk.toString()))
  stream.on('drain', () => void heard.push('drain'))
  stream.on('end', () => void heard.push('end'))
  stream.on('error', (error) => void heard.push(error.message))
  stream.on('close', () => void heard.push('close'))
  return heard
}

let time: VirtualTime
let network: MemoryNetwork
let texture: Texture
let delayMs: () => number
let cut: Set<string>
let server: Host
let client: Host
let accepted: Channel[]

function pass(ms: number): void {
  const endMs = time.nowMs + ms
  for (let event = time.next(endMs); event !== null; event = time.next(endMs)) event.run?.()
}

async function serve(terms: StationTerms = { allowHalfOpen: true }): Promise<void> {
  await network.at(server, terms).listen(
    SERVER,
    (channel) => accepted.push(channel),
    () => undefined,
  )
}

function dial(): Channel {
  return network.at(client, { allowHalfOpen: true }).dial(SERVER)
}

/** Both ends of a connection that is there, and what they have heard. */
async function connected() {
  await serve()
  const near = dial()
  const nearHeard = listenTo(near)
  pass(ROUND_TRIP_MS)
  const far = accepted[0]
  if (far === undefined) throw new Error('nobody was accepted')
  return { near, nearHeard, far, farHeard: listenTo(far) }
}

beforeEach(() => {
  time = new VirtualTime()
  texture = { windowBytes: 1_000, splitChance: 0 }
  cut = new Set()
  delayMs = () => DELAY_MS
  accepted = []
  server = new Host(time, 'n1', '10.0.0.1')
  client = new Host(time, 'c1', '10.1.0.1')
  network = new MemoryNetwork(time, new SeededRandom(1), {
    weather: { delayMs: () => delayMs(), isHeld: (from, to) => cut.has(`${from}>${to}`) },
    texture: () => texture,
  })
})

describe('a dial', () => {
  it('gets through after a round trip, and both ends know each other', async () => {
    const { near, nearHeard, far } = await connected()
    expect(nearHeard).toEqual(['connect'])
    expect([far.tcp.remoteAddress, far.tcp.remotePort]).toEqual(['10.1.0.1', near.tcp.localPort])
    expect([near.tcp.remoteAddress, near.tcp.remotePort]).toEqual(['10.0.0.1', 7655])
  })

  it('is refused where nobody listens', () => {
    const heard = listenTo(dial())
    pass(ROUND_TRIP_MS)
    expect(heard).toEqual(['ECONNREFUSED', 'close'])
  })

  it('hangs in SYN while nothing gets through, and comes through afterwards', async () => {
    await serve()
    cut.add('c1>n1')
    const heard = listenTo(dial())
    pass(60_000)
    expect(heard).toEqual([])
    cut.clear()
    network.release('c1', 'n1')
    pass(ROUND_TRIP_MS)
    expect(heard).toEqual(['connect'])
  })

  it('comes through when the host without power is back: the kernel goes on asking', async () => {
    await serve()
    server.isAlive = false
    network.gone(server, true)
    const heard = listenTo(dial())
    pass(1_000)
    server = new Host(time, 'n1', '10.0.0.1')
    await serve()
    pass(1_000)
    expect(heard).toEqual(['connect'])
  })

  it('that was accepted is not accepted again when its host comes back, though the answer is still under way', async () => {
    await serve()
    cut.add('n1>c1')
    const heard = listenTo(dial())
    pass(DELAY_MS + 1)
    expect(accepted).toHaveLength(1)
    server.isAlive = false
    network.gone(server, true)
    server = new Host(time, 'n1', '10.0.0.1')
    await serve()
    cut.clear()
    network.release('n1', 'c1')
    pass(1_000)
    expect(accepted).toHaveLength(1)
    expect(heard[0]).toBe('connect')
  })

  it('hangs at a host without power, and is accepted by the kernel of a process that stands still', async () => {
    await serve()
    server.isStopped = true
    const heard = listenTo(dial())
    pass(ROUND_TRIP_MS)
    expect(heard).toEqual(['connect'])
    expect(accepted).toEqual([])
    server.isAlive = false
    network.gone(server, true)
    const late = listenTo(dial())
    pass(60_000)
    expect(late).toEqual([])
  })
})

describe('bytes', () => {
  it('come in order, and together when the reader was away', async () => {
    const { near, farHeard } = await connected()
    server.isStopped = true
    for (const text of ['one ', 'two ', 'three']) near.stream.write(text)
    pass(DELAY_MS)
    server.go()
    pass(1)
    expect(farHeard).toEqual(['one two three'])
  })

  it('that were written together may come in two pieces', async () => {
    texture = { windowBytes: 1_000, splitChance: 1 }
    const { near, farHeard } = await connected()
    let pieces = 0
    delayMs = () => DELAY_MS + pieces++
    near.stream.cork()
    near.stream.write('one ')
    near.stream.write('two')
    near.stream.uncork()
    pass(DELAY_MS + 1)
    expect(farHeard).toHaveLength(2)
    expect(farHeard.join('')).toBe('one two')
  })

  it('wait with their writer when the reader does not read, and flow on when it does', async () => {
    const { near, nearHeard, far, farHeard } = await connected()
    far.stream.pause()
    expect(near.stream.write('x'.repeat(20_000))).toBe(false)
    pass(1_000)
    expect(near.stream.writableLength).toBe(19_000)
    expect(farHeard).toEqual([])
    far.stream.resume()
    pass(1_000)
    expect(farHeard.join('')).toHaveLength(20_000)
    expect(near.stream.writableLength).toBe(0)
    expect(nearHeard).toEqual(['connect', 'drain'])
  })

  it('that wait in a process are lost with it, those that its kernel has are not', async () => {
    const { near, far, farHeard } = await connected()
    far.stream.pause()
    near.stream.write('x'.repeat(1_500))
    client.isAlive = false
    network.gone(client, false)
    far.stream.resume()
    pass(1_000)
    expect(farHeard).toEqual(['x'.repeat(1_000), 'end'])
  })

  it('are unacknowledged until they are there, and until that is known', async () => {
    const { near } = await connected()
    const end = near.tcp as MemoryStream
    const queues = () => [...network.sendQueues(client, () => 'it').values()]
    near.stream.write('1234')
    expect(queues()).toEqual([4])
    cut.add('n1>c1')
    pass(DELAY_MS)
    expect(end.unackedBytes).toBe(4)
    cut.clear()
    network.release('c1', 'n1')
    expect(queues()).toEqual([])
  })
})

describe('an end', () => {
  it('is a FIN after everything that was written', async () => {
    const { near, nearHeard, far, farHeard } = await connected()
    near.stream.write('last words')
    near.stream.end()
    pass(DELAY_MS)
    expect(farHeard).toEqual(['last words', 'end'])
    far.stream.write('an answer')
    far.stream.end()
    pass(DELAY_MS)
    expect(nearHeard).toEqual(['connect', 'an answer', 'end', 'close'])
    expect(farHeard.at(-1)).toBe('close')
    expect(network.connections.size).toBe(0)
  })

  it('of both sides is what a FIN means to who keeps nothing half open', async () => {
    await serve({ allowHalfOpen: false })
    const near = dial()
    const heard = listenTo(near)
    pass(ROUND_TRIP_MS)
    for (const far of accepted) listenTo(far)
    near.stream.end()
    pass(ROUND_TRIP_MS)
    expect(heard).toEqual(['connect', 'end', 'close'])
  })

  it('is a reset if something was not read, and a reset answers what comes after the end', async () => {
    const { near, nearHeard, far } = await connected()
    far.stream.pause()
    near.stream.write('unread')
    pass(DELAY_MS)
    far.stream.destroy()
    pass(DELAY_MS)
    expect(nearHeard).toEqual(['connect', 'ECONNRESET', 'close'])
  })

  it('that was clean turns into EPIPE for who writes on', async () => {
    const { near, far, nearHeard } = await connected()
    near.stream.pause()
    far.stream.destroy()
    pass(DELAY_MS)
    near.stream.write('is anybody there?')
    pass(ROUND_TRIP_MS)
    near.stream.write('no')
    pass(ROUND_TRIP_MS)
    expect(nearHeard).toEqual(['connect', 'EPIPE', 'close'])
  })

  it('by a reset in the middle meets both', async () => {
    const { nearHeard, farHeard } = await connected()
    for (const connection of network.connections) connection.break()
    pass(DELAY_MS)
    expect([nearHeard.at(-2), farHeard.at(-2)]).toEqual(['ECONNRESET', 'ECONNRESET'])
  })
})

describe('a host that vanishes', () => {
  it('is found by keepalive if nothing is on its way there, and not before', async () => {
    const { nearHeard } = await connected()
    server.isAlive = false
    network.gone(server, true)
    pass(KEEPALIVE_MS - 1)
    expect(nearHeard).toEqual(['connect'])
    pass(1)
    expect(nearHeard).toEqual(['connect', 'ETIMEDOUT', 'close'])
  })

  it('is not found by keepalive while something is unacknowledged; a new kernel there resets', async () => {
    const { near, nearHeard } = await connected()
    server.isAlive = false
    network.gone(server, true)
    near.stream.write('hello?')
    pass(2 * KEEPALIVE_MS)
    expect(nearHeard).toEqual(['connect'])
    server = new Host(time, 'n1', '10.0.0.1')
    await serve()
    pass(1_000)
    expect(nearHeard).toEqual(['connect', 'ECONNRESET', 'close'])
  })

  it('into exile reaches nobody, and nobody reaches it', async () => {
    const { near, farHeard } = await connected()
    near.stream.write('under way')
    network.exile(server)
    near.stream.write('too late')
    const heard = listenTo(dial())
    pass(1_000)
    expect(farHeard).toEqual(['under way'])
    expect(heard).toEqual(['ECONNREFUSED', 'close'])
  })
})
