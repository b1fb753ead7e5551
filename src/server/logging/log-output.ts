/** Log lines on their way out. Logging never waits and never fails: lines that nobody takes in time are dropped and counted. */
import { LOG_BUFFER_MAX_CHARS, LOG_STUCK_MS } from '../limits.js'

export interface LogSink {
  /** Begins to write; `done` is called once, later, with an error if not all of it was written. */
  write(text: string, done: (error: Error | null) => void): void
  /** As much as goes without waiting: the last words of a process. */
  writeNow(text: string): void
}

export class LogOutput {
  #waiting: string[] = []
  #waitingChars = 0
  #inFlightChars = 0
  #inFlightSinceMs = 0
  /** Of which nobody was told yet, and all since the start. */
  #droppedLines = 0
  #droppedInAll = 0
  readonly #whenEmpty = new Set<() => void>()
  /** Asked to say that so many lines are missing, when lines are taken again. */
  onDropped: (lines: number) => void = () => undefined

  constructor(
    private readonly sink: LogSink,
    private readonly nowMs: () => number,
  ) {}

  /** Lines that were not written, since the start. */
  get droppedLines(): number {
    return this.#droppedInAll
  }

  /** One line with its end. */
  write(line: string): void {
    if (this.#waitingChars + this.#inFlightChars + line.length > LOG_BUFFER_MAX_CHARS) {
      this.#drop(1)
      return
    }
    this.#waiting.push(line)
    this.#waitingChars += line.length
    this.#pump()
  }

  /** Resolves when everything was written or dropped, at the latest after `mostMs`. */
  flushed(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inFlightChars === 0) {
        resolve()
        return
      }
      const timer = setTimeout(resolve, mostMs)
      this.#whenEmpty.add(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Writes as much of what is left as it can without waiting: the process ends now. */
  flushNow(): void {
    const isStuck = this.#inFlightChars > 0 && this.nowMs() - this.#inFlightSinceMs > LOG_STUCK_MS
    if (!isStuck && this.#waiting.length > 0) this.sink.writeNow(this.#takeWaiting())
  }

  #pump(): void {
    if (this.#inFlightChars > 0 || this.#waiting.length === 0) return
    const lines = this.#waiting.length
    const text = this.#takeWaiting()
    this.#inFlightChars = text.length
    this.#inFlightSinceMs = this.nowMs()
    this.sink.write(text, (error) => {
      this.#inFlightChars = 0
      if (error === null) this.#tellDropped()
      else this.#drop(lines)
      this.#pump()
      if (this.#inFlightChars > 0) return
      for (const resolve of this.#whenEmpty) resolve()
      this.#whenEmpty.clear()
    })
  }

  #drop(lines: number): void {
    this.#droppedLines += lines
    this.#droppedInAll += lines
  }

  #tellDropped(): void {
    const lines = this.#droppedLines
    this.#droppedLines = 0
    if (lines > 0) this.onDropped(lines)
  }

  #takeWaiting(): string {
    const text = this.#waiting.join('')
    this.#waiting = []
    this.#waitingChars = 0
    return text
  }
}
