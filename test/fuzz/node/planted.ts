/** What may come out of a node nowhere but to its owner: words that stand only where they were planted. */
import { Finding, type Trail } from '../area.js'
import { HTTP_TOKEN } from '../http-grammar.js'

/** Of all accounts' tokens. */
export const TOKEN_START = 'token-of-'
/** In names, metadata, client ids and reasons that only the keeper sees. Nobody else ever says it. */
export const HIDDEN = 'zq7hidden'
/** With this rules are written: a refusal may say by which rule, and that is no more than the prefix in the file. */
export const HIDDEN_RULE = 'zq7'
/** A name that everybody knows and may ask for; what is there is hidden all the same. */
export const KNOWN_NAME = 'covered/known'
export const KNOWN_PREFIX = 'covered/'

/** Words that no node says: what a number or a text becomes that nobody looked at. */
const NONSENSE = /NaN|undefined|Infinity|\[object|\de\+\d/
/** The client's own word, which may be any. */
const ECHO = /unknown%20action%20[^,\n]*/g
/** A word may be cut in two between chunks. */
const OVERLAP_CHARS = 64

/** `secrets`: of sessions that belong to none of the strangers. */
export const wordsOf = (hasAccounts: boolean, secrets: readonly string[]): readonly string[] => [
  ...[TOKEN_START, HTTP_TOKEN, ...secrets],
  ...(hasAccounts ? [HIDDEN] : []),
]

/** Looks at all that one connection is told. */
export class Listener {
  #tail = ''
  #finding: Finding | null = null

  constructor(
    private readonly words: readonly string[],
    private readonly trail: Trail,
  ) {}

  heard(chunk: string): void {
    if (this.#finding !== null) return
    const text = (this.#tail + chunk).replace(ECHO, '')
    const word = this.words.find((one) => text.includes(one)) ?? NONSENSE.exec(text)?.[0]
    if (word !== undefined) this.#finding = new Finding(`told ${word}: ${around(text, word)}`, [...this.trail.lines])
    this.#tail = text.slice(-OVERLAP_CHARS)
  }

  /** Throws what it has heard that nobody should. */
  check(): void {
    if (this.#finding !== null) throw this.#finding
  }
}

export function around(text: string, word: string): string {
  const at = text.indexOf(word)
  return JSON.stringify(text.slice(Math.max(0, at - 120), at + word.length + 60))
}
