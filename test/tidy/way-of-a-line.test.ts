/** The drawing in ARCHITECTURE.md of a line's way through the house is what is on the stack when a client asks for a lock. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { RawNode } from '../../src/raft/core/raw-node.js'
import { CommandQueue } from '../../src/raft/node/command-queue.js'
import { ClientPort } from '../../src/server/clients/client-port.js'
import { TcpClientSocket } from '../../src/server/sockets/tcp-client-socket.js'
import { MemoryNetwork } from '../../src/testing/memory-network.js'
import type { Station } from '../../src/testing/memory-tcp.js'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { VirtualClock } from '../../src/testing/virtual-clock.js'
import { composedNode, founder } from '../kit/composed-node.js'
import { settle } from '../kit/settle.js'
import { FakeNetwork } from '../raft/node/fake-network.js'
import { ROOT } from './imports.js'

const SOCKET = 'server/sockets/tcp-client-socket'
const DRIVER = 'raft/node/raft-driver'
const APPLIER = 'raft/node/applier'
const PATIENCE_MS = 30_000
const HALF_OPEN = { allowHalfOpen: true }
const ADDRESS = { host: 'n1', port: 7_654 }
/** Where the right column of the drawing begins. */
const MIDDLE = 50

// ------------------------------------------------------------------------------------------------------- the drawing

/** The files of a column, from its top to its bottom, without `src/` and `.ts`. */
function column(from: number, to?: number): string[] {
  const page = readFileSync(join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8')
  const drawing = /## The way of one[^`]*`lock[^`]*`[^`]*```([^`]*)```/.exec(page)?.[1] ?? ''
  // The last row is what lies between: consensus, disk and peers.
  const rows = drawing.split('\n').filter((row) => !row.includes('--->'))
  return rows.flatMap((row) => row.slice(from, to).match(/[a-z]+(?:\/[\w-]+)+/g) ?? [])
}

// --------------------------------------------------------------------------------------------------- what is so

type Hands = readonly string[]

/** The files of `src` that have a frame on the stack, from the outermost on, each once. */
function hands(): string[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const frames = (new Error().stack ?? '').split('\n').filter((frame) => !frame.includes('at async '))
  Error.stackTraceLimit = limit
  const files = frames.map((frame) => /\/src\/([^:]+)\.ts:/.exec(frame)?.[1]).reverse()
  return [...new Set(files.filter((file) => file !== undefined))]
}

/** Whoever wakes the first of them, a socket or a disk, is not one of them. */
const since = (first: string, files: Hands): Hands => files.slice(files.indexOf(first))

type Method = (this: unknown, ...args: unknown[]) => unknown

/** Calls `see` before each call of a method, until the test is over. */
function tap(prototype: object, name: string, see: (...args: unknown[]) => void): void {
  const method = Reflect.get(prototype, name) as Method
  Reflect.set(prototype, name, function (this: unknown, ...args: unknown[]) {
    see(...args)
    return method.apply(this, args)
  })
  onTestFinished(() => void Reflect.set(prototype, name, method))
}

interface Way {
  command: Hands
  entry: Hands
  answer: Hands
  words: Hands
}

/** The hands at each moment at which what became of the line is laid down for whoever goes on with it in another turn. */
async function wayOf(say: () => void, until: (done: () => boolean) => Promise<void>): Promise<Way> {
  const way: Way = { command: [], entry: [], answer: [], words: [] }
  tap(CommandQueue.prototype, 'push', () => {
    const files = hands()
    // A node has something to say of its own, too.
    if (files.includes(SOCKET)) way.command = files
  })
  tap(RawNode.prototype, 'propose', () => {
    way.entry = hands()
  })
  tap(TcpClientSocket.prototype, 'write', (words) => {
    if (words === 'ok\n') way.words = [...hands(), SOCKET]
  })
  // The list of an entry's effects is nobody's but the state machine's.
  tap(Array.prototype, 'push', (effect) => {
    if (typeof effect === 'object' && effect !== null && 'kind' in effect && effect.kind === 'answered')
      way.answer = hands()
  })
  say()
  await until(() => way.words.length > 0)
  return way
}

async function servingNode() {
  const clock = new VirtualClock(settle)
  const { clock: own, stop } = clock.forProcess()
  onTestFinished(stop)
  const transport = new FakeNetwork(clock).transport('n1')
  const { node, service, ...parts } = composedNode({
    nodeId: 'n1',
    founders: [founder('n1')],
    seed: 1,
    clock: own,
    transport,
  })
  const network = new MemoryNetwork(clock, new SeededRandom(2), {
    weather: { delayMs: () => 1, isHeld: () => false },
    texture: () => ({ windowBytes: 65_536, splitChance: 0 }),
  })
  const station = (name: string): Station => ({
    name,
    address: name,
    isAlive: true,
    lagMs: 0,
    deliver: (run) => void clock.after(0, run),
  })
  await ClientPort.open({
    listen: ADDRESS,
    maxConnections: 10,
    localPlaces: false,
    clock: parts.clock,
    service,
    warn: () => undefined,
    network: network.at(station('n1'), HALF_OPEN),
    sendQueues: async () => null,
  })
  await node.start()
  const until = async (done: () => boolean) => expect(await clock.until(done, PATIENCE_MS)).toBe(true)
  await until(() => service.stats().speakRemainingMs > 0)
  const { dialler } = network.dial(station('client'), HALF_OPEN, ADDRESS)
  await until(() => dialler.writable && service.stats().connections === 1)
  return { client: dialler, until }
}

it('the drawing of a line through the house is its way, and not longer than it was', async () => {
  const { client, until } = await servingNode()
  const { command, entry, answer, words } = await wayOf(() => client.write(Buffer.from('lock,name:x\n')), until)
  const wayIn = [...since(SOCKET, command), ...since(DRIVER, entry)]
  const wayOut = [...since(APPLIER, answer), ...since(APPLIER, words).slice(1)]
  const full = (path: string) =>
    [...wayIn, ...wayOut].find((file) => file === path || file.endsWith(`/${path}`)) ?? path
  expect(column(0, MIDDLE).map(full)).toEqual(wayIn)
  expect(column(MIDDLE).map(full).reverse()).toEqual(wayOut)
  // Why these numbers: ADR 43.
  expect(wayIn.length).toBeLessThanOrEqual(8)
  expect(wayOut.length).toBeLessThanOrEqual(7)
  expect(new Set([...wayIn, ...wayOut]).size).toBeLessThanOrEqual(12)
})
