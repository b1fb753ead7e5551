/** The lines of the protocol (docs/protocol.md) as the client writes and reads them. */
import { MAX_ANSWER_LINE_BYTES } from '../limits.js'

export type Fields = Readonly<Record<string, string | number | undefined>>

const ESCAPES: Readonly<Record<string, string>> = { ',': '%2C', '\n': '%0A', '\r': '%0D', ' ': '%20', '%': '%25' }

/** One line with its LF. Fields that are undefined are left out. */
export function formatLine(action: string, fields: Fields = {}): string {
  let text = action
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += `,${key}:${escapeValue(String(value))}`
  }
  return `${text}\n`
}

/** Seconds as the protocol writes them, from milliseconds. */
export function formatSeconds(ms: number): string {
  return String(Math.round(ms) / 1000)
}

export class Line {
  readonly action: string
  /** Everything after the first comma, for words that are no fields: `err,no quorum`. */
  readonly rest: string
  private readonly fields = new Map<string, string>()

  constructor(text: string) {
    const [action = '', ...fields] = text.split(',')
    this.action = action.trim()
    this.rest = text.slice(action.length + 1)
    for (const field of fields) {
      const colon = field.indexOf(':')
      if (colon >= 0) this.fields.set(field.slice(0, colon).trim(), unescapeValue(field.slice(colon + 1)))
    }
  }

  get(key: string): string | undefined {
    return this.fields.get(key)
  }

  /** A field that is a number; undefined when it is missing or is none. */
  number(key: string): number | undefined {
    const text = this.fields.get(key)
    const value = Number(text)
    return text === undefined || text === '' || Number.isNaN(value) ? undefined : value
  }

  /** Milliseconds from a field in seconds. */
  milliseconds(key: string): number | undefined {
    const seconds = this.number(key)
    return seconds === undefined ? undefined : seconds * 1000
  }
}

/** Cuts the stream of answers into lines. `push` returns false when a line is longer than any answer may be. */
export class LineSplitter {
  private rest = ''
  private readonly decoder = new TextDecoder()

  constructor(private readonly onLine: (line: Line) => void) {}

  push(chunk: Uint8Array): boolean {
    const lines = (this.rest + this.decoder.decode(chunk, { stream: true })).split('\n')
    this.rest = lines.pop() ?? ''
    for (const line of lines) this.onLine(new Line(line.endsWith('\r') ? line.slice(0, -1) : line))
    return this.rest.length <= MAX_ANSWER_LINE_BYTES
  }
}

function escapeValue(value: string): string {
  return value.replace(/[,\n\r %]/g, (character) => ESCAPES[character] ?? character)
}

function unescapeValue(value: string): string {
  return value.replace(/%(2C|0A|0D|20|25)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
