import type { HistoryValue } from '../types.js'
import type { Recorder } from './client.js'

const NS_PER_MS = 1e6

/** What one logical client has to tell. After an operation of unknown outcome it goes on under another number, as Jepsen's do. */
export class Journal {
  #process: number
  #open: { readonly f: string; readonly value: HistoryValue } | null = null

  constructor(
    private readonly recorder: Recorder,
    private readonly startedAt: bigint,
  ) {
    this.#process = recorder.nextProcess()
  }

  /** Nanoseconds since the start of the run. */
  now(): number {
    return Number(process.hrtime.bigint() - this.startedAt)
  }

  after(ms: number): number {
    return this.now() + Math.floor(ms * NS_PER_MS)
  }

  /** Returns when. */
  invoke(f: string, value: HistoryValue): number {
    this.#open = { f, value }
    return this.#record('invoke', f, value)
  }

  ok(value: HistoryValue = {}): number {
    return this.#complete('ok', value)
  }

  /** It certainly did not take effect. */
  fail(value: HistoryValue): void {
    this.#complete('fail', value)
  }

  /** Nobody knows whether it took effect. */
  unknown(value: HistoryValue): void {
    this.#complete('info', value)
    this.#process = this.recorder.nextProcess()
  }

  get isOpen(): boolean {
    return this.#open !== null
  }

  /** What is no operation, and may stand beside one. */
  note(f: string, value: HistoryValue, process = this.#process): void {
    this.#record('info', f, value, process)
  }

  get process(): number {
    return this.#process
  }

  #complete(type: 'ok' | 'fail' | 'info', value: HistoryValue): number {
    if (this.#open === null) throw new Error(`${type} without an open operation`)
    const { f, value: asked } = this.#open
    this.#open = null
    return this.#record(type, f, { ...asked, ...value })
  }

  #record(type: 'invoke' | 'ok' | 'fail' | 'info', f: string, value: HistoryValue, process = this.#process): number {
    const time = this.now()
    this.recorder.record({ type, process, f, value }, time)
    return time
  }
}
