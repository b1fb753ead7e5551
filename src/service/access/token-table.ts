/**
 * The hashes of all tokens. A token that is shown is compared with each of them, whatever was found on the way: how long that
 * takes says nothing about how near a guess was, or whose token it is. Eight words a hash, so a thousand take some microseconds.
 */
import { sha256 } from '../../digest.js'

const WORDS = 8
const WORD_BYTES = 4

export class TokenTable {
  readonly #words: Uint32Array
  readonly #ids: readonly string[]
  readonly #idOfHash: ReadonlyMap<string, string>

  /** `hash`: SHA-256 of a token, 64 hex digits. */
  constructor(tokens: readonly { readonly hash: string; readonly id: string }[]) {
    this.#words = new Uint32Array(tokens.length * WORDS)
    for (const [at, { hash }] of tokens.entries()) this.#words.set(wordsOf(Buffer.from(hash, 'hex')), at * WORDS)
    this.#ids = tokens.map(({ id }) => id)
    this.#idOfHash = new Map(tokens.map(({ hash, id }) => [hash, id]))
  }

  /** Whose token it is; null: nobody's. */
  find(token: string): { readonly id: string; readonly hash: string } | null {
    const hash = sha256(token)
    const words = wordsOf(hash)
    let found = -1
    for (let at = 0; at < this.#ids.length; at += 1) {
      let difference = 0
      for (let word = 0; word < WORDS; word += 1) {
        difference |= (this.#words[at * WORDS + word] ?? 0) ^ (words[word] ?? 0)
      }
      if (difference === 0) found = at
    }
    const id = this.#ids[found]
    return id === undefined ? null : { id, hash: hash.toString('hex') }
  }

  /** Whether a hash that was found once is still there, and the same one's. */
  has(hash: string, id: string): boolean {
    return this.#idOfHash.get(hash) === id
  }
}

function wordsOf(hash: Buffer): Uint32Array {
  return Uint32Array.from({ length: WORDS }, (_, word) => hash.readUInt32BE(word * WORD_BYTES))
}
