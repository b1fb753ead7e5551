import { createWriteStream, type WriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { type HistoryEntry, type HistoryEvent, type HistoryValue, NEMESIS } from './types.js'

/** The `workload` of what belongs to none. */
const NO_WORKLOAD = 'nemesis'

/** Everything that happened, in the order of one clock; kept in memory and written as JSON lines at once. */
export class History {
  readonly events: HistoryEvent[] = []
  /** `process.hrtime.bigint()` at time zero: all processes of this machine share that clock. */
  readonly startedAt = process.hrtime.bigint()
  readonly #file: WriteStream
  #processes = 0
  #hasLate = false

  constructor(private readonly path: string) {
    this.#file = createWriteStream(path)
  }

  /** Nanoseconds since the start of the run. */
  now(): number {
    return Number(process.hrtime.bigint() - this.startedAt)
  }

  /** A number that no process had before. */
  nextProcess(): number {
    this.#processes += 1
    return this.#processes
  }

  /** The events at this time and later. */
  since(time: number): readonly HistoryEvent[] {
    const first = this.events.findLastIndex((event) => event.time < time)
    return this.events.slice(first + 1)
  }

  /** `time`: when it happened, if that was in another process and is heard of only now. */
  record(workload: string, entry: HistoryEntry, time = this.now()): void {
    const { type, process, f, value } = entry
    const event: HistoryEvent = { type, process, f, value, time, workload }
    const last = this.events.findLastIndex((earlier) => earlier.time <= time)
    if (last + 1 < this.events.length) this.#hasLate = true
    this.events.splice(last + 1, 0, event)
    this.#file.write(`${JSON.stringify(event)}\n`)
  }

  /** Of faults, leaders and nodes. */
  observe(f: string, value: HistoryValue): void {
    this.record(NO_WORKLOAD, { type: 'info', process: NEMESIS, f, value })
  }

  async close(): Promise<void> {
    this.#file.end()
    await finished(this.#file)
    if (this.#hasLate) await writeFile(this.path, this.events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  }
}
