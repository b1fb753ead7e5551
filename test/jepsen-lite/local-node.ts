import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatHostPort, type HostPort } from '../../src/address.js'
import { ClusterNode, type NodeEnd, type NodePlan, type Surroundings } from '../../src/cli/cluster/cluster-node.js'

/** `paused`: stopped by SIGSTOP. */
export type NodeState = 'up' | 'down' | 'paused'

const POLL_MS = 20
/** A clean stop takes some seconds at most. */
const STOP_TIMEOUT_MS = 15_000

export interface LocalNodeOptions {
  readonly plan: NodePlan
  readonly server: string
  readonly surroundings: Surroundings
  /** Where it listens: `plan` has the ports. */
  readonly host: string
  /** HOST:PORT of its client port, through its link. */
  readonly endpoint: string
  /** HOST:PORT that its peers dial. */
  readonly peerAddress: string
  /** `end`: how the process ended, if it did. */
  readonly onState: (node: LocalNode, state: NodeState, end?: NodeEnd) => void
  /** The process ended, and no fault had ended it. */
  readonly onUnexpectedEnd: (node: LocalNode, end: NodeEnd) => void
}

/** One server process that faults kill, freeze and start again. */
export class LocalNode {
  #state: NodeState = 'down'
  /** While somebody ends it, any end will do. */
  #ending = 0
  /** Exit statuses with which it may end by itself. */
  readonly #allowedCodes: number[] = []
  #isWiped = false
  #afterDeath: (() => void) | null = null
  #process: ClusterNode
  #words: readonly string[]
  #peerAddress: string
  #wordsAreNews = false
  /** It came back as a member that was added. */
  #joins = false
  #server: string

  constructor(private readonly options: LocalNodeOptions) {
    this.#server = options.server
    this.#words = options.plan.words
    this.#peerAddress = options.peerAddress
    this.#process = this.#newProcess()
  }

  get id(): string {
    return this.options.plan.nodeId
  }

  get plan(): NodePlan {
    return this.options.plan
  }

  get endpoint(): string {
    return this.options.endpoint
  }

  /** Its client port, past the links. */
  get directAddress(): HostPort {
    return { host: this.options.host, port: this.plan.clientPort }
  }

  get directEndpoint(): string {
    return formatHostPort(this.directAddress)
  }

  get peerAddress(): string {
    return this.#peerAddress
  }

  /** Its peer port, past the links. */
  get directPeerAddress(): HostPort {
    return { host: this.options.host, port: this.plan.peerPort }
  }

  /** From its next start on it runs with these words. */
  giveWords(words: readonly string[], peerAddress: string): void {
    this.#words = words
    this.#peerAddress = peerAddress
    if (this.#state === 'down') this.#process = this.#newProcess()
    else this.#wordsAreNews = true
  }

  /** The file of its program. */
  get server(): string {
    return this.#server
  }

  /** Another program, for its next start. */
  install(server: string): void {
    if (this.#state !== 'down') throw new Error(`${this.id} runs`)
    this.#server = server
    this.#process = this.#newProcess()
  }

  get state(): NodeState {
    return this.#state
  }

  /** Does nothing if it runs, or has been wiped and not been added again. */
  start(): void {
    if (this.#state !== 'down' || this.#isWiped) return
    if (this.#wordsAreNews) this.#process = this.#newProcess()
    this.#change('up')
    this.#process.start((end) => {
      this.#afterDeath?.()
      this.#change('down', end)
      const allowed = this.#ending > 0 || (end.code !== null && this.#allowedCodes.includes(end.code))
      if (!allowed) this.options.onUnexpectedEnd(this, end)
    })
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** `loss` is called when the process is dead and before anybody can start it again. */
  async cutPower(loss: () => void): Promise<void> {
    if (this.#state === 'down') return
    this.#afterDeath = loss
    try {
      await this.#end('SIGKILL')
    } finally {
      this.#afterDeath = null
    }
  }

  /** A clean stop; resolves when the process has ended. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  pause(): void {
    if (this.#state !== 'up') return
    this.#process.kill('SIGSTOP')
    this.#change('paused')
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#process.kill('SIGCONT')
    this.#change('up')
  }

  /** Until the function that is returned is called, it may end by itself with this exit status. */
  allowEnd(code: number): () => void {
    this.#allowedCodes.push(code)
    return () => {
      this.#allowedCodes.splice(this.#allowedCodes.indexOf(code), 1)
    }
  }

  /** Everything that it had stored is gone; it can only come back as a new member, by `join`. */
  wipe(): void {
    if (this.#state !== 'down') throw new Error(`${this.id} runs`)
    for (const entry of readdirSync(this.plan.dataDir)) rmSync(join(this.plan.dataDir, entry), { recursive: true })
    this.#joins = true
    this.#process = this.#newProcess()
    this.#isWiped = true
  }

  /** After it was added to the cluster. */
  join(): void {
    this.#isWiped = false
    this.start()
  }

  /** SIGKILL, without waiting: this process ends. */
  abandon(): void {
    this.#ending += 1
    this.#process.kill('SIGKILL')
  }

  #newProcess(): ClusterNode {
    const { plan, surroundings } = this.options
    this.#wordsAreNews = false
    const words = this.#joins && !this.#words.includes('--join') ? [...this.#words, '--join'] : this.#words
    return new ClusterNode({ ...plan, words }, [this.#server], surroundings)
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#ending += 1
    try {
      this.#process.kill(signal)
      // A frozen process hears of SIGTERM when it is resumed.
      if (signal === 'SIGTERM') this.resume()
      await this.#untilDown()
    } finally {
      this.#ending -= 1
    }
  }

  async #untilDown(): Promise<void> {
    const deadlineMs = performance.now() + STOP_TIMEOUT_MS
    while (this.#state !== 'down') {
      if (performance.now() > deadlineMs) throw new Error(`${this.id} does not end`)
      await sleep(POLL_MS)
    }
  }

  #change(state: NodeState, end?: NodeEnd): void {
    this.#state = state
    this.options.onState(this, state, end)
  }
}
