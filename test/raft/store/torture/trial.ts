import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SLOTS } from '../../../../src/raft/store/journal.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'
import type { AgentEvent, AgentPool, AgentProcess } from './agent-process.js'
import { type Done, FILE_DAMAGES, HARMLESS } from './damage.js'
import { History } from './history.js'
import { type Found, NOTHING } from './log-state.js'
import type { PowerPool } from './power.js'
import { SmallDisk } from './small-disk.js'
import { checkRefusal, Failure, type Refusal } from './verdict.js'

/** The copy from earlier is older than everything that LevelDB may still have to write (see `journal.ts`). */
const ACKNOWLEDGED_AFTER_PAUSE = 3 * SLOTS
const FOR_EVER = 1_000_000
const ROOM_KIB = 64 * 1024
const SLOWEST_SYNC_MS = 5

export interface Surroundings {
  /** Empty; removed by the caller. */
  readonly base: string
  readonly other: string
  readonly pool: AgentPool
  readonly random: SeededRandom
}

export interface Outcome {
  /** What was done to which kinds of files. */
  readonly row: string
  readonly result: 'whole' | 'skipped' | 'failed' | Refusal
}

interface Life {
  /** Killed after so many acknowledged operations (-1: while it opens), or closed when it has done them all. */
  readonly end: 'kill' | 'close'
  readonly operations: number
  /** Copies the directory after so many. */
  readonly pauseAfter?: number
}

/** One directory: some lives of a store in it, then a damage, then the judgement. */
export class Trial {
  readonly notes: string[] = []
  readonly #in: Surroundings
  readonly #directory: string
  readonly #earlier: string
  #history = new History(NOTHING)
  /** A snapshot file was damaged: an older one will do. */
  #lacksSnapshot = false

  constructor(
    surroundings: Surroundings,
    private readonly powerPool: () => PowerPool | null,
  ) {
    this.#in = surroundings
    this.#directory = join(surroundings.base, 'disk', 'data')
    this.#earlier = join(surroundings.base, 'earlier')
    mkdirSync(join(surroundings.base, 'disk'))
  }

  async run(damage: string): Promise<Outcome> {
    if (damage === 'none') return this.#undamaged()
    if (damage === 'two-processes') return this.#twoProcesses()
    if (damage === 'power-cut') return this.#powerCuts()
    if (damage === 'read-only') return this.#onSmallDisk(ROOM_KIB, (disk) => this.#readOnly(disk))
    if (damage === 'full-disk') {
      return this.#onSmallDisk(1_200 + this.#in.random.int(3_000), (disk) => this.#fullDisk(disk))
    }
    return this.#damaged(damage as keyof typeof FILE_DAMAGES)
  }

