/**
 * Reads a YAML document of a known shape, and collects everything that is wrong with it, each with its place: an operator mends
 * a file in one go. Values are never quoted: somebody may have put a secret where a hash belongs.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument, visit } from 'yaml'
import { nearest } from '../config/nearest.js'

export interface Problem {
  /** Both from 1 on. */
  readonly line: number
  readonly column: number
  readonly text: string
}

type Read = (value: unknown, at: unknown) => void

export class YamlReader {
  readonly #problems: Problem[] = []
  readonly #lines = new LineCounter()
  /** What each alias (`*name`) stands for: the last anchor (`&name`) before it. */
  readonly #targets = new Map<unknown, unknown>()
  /** Null: the file is empty, or is no YAML at all. */
  readonly root: ParsedNode | null

  constructor(text: string) {
    this.root = this.#parsed(text)
  }

  #parsed(text: string): ParsedNode | null {
    try {
      const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
      for (const { message, pos } of document.errors) this.#add(pos[0], firstLine(message))
      const anchored = new Map<string, unknown>()
      // The library's own way to resolve an alias walks through the whole document for each.
      visit(document, {
        Node: (_, node) => {
          if (isAlias(node)) {
            this.#targets.set(node, anchored.get(node.source))
            if (!anchored.has(node.source)) this.wrong(node, 'nothing before this is anchored under such a name')
          } else if ('anchor' in node && node.anchor !== undefined) anchored.set(node.anchor, node)
        },
      })
      return document.contents
    } catch {
      // Brackets in brackets without end exhaust the stack.
      this.#add(0, 'this cannot be read as YAML')
      return null
    }
  }

  /** In the order of the file. */
  get problems(): readonly Problem[] {
    return [...this.#problems].sort((a, b) => a.line - b.line || a.column - b.column)
  }

  /** `at`: the node that is wrong. */
  wrong(at: unknown, text: string): void {
    this.#add(isNode(at) ? (at.range?.[0] ?? 0) : 0, text)
  }

  /** A map with some of these keys and no others. */
  fields(node: unknown, what: string, readers: Readonly<Record<string, Read>>): void {
    const names = Object.keys(readers)
    this.entries(node, what, (key, value, at) => {
      const read = Object.hasOwn(readers, key) ? readers[key] : undefined
      if (read !== undefined) read(value, at)
      else this.wrong(at, `unknown key ${key}${didYouMean(key, names)}`)
    })
  }

  /** A map with any keys. */
  entries(node: unknown, what: string, read: (key: string, value: unknown, at: unknown) => void): void {
    const map = this.#resolved(node)
    // YAML has many ways to say nothing, such as a key with its value commented out.
    if (map === null || (isScalar(map) && map.value === null)) return
    if (!isMap(map)) {
      this.wrong(node, `${what}: keys and values are needed here`)
      return
    }
    for (const { key, value } of map.items) {
      const name = this.#text(key)
      if (name === null) this.wrong(key, `${what}: this key is no text (put it in quotes)`)
      else read(name, value, key)
    }
  }

  /** A list of texts, or a single one. */
  texts(node: unknown, what: string, read: (text: string, at: unknown) => void): void {
    const list = this.#resolved(node)
    if (list === null || (isScalar(list) && list.value === null)) return
    for (const item of isSeq(list) ? list.items : [list]) {
      const text = this.#text(item)
      if (text === null) this.wrong(item ?? node, `${what}: a list of texts is needed here (put numbers in quotes)`)
      else read(text, item)
    }
  }

  /** A whole number from `least` on; null: it is none, which has been said. */
  wholeNumber(node: unknown, what: string, least: number): number | null {
    const scalar = this.#resolved(node)
    const value = isScalar(scalar) ? scalar.value : null
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
    this.wrong(node, `${what}: a whole number from ${least} on is needed here`)
    return null
  }

  isList(node: unknown): boolean {
    return isSeq(this.#resolved(node))
  }

  #text(node: unknown): string | null {
    const scalar = this.#resolved(node)
    return isScalar(scalar) && typeof scalar.value === 'string' ? scalar.value : null
  }

  #resolved(node: unknown): unknown {
    return (isAlias(node) ? this.#targets.get(node) : node) ?? null
  }

  #add(offset: number, text: string): void {
    const { line, col } = this.#lines.linePos(offset)
    // What could not be read at all has no lines either.
    this.#problems.push({ line: Math.max(1, line), column: Math.max(1, col), text: withoutSecrets(text) })
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? text

/** What looks like a token is not repeated. */
const withoutSecrets = (text: string): string => text.replace(/tnl_\w+|\w{32,}/g, '…')

function didYouMean(key: string, names: readonly string[]): string {
  const meant = nearest(key, names)
  return meant === null ? ` (${names.join(', ')})` : ` (${meant}?)`
}
