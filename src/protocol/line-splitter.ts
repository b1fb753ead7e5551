/** Cuts the byte stream of one connection into lines. No string is made before a line is complete. */
import { type Line, parseLine } from './line.js'

export interface LineReceiver {
  line(line: Line): void
  /** A complete line that is not UTF-8, has an empty action or key, or holds a control character. */
  malformed(): void
  /** More than the allowed bytes without a line end. Nothing is delivered afterwards. */
  tooLong(): void
}

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
    private readonly receiver: LineReceiver,
    private readonly parse: (text: string) => Line | null = parseLine,
  ) {}

  /** No further line is delivered, also not from the chunk that is being pushed. */
  stop(): void {
    this.#stopped = true
    this.#rest = null
    this.#restBytes = 0
  }

  push(chunk: Uint8Array): void {
    let start = 0
    while (!this.#stopped) {
      const end = chunk.indexOf(LF, start)
      if (end < 0) break
      if (this.#restBytes + end - start > this.maxLineBytes) {
        this.#tooLong()
        return
      }
      this.#deliver(chunk, start, end)
      start = end + 1
    }
    if (this.#stopped || start === chunk.length) return
    if (this.#restBytes + chunk.length - start > this.maxLineBytes) {
      this.#tooLong()
      return
    }
    this.#keep(chunk, start, chunk.length)
  }

  #deliver(chunk: Uint8Array, start: number, end: number): void {
    if (this.#rest === null) {
      this.#decode(chunk, start, end)
      return
    }
    this.#keep(chunk, start, end)
    const bytes = this.#rest
    const length = this.#restBytes
    this.#rest = null
    this.#restBytes = 0
    this.#decode(bytes, 0, length)
  }

  #decode(bytes: Uint8Array, start: number, end: number): void {
    const to = end > start && bytes[end - 1] === CR ? end - 1 : end
    let text: string
    try {
      text = decoder.decode(bytes.subarray(start, to))
    } catch {
      this.receiver.malformed()
      return
    }
    const line = this.parse(text)
    if (line === null) this.receiver.malformed()
    else this.receiver.line(line)
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

  #tooLong(): void {
    this.stop()
    this.receiver.tooLong()
  }
}
