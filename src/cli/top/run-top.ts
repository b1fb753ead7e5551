/** `tnl top`: the cluster at a glance, live. */
import type { ReadStream } from 'node:tty'
import { formatHostPort, type HostPort, parseHostPort } from '../../address.js'
import { isNamePrefix } from '../../protocol/values.js'
import { collectStatus, type NodeState } from '../admin/status.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { exitStatusOfSignal, TnlExit } from '../shared/exit-statuses.js'
import { frame, plainFrame } from './frame.js'
import {
  COLUMNS_DEFAULT,
  INTERVAL_DEFAULT_MS,
  INTERVAL_MAX_MS,
  INTERVAL_MIN_MS,
  NODE_ANSWER_TIMEOUT_MS,
} from './limits.js'
import { QueueReader, type Queues } from './queue-reader.js'
import { Screen } from './screen.js'
import { type Key, type Order, press, type Settings } from './settings.js'
import { type View, Viewer } from './view.js'

export interface TopOptions {
  readonly access: ClusterAccess
  readonly intervalMs: number
  readonly order: Order
  readonly filter: string
  /** One frame, as text. */
  readonly once: boolean
  /** Views as lines of JSON. */
  readonly json: boolean
}

/** Resolves with the exit status. */
export async function runTop(options: TopOptions): Promise<number> {
  const { filter, intervalMs, once, json } = options
  if (filter !== '' && !isNamePrefix(filter))
    throw new CommandFailure(TnlExit.usage, `--filter ${filter}: no name begins so`)
  if (intervalMs < INTERVAL_MIN_MS || intervalMs > INTERVAL_MAX_MS) {
    const range = `from ${INTERVAL_MIN_MS / 1000} to ${INTERVAL_MAX_MS / 1000} seconds`
    throw new CommandFailure(TnlExit.usage, `--interval: ${range}`)
  }
  if (!once && !json && !process.stdout.isTTY) {
    throw new CommandFailure(
      TnlExit.usage,
      'stdout is no terminal: --once prints one frame, --json goes on in lines of JSON',
    )
  }
  const source = new Source(options.access, intervalMs)
  try {
    const first = await source.look(filter)
    if (first.nodes.every(({ error }) => error !== null)) {
      const reasons = first.nodes.map(({ endpoint, error }) => `${endpoint}: ${error}`)
      throw new CommandFailure(TnlExit.noEndpoint, `no endpoint answered: ${reasons.join('; ')}`)
    }
    return once || json ? await print(source, first, options) : await new Live(source, first, options).run()
  } finally {
    source.close()
  }
}

/** Asks the nodes, and one of them for what is waited for. */
class Source {
  readonly #viewer = new Viewer()
  readonly #queues: QueueReader
  /** Those that answered last, which may be more than were named. */
  #answering: readonly HostPort[]

  constructor(
    private readonly access: ClusterAccess,
    intervalMs: number,
  ) {
    this.#answering = access.endpoints
    this.#queues = new QueueReader(access.credentials, intervalMs + INTERVAL_MAX_MS)
  }

  /** Never rejects: what is out of reach is in the view. */
  async look(filter: string): Promise<View> {
    const [states, queues] = await Promise.all([
      collectStatus({ ...this.access, endpoints: this.#known }, NODE_ANSWER_TIMEOUT_MS),
      this.#queues.ask(this.#answering, filter).catch((error: unknown) => explain(error)),
    ])
    const up = states.filter((state) => 'report' in state).map(({ endpoint }) => parseHostPort(endpoint))
    if (up.length > 0) this.#answering = up
    const [found, problem] = typeof queues === 'string' ? [null, queues] : [queues, null]
    return this.#viewer.view(states, found, problemOf(states, found, problem), performance.now())
  }

  close(): void {
    this.#queues.close()
  }

  get #known(): readonly HostPort[] {
    const all = [...this.access.endpoints, ...this.#answering].map(
      (endpoint) => [formatHostPort(endpoint), endpoint] as const,
    )
    return [...new Map(all).values()]
  }
}

function problemOf(states: readonly NodeState[], queues: Queues | null, why: string | null): string | null {
  if (!states.some((state) => 'report' in state)) return 'no node answers; trying on'
  return queues === null ? `what is waited for is not known (${why})` : null
}

async function print(source: Source, first: View, options: TopOptions): Promise<number> {
  const { once, json, filter, intervalMs } = options
  const columns = process.stdout.columns || Number(process.env.COLUMNS) || COLUMNS_DEFAULT
  let isOver = false
  process.stdout.once('error', () => {
    // Whoever reads has had enough.
    isOver = true
  })
  let view = first
  if (once) {
    // Rates are of an interval: the first look has none.
    await waitFor(Math.min(intervalMs, INTERVAL_DEFAULT_MS))
    view = await source.look(filter)
  }
  for (;;) {
    const text = json ? `${JSON.stringify(view)}\n` : plainFrame(view, settingsOf(options), columns)
    await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()))
    if (once || isOver) return TnlExit.ok
    await waitFor(intervalMs)
    view = await source.look(filter)
  }
}

