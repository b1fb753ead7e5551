/** A hundred thousand locks are listed again and again, and watched, while others lock: what it costs them. */
import { connect, type Socket } from 'node:net'
import { TestCluster, type TestNode } from '../../kit/process-cluster.js'
import { inTime, Wire } from '../../kit/wire.js'
import type { Outcome, Size, Trial } from '../trial.js'

const LOCKS_PER_SESSION = 1_000
const SESSIONS: Record<Size, number> = { short: 10, long: 100 }
const CLIENTS = 64
/** Quiet and beside listings by turns: whatever else the machine does meets both. */
const ROUNDS: Record<Size, number> = { short: 1, long: 7 }
const MEASURED_MS: Record<Size, number> = { short: 3_000, long: 5_000 }
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

/** All pages at one node after the other, until it is told to stop. Each whole listing has what stays, once each. */
class Lister {
  listings = 0
  wrong = ''
  #stopped = false
  readonly #done: Promise<void>

  constructor(
    private readonly pages: readonly Pages[],
    private readonly expected: number,
  ) {
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #run(): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      const pages = this.pages[turn % this.pages.length]
      if (pages === undefined) throw new Error('no node')
      const names: string[] = []
      for (let after = ''; ; ) {
        const page = await pages.ask(after)
        if (this.#stopped) return
        names.push(...page.names)
        if (page.after === null) break
        after = `,after:${page.after}`
      }
      const different = new Set(names).size
      if (different !== this.expected || names.length !== different)
        this.wrong = `${names.length} lines, ${different} names`
      this.listings += 1
    }
  }
}

interface Round {
  readonly quiet: readonly number[]
  readonly beside: readonly number[]
  readonly lister: Lister
}

/** A session that lists. It takes whole pages, so that the clients beside it in this process are measured and not it. */
class Pages {
  #id = 0
  #text = ''
  #onText: () => void = () => undefined

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (chunk) => {
      this.#text += String(chunk)
      this.#onText()
    })
  }

  static async open({ port }: TestNode): Promise<Pages> {
    const socket = connect(port, '127.0.0.1')
    const pages = new Pages(socket)
    socket.write('hello,version:2,redirect:no,lease:3600\n')
    await pages.#until(() => pages.#text.includes('welcome,'))
    return pages
  }

  async ask(after: string): Promise<{ readonly names: readonly string[]; readonly after: string | null }> {
    this.#id += 1
    this.#text = ''
    this.socket.write(`locks,id:${this.#id},prefix:stay/${after}\n`)
    const end = new RegExp(`^end,id:${this.#id},count:\\d+(?:,after:(\\S+))?\\n`, 'm')
    await this.#until(() => end.test(this.#text.slice(-400)))
    const names = [...this.#text.matchAll(/^lock,id:\d+,name:([^,]+)/gm)].map(([, name = '']) => name)
    return { names, after: end.exec(this.#text)?.[1] ?? null }
  }

  close(): void {
    this.socket.destroy()
  }

  async #until(condition: () => boolean): Promise<void> {
    const met = new Promise<void>((resolve) => {
      this.#onText = () => {
        if (condition()) resolve()
      }
    })
    await inTime('a page', met)
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
    const expected = SESSIONS[size] * LOCKS_PER_SESSION
    const pages = await Promise.all(nodes.map((node) => Pages.open(node)))
    const rounds: Round[] = []
    for (let round = 0; round < ROUNDS[size]; round += 1) {
      const quiet = await measure()
      const lister = new Lister(pages, expected)
      const beside = await measure()
      await lister.stop()
      rounds.push({ quiet, beside, lister })
    }
    const ratios = rounds.map(({ quiet, beside }) => percentile(beside, 0.99) / percentile(quiet, 0.99))
    const ratio = percentile(ratios, 0.5)
    const all = (key: 'quiet' | 'beside') => rounds.flatMap((round) => round[key])
    const listings = rounds.reduce((sum, { lister }) => sum + lister.listings, 0)
    const wrong = rounds.map(({ lister }) => lister.wrong).find((words) => words !== '') ?? ''
    const fits = !JUDGES_RATIO[size] || ratio <= RATIO_MAX
    const p99s = `${percentile(all('quiet'), 0.99).toFixed(1)} → ${percentile(all('beside'), 0.99).toFixed(1)} ms`
    const medians = `${percentile(all('quiet'), 0.5).toFixed(1)} → ${percentile(all('beside'), 0.5).toFixed(1)} ms`
    const seen = [
      `${expected} locks, ${listings} whole listings`,
      `p99 of ${CLIENTS} clients × ${ratio.toFixed(2)} in the median of ${rounds.length} rounds (${p99s} in all)`,
      `median ${medians}`,
      ...(wrong === '' ? [] : [`a listing was wrong: ${wrong}`]),
    ]
    for (const wire of [...stays, ...clients.map((client) => client.wire)]) wire.destroy()
    for (const each of pages) each.close()
    return { ok: fits && wrong === '' && listings > 0, seen: seen.join('; ') }
  } finally {
    await cluster.stop()
  }
}

export const trial: Trial = {
  name: 'listing-beside-locks',
  expected: `100,000 locks listed without a pause, at one node after another, while ${CLIENTS} clients lock: their p99 is at most ${RATIO_MAX} times the usual, and every listing has each lock once`,
  inShortForm: true,
  run,
}
