/** A hundred thousand locks are listed again and again, and watched, while others lock: what it costs them. */
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import { fieldOf, Wire } from '../../kit/wire.js'
import type { Outcome, Size, Trial } from '../trial.js'

const LOCKS_PER_SESSION = 1_000
const SESSIONS: Record<Size, number> = { short: 10, long: 100 }
const CLIENTS = 64
const MEASURED_MS: Record<Size, number> = { short: 3_000, long: 20_000 }
const RATIO_MAX = 2
/** A quiet machine is asked for: on a busy one the 99th percentiles say more of its other work. */
const JUDGES_RATIO: Record<Size, boolean> = { short: false, long: true }
const UNASKED = /^(jeopardy|safe)/

async function openSession({ port }: TestNode): Promise<Wire> {
  const wire = await Wire.open(port)
  const welcome = await wire.ask('hello,version:2,redirect:no,lease:3600')
  if (welcome?.startsWith('welcome') !== true) throw new Error(`no session: ${welcome}`)
  return wire
}

async function answer(wire: Wire): Promise<string> {
  for (;;) {
    const line = await wire.line()
    if (line === null) throw new Error('a session ended')
    if (!UNASKED.test(line)) return line
  }
}

/** One session's worth of locks that stay. */
async function fill(node: TestNode, session: number): Promise<Wire> {
  const wire = await openSession(node)
  let lines = ''
  for (let id = 1; id <= LOCKS_PER_SESSION; id += 1) lines += `lock,id:${id},name:stay/${session}/${id}\n`
  wire.send(lines)
  for (let id = 1; id <= LOCKS_PER_SESSION; id += 1) {
    const line = await answer(wire)
    if (!line.startsWith('ok')) throw new Error(line)
  }
  wire.send(`.keepalive,ack:${LOCKS_PER_SESSION}\n`)
  await answer(wire)
  return wire
}

/** Locks and releases its own name in a closed loop. */
class Client {
  #id = 1

  constructor(
    readonly wire: Wire,
    private readonly name: string,
  ) {}

  /** The times of both in milliseconds. */
  async lockFor(ms: number): Promise<number[]> {
    const times: number[] = []
    const endMs = performance.now() + ms
    for (; performance.now() < endMs; this.#id += 2) {
      const id = this.#id
      for (const line of [`lock,id:${id},name:${this.name},ack:${id - 1}`, `release,id:${id + 1},name:${this.name}`]) {
        const beganMs = performance.now()
        this.wire.send(`${line}\n`)
        const said = await answer(this.wire)
        if (!/^(ok|released),/.test(said)) throw new Error(said)
        times.push(performance.now() - beganMs)
      }
    }
    return times
  }
}

/** All pages, one after the other, until it is told to stop. Each whole listing has what stays, once each. */
class Lister {
  listings = 0
  wrong = ''
  #stopped = false
  readonly #done: Promise<void>

  constructor(
    private readonly wire: Wire,
    private readonly expected: number,
  ) {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    for (let id = 1; ; ) {
      const found = new Set<string>()
      let lines = 0
      for (let after = ''; ; id += 1) {
        this.wire.send(`locks,id:${id},prefix:stay/${after}\n`)
        let line = await answer(this.wire)
        for (; line.startsWith('lock,'); line = await answer(this.wire)) {
          found.add(fieldOf(line, 'name'))
          lines += 1
        }
        if (!line.startsWith('end,')) throw new Error(line)
        if (this.#stopped) return
        if (!line.includes(',after:')) break
        after = `,after:${fieldOf(line, 'after')}`
      }
      if (found.size !== this.expected || lines !== this.expected) this.wrong = `${lines} lines, ${found.size} names`
      this.listings += 1
    }
  }
}

const percentile = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))] ?? 0

async function run(size: Size): Promise<Outcome> {
  const cluster = await TestCluster.start()
  try {
    const stays: Wire[] = []
    for (let session = 0; session < SESSIONS[size]; session += 1) {
      stays.push(await fill(cluster.node(session % cluster.nodes.length), session))
    }
    const nodes = cluster.nodes
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, at) => {
        const wire = await openSession(nodes[at % nodes.length] ?? cluster.node(0))
        return new Client(wire, `busy/${at}`)
      }),
    )
    const measure = async (): Promise<number[]> =>
      (await Promise.all(clients.map((client) => client.lockFor(MEASURED_MS[size])))).flat()
    await measure()
    const quiet = await measure()
    const expected = SESSIONS[size] * LOCKS_PER_SESSION
    const listers = await Promise.all(nodes.map(async (node) => new Lister(await openSession(node), expected)))
    const beside = await measure()
    await Promise.all(listers.map((lister) => lister.stop()))
    const [before, after] = [percentile(quiet, 0.99), percentile(beside, 0.99)]
    const ratio = after / before
    const listings = listers.reduce((sum, lister) => sum + lister.listings, 0)
    const wrong = listers.map((lister) => lister.wrong).find((words) => words !== '')
    const fits = !JUDGES_RATIO[size] || ratio <= RATIO_MAX
    const seen = [
      `${expected} locks, ${listings} whole listings at ${nodes.length} nodes`,
      `p99 of ${CLIENTS} clients ${before.toFixed(1)} → ${after.toFixed(1)} ms (× ${ratio.toFixed(2)})`,
      `median ${percentile(quiet, 0.5).toFixed(1)} → ${percentile(beside, 0.5).toFixed(1)} ms`,
      ...(wrong === undefined ? [] : [`a listing was wrong: ${wrong}`]),
    ]
    for (const wire of [...stays, ...clients.map((client) => client.wire)]) wire.destroy()
    return { ok: fits && wrong === undefined && listings > 0, seen: seen.join('; ') }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'listing-beside-locks',
  expected: `100,000 locks listed without a pause at every node while ${CLIENTS} clients lock: their p99 is at most ${RATIO_MAX} times the usual, and every listing has each lock once`,
  inShortForm: true,
  run,
}
