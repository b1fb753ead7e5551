/** Progress of a long run: a bar on a terminal, a line now and then in a log. */
import { SingleBar } from 'cli-progress'

const LINE_INTERVAL_MS = 10_000

export class ProgressLine {
  readonly #bar: SingleBar | null
  #done = 0
  #shownAtMs = performance.now()

  constructor(
    private readonly what: string,
    private readonly total: number,
  ) {
    this.#bar = process.stderr.isTTY
      ? new SingleBar({ format: `{bar} {value}/{total} ${what}, {text}, {eta_formatted} left`, stream: process.stderr })
      : null
    this.#bar?.start(total, 0, { text: '' })
  }

  step(text: string): void {
    this.#done++
    if (this.#bar !== null) this.#bar.increment({ text })
    else if (performance.now() - this.#shownAtMs >= LINE_INTERVAL_MS) {
      this.#shownAtMs = performance.now()
      process.stderr.write(`${this.#done}/${this.total} ${this.what}, ${text}\n`)
    }
  }

  /** Prints something between two states of the bar. */
  above(print: () => void): void {
    this.#bar?.stop()
    print()
    if (this.#bar !== null) this.#bar.start(this.total, this.#done, { text: '' })
  }

  end(): void {
    this.#bar?.stop()
  }
}
