/** What one area of the fuzzer is: a generator of hostile inputs, and the world that has to bear them. */

/** Something that must not be: `message` says what, `trail` the last inputs before it. */
export class Finding extends Error {
  override readonly name = 'Finding'
  constructor(
    message: string,
    readonly trail: readonly string[],
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

export type Through = 'memory' | 'sockets' | 'TLS sockets' | 'files'

export interface Area {
  /** For `--only`. */
  readonly name: string
  /** What is fed to what, in a few words. */
  readonly what: string
  /** Which way the inputs take: in memory and virtual time, or over real connections or files of this machine. */
  readonly through: Through
  /**
   * Plays one case, which its seed fixes wholly; returns how many inputs it fed. Throws a `Finding`, or whatever escaped
   * from the product, which is a finding too.
   */
  play(seed: number): number | Promise<number>
  /** One case takes seconds: the tests play one. */
  readonly isSlow?: boolean
  /**
   * Nothing is fed any more: waits until nothing is left of what was, and throws a `Finding` if something stays. Between cases,
   * and only now and then, because what ends by itself takes its time.
   */
  rest?(): Promise<void>
  /** Ends what the area keeps open between cases. */
  close?(): Promise<void>
}

/** The last inputs of a case, so that a finding can be read without a debugger. */
export class Trail {
  readonly #lines: string[] = []
  constructor(private readonly keep = 30) {}

  add(line: string): void {
    this.#lines.push(line.length > 300 ? `${line.slice(0, 300)}… (${line.length})` : line)
    if (this.#lines.length > this.keep) this.#lines.shift()
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** Runs `act`; what it throws becomes a finding with this trail. */
  guard<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (error instanceof Finding) throw error
      throw new Finding(describe(error), [...this.#lines], { cause: error })
    }
  }
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const [first = error.message, ...frames] = (error.stack ?? error.message).split('\n')
  const where = frames.find((frame) => frame.includes('/src/')) ?? frames[0] ?? ''
  return `${first}${where.replace(/\(?\/.*?\/(src|test)\//, '($1/')}`
}
