import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/platform.js'
import { ClientPort } from '../../../src/server/clients/client-port.js'
import { FairInput, type InputSource } from '../../../src/server/clients/fair-input.js'
import { INPUT_PAUSE_MS, INPUT_SLICE_MAX_LINES, INPUT_TURN_MS } from '../../../src/server/limits.js'
import { SystemClock } from '../../../src/server/system-clock.js'
import type { ClientSocket } from '../../../src/service/lock-service.js'
import { asIs } from '../../kit/looks-first.js'

/** Time passes only when a slice is handed on; what is to happen later happens when the test says so. */
class SliceClock implements Clock {
  nowMs = 0
  readonly #soon: (() => void)[] = []
  readonly #later: (() => void)[] = []
  speakerNow = () => this.nowMs
  takerNow = () => this.nowMs
  wallNow = () => 0
  soon = (run: () => void) => void this.#soon.push(run)
  after = (delayMs: number, run: () => void) => {
    expect(delayMs).toBe(INPUT_PAUSE_MS)
    this.#later.push(run)
    return { cancel: () => undefined }
  }
  endOfTurn(): void {
    for (const run of this.#soon.splice(0)) run()
  }
  pause(): void {
    for (const run of this.#later.splice(0)) run()
  }
}

describe('whose turn it is', () => {
  /** A slice takes a quarter of the budget. */
  function setUp() {
    const clock = new SliceClock()
    const input = new FairInput(clock, () => undefined)
    const served: string[] = []
    const source = (name: string, slices: number): InputSource & { slices: number } => ({
      slices,
      readSlice() {
        served.push(name)
        clock.nowMs += INPUT_TURN_MS / 4
        this.slices -= 1
        return this.slices > 0
      },
    })
    return { clock, input, source, take: () => served.splice(0).join('') }
  }

  it('is at once, while there is time', () => {
    const { input, source, take } = setUp()
    input.arrived(source('a', 1))
    input.arrived(source('b', 1))
    expect(take()).toBe('ab')
  })

  it('is in the next turn of the event loop when this one has had its time', () => {
    const { clock, input, source, take } = setUp()
    for (const name of 'abcdef') input.arrived(source(name, 1))
    expect(take()).toBe('abcd')
    clock.endOfTurn()
    expect(take()).toBe('ef')
  })

  it('rotates among those who flood, and ends when the time is used up, until the next round', () => {
    const { clock, input, source, take } = setUp()
    input.arrived(source('a', 100))
    input.arrived(source('b', 100))
    take()
    for (const round of [1, 2, 3]) {
      clock.endOfTurn()
      expect({ round, served: take() }).toEqual({ round, served: '' })
      clock.pause()
      expect([...take()].sort().join('')).toBe('aabb')
    }
  })

  it('comes at once for a single line, whoever floods', () => {
    const { clock, input, source, take } = setUp()
    for (const name of 'abcd') input.arrived(source(name, 100))
    clock.endOfTurn()
    clock.pause()
    take()
    input.arrived(source('x', 1))
    expect(take()).toBe('x')
  })

  it('does not come earlier because more arrived', () => {
    const { clock, input, source, take } = setUp()
    const flood = source('a', 100)
    input.arrived(flood)
    clock.endOfTurn()
    take()
    input.arrived(flood)
    expect(take()).toBe('')
  })

  it('does not come to who is gone', () => {
    const { clock, input, source, take } = setUp()
    const flood = source('a', 100)
    input.arrived(flood)
    take()
    input.forget(flood)
    clock.pause()
    expect(take()).toBe('')
  })
})

describe('the client port', () => {
  const opened: { close(): unknown }[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close()
  })

  interface Events {
    readonly connection: ClientSocket
    text: string
    readonly chunks: string[]
    ending: string
  }

  /** Every reading of the clock takes a tenth of a turn's budget, as though each slice were hard work. */
  async function setUp(answer?: (connection: ClientSocket) => void) {
    const system = new SystemClock()
    let readings = 0
    const clock: Clock = {
      speakerNow: () => system.speakerNow(),
      takerNow: () => (INPUT_TURN_MS / 10) * ++readings,
      wallNow: () => system.wallNow(),
      after: (delayMs, run) => system.after(delayMs, run),
      soon: (run) => system.soon(run),
    }
    const clients: Events[] = []
    const port = await ClientPort.open({
      listen: { host: '127.0.0.1', port: 0 },
      maxConnections: 10,
      localPlaces: false,
      clock: asIs(clock),
      service: {
        turn: () => undefined,
        connected: (connection) => {
          const events: Events = { connection, text: '', chunks: [], ending: '' }
          clients.push(events)
          return {
            data: (chunk) => {
              events.chunks.push(Buffer.from(chunk).toString())
              events.text += events.chunks.at(-1)
              answer?.(connection)
            },
            fin: () => {
              events.ending += `fin after ${events.text.length}`
            },
            turnAway: () => undefined,
            broken: () => {
              events.ending += `broken after ${events.text.length}`
            },
          }
        },
      },
      warn: () => undefined,
    })
    opened.push(port)
    return { port, clients }
  }

  async function client(port: ClientPort): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: port.port, allowHalfOpen: true })
    socket.on('error', () => {})
    opened.push({ close: () => socket.destroy() })
    await once(socket, 'connect')
    return socket
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(setImmediate)
  }

  const FLOOD = '.keepalive\n'.repeat(20_000)

  it('hands on a flood in slices, and the single line of another in between', async () => {
    const { port, clients } = await setUp()
    const flood = await client(port)
    flood.write(FLOOD)
    await until(() => (clients[0]?.chunks.length ?? 0) > 0)
    const quiet = await client(port)
    quiet.write('lock,name:x\n')
    await until(() => clients[1]?.text === 'lock,name:x\n')
    expect(clients[0]?.text.length).toBeLessThan(FLOOD.length / 2)
    await until(() => clients[0]?.text.length === FLOOD.length)
    expect(clients[0]?.text).toBe(FLOOD)
    const lines = clients[0]?.chunks.map((chunk) => chunk.split('\n').length - 1) ?? []
    expect(Math.max(...lines)).toBe(INPUT_SLICE_MAX_LINES)
  })

  it.each([1, 10_000])('tells the end after all that came before it (lines: %i)', async (lines) => {
    const { port, clients } = await setUp()
    const socket = await client(port)
    const text = '.keepalive\n'.repeat(lines)
    socket.end(text)
    await until(() => clients[0]?.ending !== undefined && clients[0].ending !== '')
    expect(clients[0]?.ending).toBe(`fin after ${text.length}`)
  })

  it('tells the end to a service that had paused, when it goes on', async () => {
    let paused = false
    const { port, clients } = await setUp((connection) => {
      if (!paused) connection.pause()
      paused = true
    })
    const socket = await client(port)
    const text = '.keepalive\n'.repeat(1_000)
    socket.end(text)
    await until(() => paused)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    expect(clients[0]).toMatchObject({ ending: '', chunks: { length: 1 } })
    clients[0]?.connection.resume()
    await until(() => clients[0]?.ending === `fin after ${text.length}`)
  })

  it('tells a break at once to a service that had paused', async () => {
    const { port, clients } = await setUp((connection) => connection.pause())
    const socket = await client(port)
    socket.write('.keepalive\n'.repeat(1_000))
    await until(() => (clients[0]?.chunks.length ?? 0) > 0)
    socket.resetAndDestroy()
    await until(() => clients[0]?.ending?.startsWith('broken') === true)
    expect(clients[0]?.chunks.length).toBe(1)
  })

  it('serves no more lines of a client whose answers fill its buffer', async () => {
    const { port, clients } = await setUp((connection) => connection.write('x'.repeat(1024 * 1024)))
    const socket = await client(port)
    socket.pause()
    socket.write('.keepalive\n'.repeat(1_000))
    await until(() => (clients[0]?.chunks.length ?? 0) > 0)
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
    // The kernel takes some megabytes before it refuses more.
    expect(clients[0]?.chunks.length).toBeLessThan(16)
    socket.resume()
    await until(() => clients[0]?.text.length === 11_000)
  })
})
