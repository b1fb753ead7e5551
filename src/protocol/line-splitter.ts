/** Cuts the byte stream of one connection into lines. No string is made before a line is complete. */
import { type Line, parseLine } from './line.js'

/** What comes next in a stream. */
export type Cut =
  | Line
  /** A complete line that is not UTF-8, has an empty action or key, or holds a control character. */
  | 'malformed'
  /** More than the allowed bytes without a line end. Nothing comes after it. */
  | 'too long'

const LF = 0x0a
const CR = 0x0d
const FIRST_BUFFER_BYTES = 128
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class LineSplitter {
  /** Bytes of an unfinished line; null while there are none, so that an idle connection costs nothing. */
  #rest: Uint8Array | null = null
  #restBytes = 0
  #stopped = false

  /** `maxLineBytes` counts what stands before LF; it may be changed at any time. */
  constructor(
    public maxLineBytes: number,
    private readonly parse: (text: string) => Line | null = parseLine,
  ) {}

  /** No further line comes, also not from the chunk that is being cut. */
  stop(): void {
    this.#stopped = true
    this.#rest = null
    this.#restBytes = 0
  }

  /** What this chunk completes. A line is cut when it is asked for, so whoever has to do with one may stop before the next. */
  *cut(chunk: Uint8Array): Generator<Cut, void, undefined> {
    let start = 0
    while (!this.#stopped) {
      const end = chunk.indexOf(LF, start)
      const to = end < 0 ? chunk.length : end
      if (this.#restBytes + to - start > this.maxLineBytes) {
        this.stop()
        yield 'too long'
        return
      }
      if (end < 0) break
      yield this.#complete(chunk, start, end)
      start = end + 1
    }
    if (!this.#stopped && start < chunk.length) this.#keep(chunk, start, chunk.length)
  }

  #complete(chunk: Uint8Array, start: number, end: number): Cut {
    if (this.#rest === null) return this.#decode(chunk, start, end)
    this.#keep(chunk, start, end)
    const bytes = this.#rest
    const length = this.#restBytes
    this.#rest = null
    this.#restBytes = 0
    return this.#decode(bytes, 0, length)
  }

  #decode(bytes: Uint8Array, start: number, end: number): Cut {
    const to = end > start && bytes[end - 1] === CR ? end - 1 : end
    let text: string
    try {
      text = decoder.decode(bytes.subarray(start, to))
    } catch {
      return 'malformed'
    }
    return this.parse(text) ?? 'malformed'
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#restBytes + end - start
    if (this.#rest === null || this.#rest.length < needed) {
      const grown = new Uint8Array(Math.max(FIRST_BUFFER_BYTES, 2 * needed))
      if (this.#rest !== null) grown.set(this.#rest.subarray(0, this.#restBytes))
      this.#rest = grown
    }
    this.#rest.set(chunk.subarray(start, end), this.#restBytes)
    this.#restBytes = needed
  }
}
