import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { type HistoryEntry, type HistoryEvent, type HistoryValue, NEMESIS } from './types.js'

/** The `workload` of what belongs to none. */
const NO_WORKLOAD = 'nemesis'

/** Everything that happened, in the order of one clock; kept in memory and written as JSON lines at once. */
export class History {
  readonly events: HistoryEvent[] = []
  readonly #file: WriteStream
  readonly #startedAt = process.hrtime.bigint()

  constructor(path: string) {
    this.#file = createWriteStream(path)
  }

  /** Nanoseconds since the start of the run. */
  now(): number {
    return Number(process.hrtime.bigint() - this.#startedAt)
  }

  record(workload: string, entry: HistoryEntry): void {
    const { type, process, f, value } = entry
    const event: HistoryEvent = { type, process, f, value, time: this.now(), workload }
    this.events.push(event)
    this.#file.write(`${JSON.stringify(event)}\n`)
  }

  /** Of faults, leaders and nodes. */
  observe(f: string, value: HistoryValue): void {
    this.record(NO_WORKLOAD, { type: 'info', process: NEMESIS, f, value })
  }

  async close(): Promise<void> {
    this.#file.end()
    await finished(this.#file)
  }
}
