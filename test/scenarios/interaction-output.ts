const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE']

/** What a scenario command says. The core's own log lines are no part of it; at level NONE nothing is, except errors. */
export class Output {
  #text = ''
  #quiet = false

  get quiet(): boolean {
    return this.#quiet
  }

  set quiet(quiet: boolean) {
    this.#quiet = quiet
  }

  /** Takes a level by its name, in any case. */
  setLevel(name: string): void {
    const level = LEVELS.find((known) => known === name.toUpperCase())
    if (level === undefined) throw new CommandError(`log levels must be either of [${LEVELS.join(' ')}]`)
    this.#quiet = level === 'NONE'
  }

  write(text: string): void {
    if (!this.#quiet) this.#text += text
  }

  line(text: string): void {
    this.write(`${text}\n`)
  }

  /** Indents every line that `run` writes by two spaces. */
  indented(run: () => void): void {
    const outer = this.#text
    this.#text = ''
    try {
      run()
    } finally {
      const inner = this.#text === '' ? [] : this.#text.replace(/\n$/, '').split('\n')
      this.#text = outer + inner.map((line) => `  ${line}\n`).join('')
    }
  }

  take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }
}

/** A command of a scenario was refused; its words are part of the output. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
