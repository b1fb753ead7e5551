/** The same line again and again is said a few times and then counted: a stranger decides how often some lines come. */
import { LOG_KINDS_MAX_COUNT, LOG_REMOTES_MAX_COUNT, LOG_REPEATS_MAX_COUNT, LOG_REPEATS_WINDOW_MS } from '../limits.js'

export interface Repeated {
  readonly message: string
  /** How many lines were not said. */
  readonly times: number
  /** Some of the hosts that caused them. */
  readonly remotes: readonly string[]
}

interface Kind {
  readonly message: string
  readonly sinceMs: number
  said: number
  times: number
  readonly remotes: Set<string>
}

const OTHER_KINDS = 'other lines'

export class LogRepeats {
  readonly #kinds = new Map<string, Kind>()

  constructor(private readonly nowMs: () => number) {}

  get kindCount(): number {
    return this.#kinds.size
  }

  /** Whether this line is said. `remote`: `HOST:PORT` or `HOST port PORT` that caused it. */
  admit(message: string, remote: string | undefined): boolean {
    const isNew = !this.#kinds.has(message) && this.#kinds.size >= LOG_KINDS_MAX_COUNT
    const kind = this.#kind(isNew ? OTHER_KINDS : message)
    if (kind.said < LOG_REPEATS_MAX_COUNT) {
      kind.said += 1
      return true
    }
    kind.times += 1
    const host = remote?.replace(/(?::| port )\d+$/, '')
    if (host !== undefined && kind.remotes.size < LOG_REMOTES_MAX_COUNT) kind.remotes.add(host)
    return false
  }

  /** What was kept back in windows that are over; of all, if the process ends. */
  take(all: boolean): Repeated[] {
    const repeated: Repeated[] = []
    for (const [key, kind] of this.#kinds) {
      if (!all && this.nowMs() - kind.sinceMs < LOG_REPEATS_WINDOW_MS) continue
      this.#kinds.delete(key)
      const { message, times, remotes } = kind
      if (times > 0) repeated.push({ message, times, remotes: [...remotes] })
    }
    return repeated
  }

  #kind(message: string): Kind {
    let kind = this.#kinds.get(message)
    if (kind === undefined) {
      kind = { message, sinceMs: this.nowMs(), said: 0, times: 0, remotes: new Set() }
      this.#kinds.set(message, kind)
    }
    return kind
  }
}
