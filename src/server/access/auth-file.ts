/** The file of `--auth-file`: read at the start, and again when it changes. A bad one leaves in force what was before. */
import type { PolicyData } from '../../service/access/policy-data.js'
import { readBounded } from '../config/bounded-file.js'
import type { WatchedSet } from '../config/watched-files.js'
import { UsageError } from '../exit-codes.js'
import { AUTH_FILE_MAX_BYTES, AUTH_PROBLEMS_SHOWN_COUNT } from '../limits.js'
import { type ReadAuth, readAuth } from './auth-schema.js'
import { readAuthAside } from './auth-thread.js'
import type { Problem } from './yaml-reader.js'

export interface AuthFileOptions {
  readonly file: string
  info(facts: object, message: string): void
  warn(message: string): void
}

export class AuthFile implements WatchedSet {
  readonly files: readonly string[]
  #data: PolicyData
  #isBad = false
  #failures = 0
  /** What the log says of the file; empty: it is good. */
  #lastProblems = ''
  #changed = (_: PolicyData): void => undefined

  /** Throws UsageError with everything that is wrong in the file. */
  static async open(options: AuthFileOptions): Promise<AuthFile> {
    const read = await readAuthFile(options.file)
    if ('problems' in read) throw new UsageError(`--auth-file ${problemsText(options.file, read.problems)}`)
    const file = new AuthFile(options, read.data)
    file.#tell(read)
    return file
  }

  private constructor(
    private readonly options: AuthFileOptions,
    data: PolicyData,
  ) {
    this.files = [options.file]
    this.#data = data
  }

  /** What is in force. */
  get data(): PolicyData {
    return this.#data
  }

  /** The file says something else than what is in force, and cannot be used. */
  get isBad(): boolean {
    return this.#isBad
  }

  /** Since the start. */
  get failures(): number {
    return this.#failures
  }

  /** From now on `changed` is told what is to be in force. */
  onChange(changed: (data: PolicyData) => void): void {
    this.#changed = changed
  }

  async reload(): Promise<boolean> {
    const { file } = this.options
    const read = await readAuthFile(file, readAuthAside)
    if ('problems' in read) {
      this.#isBad = true
      this.#failed(problemsText(file, read.problems))
      return false
    }
    const wasBad = this.#isBad
    this.#isBad = false
    this.#lastProblems = ''
    if (read.data.hash === this.#data.hash) {
      if (wasBad) this.#tellInForce()
      return true
    }
    this.#data = read.data
    this.#tell(read)
    this.#changed(read.data)
    return true
  }

  /** It is tried again and again, and told of when there is something new to be said. */
  #failed(problems: string): void {
    if (problems === this.#lastProblems) return
    this.#lastProblems = problems
    this.#failures += 1
    this.options.warn(`--auth-file ${problems}; what was in force before stays so (${this.#data.hash})`)
  }

  #tell({ notes }: Extract<ReadAuth, { readonly data: PolicyData }>): void {
    const { file, warn } = this.options
    this.#tellInForce()
    for (const note of notes) warn(`--auth-file ${file}: ${note}`)
  }

  #tellInForce(): void {
    const { hash, identities } = this.#data
    this.options.info({ hash, identities: identities.length }, `--auth-file ${this.options.file} is in force`)
  }
}

/** Never rejects: a file that cannot be read has one problem. */
export async function readAuthFile(
  file: string,
  read: (text: string) => ReadAuth | Promise<ReadAuth> = readAuth,
): Promise<ReadAuth> {
  try {
    const bytes = await readBounded(file, AUTH_FILE_MAX_BYTES)
    return await read(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    return { problems: [{ line: 0, column: 0, text: error instanceof Error ? error.message : String(error) }] }
  }
}

/** A line each, as compilers write it. */
export function problemsText(file: string, problems: readonly Problem[]): string {
  const lines = problems
    .slice(0, AUTH_PROBLEMS_SHOWN_COUNT)
    .map(({ line, column, text }) =>
      line === 0 ? `${file}: ${text}` : `${file} line ${line} column ${column}: ${text}`,
    )
  const more = problems.length - lines.length
  return [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n')
}