const waitFor = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function settingsOf({ order, filter, intervalMs }: TopOptions): Settings {
  return { order, filter, intervalMs, typing: null, paused: false, help: false, scrolled: 0 }
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** On a terminal, until somebody has seen enough. */
class Live {
  readonly #screen: Screen
  readonly #ended: Promise<number>
  #end: (status: number) => void = () => {}
  #settings: Settings
  #view: View
  #timer: NodeJS.Timeout | null = null
  #isLooking = false
  #isOver = false

  constructor(
    private readonly source: Source,
    first: View,
    options: TopOptions,
  ) {
    this.#view = first
    this.#settings = settingsOf(options)
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    const input: ReadStream | null = process.stdin.isTTY ? process.stdin : null
    this.#screen = new Screen(process.stdout, input, !process.env.NO_COLOR, (key) => this.#pressed(key))
  }

  async run(): Promise<number> {
    const signalled = (signal: NodeJS.Signals): void => this.#end(exitStatusOfSignal(signal))
    const redraw = (): void => this.#draw()
    const resumed = (): void => this.#resume()
    // The words of a mistake of ours would be written to a screen that is about to go.
    const failed = (error: unknown): void => {
      this.#screen.leave()
      process.stderr.write(`unexpected: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(TnlExit.failed)
    }
    for (const signal of ENDING) process.on(signal, signalled)
    process.on('SIGCONT', resumed)
    process.on('uncaughtException', failed)
    process.stdout.on('resize', redraw)
    process.stdout.on('error', () => this.#end(TnlExit.failed))
    try {
      this.#screen.enter()
      this.#draw()
      this.#later()
      return await this.#ended
    } finally {
      this.#isOver = true
      if (this.#timer !== null) clearTimeout(this.#timer)
      this.#screen.leave()
      process.stdout.off('resize', redraw)
      process.off('SIGCONT', resumed)
      process.off('uncaughtException', failed)
      for (const signal of ENDING) process.off(signal, signalled)
    }
  }

  #draw(): void {
    if (!this.#isOver) this.#screen.draw(frame(this.#view, this.#settings, this.#screen.size))
  }

  #later(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), this.#settings.intervalMs)
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#isOver) return
    this.#isLooking = true
    if (!this.#settings.paused) this.#view = await this.source.look(this.#settings.filter)
    this.#isLooking = false
    if (this.#isOver) return
    this.#draw()
    this.#later()
  }

  #pressed(key: Key): void {
    const before = this.#settings
    const effect = press(before, key)
    if (effect === 'quit') this.#end(TnlExit.ok)
    else if (effect === 'interrupt') this.#end(exitStatusOfSignal('SIGINT'))
    else if (effect === 'stop') this.#stop()
    else if (effect === 'refresh') void this.#look()
    else {
      this.#settings = effect
      this.#draw()
      if (effect.intervalMs !== before.intervalMs) this.#later()
      if (effect.filter !== before.filter) void this.#look()
    }
  }

  /** As Ctrl-Z does to any program: the terminal is the shell's until `fg`. */
  #stop(): void {
    this.#screen.leave()
    process.kill(0, 'SIGTSTP')
    // Where no shell is there that could stop and continue it, nothing has happened.
    setImmediate(() => this.#resume())
  }

  #resume(): void {
    if (this.#isOver) return
    this.#screen.enter()
    this.#draw()
  }
}