  async #undamaged(): Promise<Outcome> {
    await this.#lives(1 + this.#in.random.int(5))
    await this.#mustBeWhole()
    return { row: 'none', result: 'whole' }
  }

  async #damaged(damage: keyof typeof FILE_DAMAGES): Promise<Outcome> {
    const { random, other } = this.#in
    await this.#lives(1 + random.int(3))
    const places = { directory: this.#directory, earlier: this.#earlier, other }
    let done: Done | null = null
    for (let i = 0; done === null && i < 20; i++) done = FILE_DAMAGES[damage](places, random)
    if (done === null) return { row: damage, result: 'skipped' }
    this.notes.push(done.words)
    const row = damage === 'swap' ? damage : [damage, ...done.kinds].join(' ')
    this.#lacksSnapshot = done.kinds.includes('snapshot')
    if (damage === 'foreign-directory') this.#history = new History(NOTHING)

    const first = await this.#lookAt()
    if ('message' in first) {
      if (done.kinds.length === 1 && done.kinds.every((kind) => HARMLESS.has(kind))) {
        throw new Failure(`refused, though nothing that matters was damaged: ${first.message}`)
      }
      checkRefusal(first, ['damaged', 'foreign'], this.#directory)
      const second = await this.#lookAt()
      if (!('message' in second)) throw new Failure(`refused, then opened: ${first.message}`)
      checkRefusal(second, ['damaged', 'foreign'], this.#directory)
      return { row, result: first }
    }
    this.#judge(first)
    await this.#mustGoOn()
    return { row, result: 'whole' }
  }

  /** Again and again the machine loses its power while the store writes: no damage, so everything must be there. */
  async #powerCuts(): Promise<Outcome> {
    const { random } = this.#in
    const power = this.powerPool()
    if (power === null) return { row: 'power-cut needs cc', result: 'skipped' }
    for (let life = 1 + random.int(4); life > 0; life--) {
      const agent = power.pool.take()
      power.slowDown(agent, random.chance(0.5) ? 0 : Math.ceil(random.logBetween(1, SLOWEST_SYNC_MS)))
      const operations = random.chance(0.1) ? -1 : Math.floor(random.logBetween(1, 150))
      this.#order(agent, FOR_EVER)
      const refusal = await this.#follow(agent, { end: 'kill', operations })
      if (refusal !== null) throw new Failure(`failed after a power cut: ${refusal.kind}: ${refusal.message}`)
      this.notes.push(`power cut after ${operations}: ${power.cut(agent, this.#directory, random)}`)
    }
    await this.#mustBeWhole()
    return { row: 'power-cut', result: 'whole' }
  }

  async #twoProcesses(): Promise<Outcome> {
    const { pool, random } = this.#in
    await this.#lives(random.int(2))
    const first = pool.take()
    first.begin({ directory: this.#directory, seed: random.int(2 ** 31), operations: FOR_EVER, isHeld: true })
    await this.#opened(first)
    const refusal = await this.#lookAtWith(pool.takeOther())
    if (!('message' in refusal)) throw new Failure('a second process opened the directory')
    checkRefusal(refusal, ['locked'], this.#directory)
    first.release()
    await this.#follow(first, { end: 'kill', operations: 20 })
    await this.#mustBeWhole()
    return { row: 'two-processes', result: refusal }
  }

  async #readOnly(disk: SmallDisk): Promise<Outcome> {
    await this.#lives(1 + this.#in.random.int(2))
    disk.setReadOnly(true)
    const refusal = await this.#lookAt()
    disk.setReadOnly(false)
    if (!('message' in refusal)) throw new Failure('opened on a read-only file system')
    checkRefusal(refusal, ['io'], this.#directory)
    await this.#mustBeWhole()
    return { row: 'read-only', result: refusal }
  }

  /** It fills up while the store writes, then a start meets a full disk, then there is room again. */
  async #fullDisk(disk: SmallDisk): Promise<Outcome> {
    const refusals = new Set<Refusal>()
    for (let life = 0; life < 2; life++) {
      const agent = this.#begin(FOR_EVER)
      const refusal = await this.#follow(agent, { end: 'close', operations: FOR_EVER })
      if (refusal === null) throw new Failure('wrote for ever on a small disk')
      checkRefusal(refusal, ['disk-full'], this.#directory)
      refusals.add(refusal)
      this.#fill()
    }
    disk.resize(ROOM_KIB)
    await this.#mustBeWhole()
    return { row: 'full-disk', result: [...refusals][0] ?? 'whole' }
  }

  /** The last free bytes too. */
  #fill(): void {
    for (const bytes of [1 << 20, 1 << 16, 1 << 12]) {
      for (let i = 0; i < 64; i++) {
        try {
          writeFileSync(join(this.#directory, '..', `ballast-${bytes}-${i}`), Buffer.alloc(bytes))
        } catch {
          break
        }
      }
    }
  }

  async #onSmallDisk(sizeKib: number, work: (disk: SmallDisk) => Promise<Outcome>): Promise<Outcome> {
    const disk = SmallDisk.mount(join(this.#in.base, 'disk'), sizeKib)
    if (disk === null) return { row: 'needs a mount', result: 'skipped' }
    let isDone = false
    try {
      const outcome = await work(disk)
      isDone = true
      return outcome
    } finally {
      // A failed trial may leave it at work.
      if (!isDone) await this.#in.pool.drop()
      disk.unmount()
    }
  }

  /** Ends with a killed process or a closed store; somewhere on the way the directory is copied. */
  async #lives(count: number): Promise<void> {
    const { random } = this.#in
    const copyIn = random.int(count)
    for (let life = 0; life < count; life++) {
      const end = random.chance(0.75) ? 'kill' : 'close'
      const isCopied = life === copyIn
      const least = isCopied ? ACKNOWLEDGED_AFTER_PAUSE : 0
      const isCutShort = !isCopied && end === 'kill' && random.chance(0.1)
      const operations = isCutShort ? -1 : least + Math.floor(random.logBetween(1, 150))
      const agent = this.#begin(end === 'kill' ? FOR_EVER : operations)
      const pause = isCopied ? { pauseAfter: Math.max(1, operations - ACKNOWLEDGED_AFTER_PAUSE) } : {}
      const refusal = await this.#follow(agent, { end, operations, ...pause })
      if (refusal !== null) throw new Failure(`failed without any damage: ${refusal.kind}: ${refusal.message}`)
      this.notes.push(`life ${life}: ${end} after ${operations}`)
    }
  }

  async #mustBeWhole(): Promise<void> {
    const found = await this.#lookAt()
    if ('message' in found) throw new Failure(`refused without any damage: ${found.kind}: ${found.message}`)
    this.#judge(found)
    await this.#mustGoOn()
  }

  /** What was opened with everything can be written to, and then opened again. */
  async #mustGoOn(): Promise<void> {
    const refusal = await this.#follow(this.#begin(15), { end: 'close', operations: 15 })
    if (refusal !== null) throw new Failure(`does not go on: ${refusal.kind}: ${refusal.message}`)
    const found = await this.#lookAt()
    if ('message' in found) throw new Failure(`cannot be opened once more: ${found.kind}: ${found.message}`)
    this.#judge(found)
  }

  #judge(found: Found): void {
    const differences = this.#history.differences(found, this.#lacksSnapshot)
    if (differences.length > 0)
      throw new Failure(`opened, but not with what was acknowledged: ${differences.join('; ')}`)
    this.#history.begin(found)
  }

  #begin(operations: number): AgentProcess {
    const agent = this.#in.pool.take()
    this.#order(agent, operations)
    return agent
  }

  #order(agent: AgentProcess, operations: number): void {
    agent.begin({ directory: this.#directory, seed: this.#in.random.int(2 ** 31), operations, isHeld: false })
  }

  #lookAt(): Promise<Found | Refusal> {
    return this.#lookAtWith(this.#in.pool.take())
  }

  /** Opens the store, reads everything, and closes it. */
  async #lookAtWith(agent: AgentProcess): Promise<Found | Refusal> {
    agent.begin({ directory: this.#directory, seed: 0, operations: 0, isHeld: false })
    let outcome: Found | Refusal | null = null
    for (let event = await agent.next(); event !== null; event = await agent.next()) {
      if (event.event === 'opened') outcome = event.found
      else if (event.event === 'refused' || event.event === 'failed') outcome = event
      if (event.event === 'closed') break
    }
    if (outcome === null) throw new Error('an agent said nothing')
    return outcome
  }

  async #opened(agent: AgentProcess): Promise<void> {
    const event = await agent.next()
    if (event?.event !== 'opened') throw new Failure(`not opened: ${JSON.stringify(event)}`)
    this.#judge(event.found)
  }

  /** Keeps the books of a life until its end. Returns its failure, or null. */
  async #follow(agent: AgentProcess, { end, operations, pauseAfter }: Life): Promise<Refusal | null> {
    const { random } = this.#in
    const killLater = (delayMs: number) => void sleep(delayMs).then(() => agent.signal('SIGKILL'))
    if (end === 'kill' && operations < 0) killLater(random.int(30))
    let failure: Refusal | null = null
    let isEnding = operations < 0
    for (let event = await agent.next(); event !== null; event = await agent.next()) {
      failure = this.#note(event) ?? failure
      if (event.event === 'closed') return failure
      if (event.event !== 'acknowledged') continue
      const count = this.#history.acknowledgedCount
      if (count === pauseAfter) await this.#copy(agent)
      if (end === 'kill' && count >= operations && !isEnding) {
        isEnding = true
        if (random.chance(0.5)) agent.signal('SIGKILL')
        else killLater(random.int(4))
      }
    }
    return failure
  }

  #note(event: AgentEvent): Refusal | null {
    if (event.event === 'opened') this.#judge(event.found)
    if (event.event === 'offered') this.#history.offer(event.number, event.operation)
    if (event.event === 'acknowledged') this.#history.acknowledge(event.number)
    return event.event === 'refused' || event.event === 'failed' ? event : null
  }

  /** As it is while the process stands still. */
  async #copy(agent: AgentProcess): Promise<void> {
    agent.signal('SIGSTOP')
    await agent.stopped()
    cpSync(this.#directory, this.#earlier, { recursive: true })
    agent.signal('SIGCONT')
  }
}
