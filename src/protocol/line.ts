/** One line of the client protocol (docs/protocol.md), read and written the same way at both ends. */
import { parseInteger, parseSecondsMs } from './values.js'

/** Keys may repeat, so pairs are kept in the order received; lines have a handful of keys, so a scan beats a map. */
export class Line {
  readonly #text: string
  readonly #keys: readonly string[]
  readonly #values: readonly string[]

  constructor(
    readonly action: string,
    text: string,
    keys: readonly string[],
    values: readonly string[],
    /** The JSON of an `info`, as it was sent; else empty. */
    readonly json = '',
  ) {
    this.#text = text
    this.#keys = keys
    this.#values = values
  }

  /** Everything after the first comma as it was sent, for words that are no keys: `err,no quorum`. */
  get rest(): string {
    const comma = this.#text.indexOf(',')
    return comma < 0 ? '' : this.#text.slice(comma + 1)
  }

  /** The value of the last occurrence, '' for a key without `:`, undefined when the key is absent. */
  get(key: string): string | undefined {
    const at = this.#keys.lastIndexOf(key)
    return at < 0 ? undefined : this.#values[at]
  }

  /** In the order received; one that occurs twice stands there twice. */
  get keys(): readonly string[] {
    return this.#keys
  }

  has(key: string): boolean {
    return this.#keys.includes(key)
  }

  /** Every value of a key, in the order received. */
  all(key: string): string[] {
    return this.#values.filter((_, at) => this.#keys[at] === key)
  }

  /** A whole number from 0 on that a JavaScript number holds exactly; undefined when the key is absent or has another value. */
  number(key: string): number | undefined {
    const text = this.get(key)
    return text === undefined ? undefined : (parseInteger(text) ?? undefined)
  }

  /** Milliseconds from a value in seconds; undefined when the key is absent or has another value. */
  milliseconds(key: string): number | undefined {
    const text = this.get(key)
    return text === undefined ? undefined : (parseSecondsMs(text) ?? undefined)
  }
}

const SPACE = 0x20
const TAB = 0x09
/** The only sequences that stand for another character in a value; any other `%` is itself. */
const ESCAPES = /%(2[Cc05]|0[AaDd])/g

/** Null when the line is malformed: empty action or key, or a control character. A tab is white space at the edges only. */
export function parseLine(text: string): Line | null {
  return parsePairs(text, '')
}

function parsePairs(text: string, json: string): Line | null {
  let end = text.indexOf(',')
  if (end < 0) end = text.length
  const action = cut(text, 0, end)
  if (action === null || action === '') return null
  if (end === text.length) return new Line(action, text, NONE, NONE, json)
  const keys: string[] = []
  const values: string[] = []
  for (let start = end + 1; start <= text.length; start = end + 1) {
    end = text.indexOf(',', start)
    if (end < 0) end = text.length
    let colon = text.indexOf(':', start)
    if (colon < 0 || colon > end) colon = end
    const key = cut(text, start, colon)
    const value = cut(text, colon + 1, end)
    if (key === null || key === '' || value === null) return null
    keys.push(key)
    values.push(value.includes('%') ? value.replace(ESCAPES, (sequence) => unescapeOne(sequence)) : value)
  }
  return new Line(action, text, keys, values, json)
}

const NONE: readonly string[] = []

/** A line of a node. The JSON of `info,id:N,{…}` is not cut into keys: what people wrote into it may look like anything. */
export function parseAnswer(text: string): Line | null {
  const brace = text.startsWith('info,') ? text.indexOf(',{') : -1
  return brace < 0 ? parseLine(text) : parsePairs(text.slice(0, brace), text.slice(brace + 1))
}

/** The trimmed part of `text` in [start, end), or null if a control character is left inside it. */
function cut(text: string, start: number, end: number): string | null {
  let from = start
  let to = end
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  for (let at = from; at < to; at++) {
    if (isControl(text.charCodeAt(at))) return null
  }
  return to > from ? text.slice(from, to) : ''
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** Unicode category Cc. */
function isControl(code: number): boolean {
  return code < SPACE || (code >= 0x7f && code <= 0x9f)
}

function unescapeOne(sequence: string): string {
  return String.fromCharCode(Number.parseInt(sequence.slice(1), 16))
}

const TO_ESCAPE = /[,\n\r %]/g
const ESCAPED: Readonly<Record<string, string>> = { ',': '%2C', '\n': '%0A', '\r': '%0D', ' ': '%20', '%': '%25' }

export function escapeValue(value: string): string {
  return value.replace(TO_ESCAPE, (character) => ESCAPED[character] ?? character)
}

/** What a line says behind its first word, in this order. A key is left out if its value is undefined, and repeated for a list. */
export type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>

/** `action,key:value,…` with values escaped and the line end. */
export function formatLine(action: string, fields?: Fields): string {
  let text = action
  for (const key in fields) {
    const value = fields[key]
    if (value === undefined) continue
    if (typeof value === 'object') text += value.map((each) => `,${key}:${escapeValue(each)}`).join('')
    else text += `,${key}:${typeof value === 'number' ? value : escapeValue(value)}`
  }
  return `${text}\n`
}
