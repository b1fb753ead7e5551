/** Hostile lines and bytes at every port of a real cluster, as `npm run fuzz` writes them; then everything starts anew. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../../../src/testing/seeded-random.js'
import { bytesOf, classicLine, Memory, openingLine, sessionLine } from '../../fuzz/client-grammar.js'
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import { converse } from '../../kit/wire.js'
import type { Outcome, Size, Trial } from '../trial.js'

const RUN_MS: Record<Size, number> = { short: 6_000, long: 300_000 }
const CLIENTS = 24
const LINES_A_TURN = 20
const TURN_MS = 20

/** One stranger after the other: each sends for a while, and is replaced when the node has had enough of it. */
class Stranger {
  lines = 0
  #socket: Socket | null = null
  #memory = new Memory()
  #isSession = false

  constructor(
    private readonly random: SeededRandom,
    private readonly nodes: readonly TestNode[],
  ) {}

  async turn(): Promise<void> {
    const { random } = this
    const socket = this.#socket
    if (socket === null || socket.destroyed || random.chance(0.02)) {
      if (socket !== null) random.chance(0.5) ? socket.resetAndDestroy() : socket.end()
      await this.#dial()
      return
    }
    // A node that does not read is not fed further.
    if (socket.writableNeedDrain) return
    for (let line = 0; line < LINES_A_TURN && socket.writable; line++) {
      const make = this.#isSession ? sessionLine : classicLine
      socket.write(bytesOf(random, make(random, this.#memory)))
      this.lines++
    }
  }

  close(): void {
    this.#socket?.destroy()
  }

  async #dial(): Promise<void> {
    const { random } = this
    const { plan } = random.pick(this.nodes)
    const garbage = random.chance(0.1)
    const port = garbage ? random.pick([plan.peerPort, plan.httpPort]) : plan.clientPort
    const socket = connect(port, '127.0.0.1')
    this.#socket = socket
    socket.on('error', () => {})
    await Promise.race([once(socket, 'connect').catch(() => {}), sleep(1_000)])
    if (garbage) {
      socket.on('data', () => {})
      socket.end(random.bytes(1 + random.int(300)))
      return
    }
    const memory = random.chance(0.5) ? this.#memory : new Memory()
    this.#memory = memory
    this.#isSession = random.chance(0.7)
    socket.setEncoding('utf8')
    socket.on('data', (text) => memory.heard(String(text)))
    if (!this.#isSession) return
    socket.write(`${openingLine(random, memory)}\n`)
    await Promise.race([once(socket, 'data').catch(() => {}), sleep(1_000)])
  }
}

async function grants(nodes: readonly TestNode[]): Promise<string[]> {
  const answers = await Promise.all(nodes.map((node) => converse(node.port, `lock,name:after-${node.id}\nrelease\n`)))
  return answers.map((answer) => answer.trim().replaceAll('\n', ' '))
}

async function run(size: Size): Promise<Outcome> {
  const seed = Math.floor(Date.now() / 1000)
  const random = new SeededRandom(seed)
  // Who may administer may freeze every name, and then nobody is granted anything: rightly.
  const cluster = await TestCluster.start(['--admin', 'off'])
  try {
    const strangers = Array.from({ length: CLIENTS }, () => new Stranger(random, cluster.nodes))
    const endMs = performance.now() + RUN_MS[size]
    while (performance.now() < endMs && cluster.nodes.every(({ end }) => end === null)) {
      await Promise.all(strangers.map((stranger) => stranger.turn()))
      await sleep(TURN_MS)
    }
    for (const stranger of strangers) stranger.close()
    const lines = strangers.reduce((sum, stranger) => sum + stranger.lines, 0)
    const ended = cluster.nodes.filter(({ end }) => end !== null).map(({ id, end }) => `${id} ended with ${end?.code}`)
    if (ended.length > 0) return { ok: false, seen: `${ended.join(', ')} after ${lines} lines, seed ${seed}` }
    await cluster.untilAllServe()
    const before = await grants(cluster.nodes)
    // What they left in the log is read by every start.
    for (const node of cluster.nodes) node.signal('SIGKILL')
    await Promise.all(cluster.nodes.map((node) => node.ended()))
    for (const node of cluster.nodes) node.start()
    await cluster.untilAllServe()
    const after = await grants(cluster.nodes)
    const ok = [...before, ...after].every((answer) => answer === 'ok released')
    return {
      ok,
      seen: `${lines} lines, seed ${seed}; then ${before.join(', ')}; after kill -9 of all and a start ${after.join(', ')}`,
    }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'hostile-lines',
  expected:
    'strangers at every port, for seconds or minutes: no node ends, all serve, also after kill -9 of all and a start',
  inShortForm: true,
  run,
}
