/** The token with which a client says who it is: a text, a file that is read again, or a function of the program. */
import { InvalidOptionError } from '../errors.js'
import { FIRST_TOKEN_PATIENCE_MS, TOKEN_MAX_CHARS } from '../limits.js'
import { KeptFile, type KeptText } from './kept-file.js'
import type { Said } from './tls-source.js'

/** Called before each connection; what it gave last stays while it fails. */
export type TokenFunction = () => string | Promise<string>

export class TokenSource {
  #text: string | null

  private constructor(
    private readonly from: KeptFile | TokenFunction,
    text: string | null,
  ) {
    this.#text = text
  }

  /** Throws InvalidOptionError, without a part of the token. */
  static literal({ value, by }: Said<string>): TokenSource {
    const text = checkedToken(value, by)
    return new TokenSource(KeptFile.of({ path: null, text }), text)
  }

  /** Throws InvalidOptionError, which names the file. */
  static file({ value: path, by }: Said<string>): TokenSource {
    // What was meant for another variable must not stand in a log.
    if (LOOKS_LIKE_A_TOKEN.test(path)) throw new InvalidOptionError(`${by}: names a file, and has a token itself`)
    const what = `${by} ${path}`
    try {
      const file = KeptFile.read(path)
      return new TokenSource(file, checkedToken(file.text, what))
    } catch (error) {
      if (error instanceof InvalidOptionError) throw error
      throw new InvalidOptionError(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** It is not called before the first `refresh`. */
  static of(ask: TokenFunction): TokenSource {
    return new TokenSource(ask, null)
  }

  /** As another process kept it. */
  static kept(kept: KeptText): TokenSource {
    return new TokenSource(KeptFile.of(kept), kept.text)
  }

  /** Null: a function, which cannot be kept for another process. */
  get kept(): KeptText | null {
    if (typeof this.from === 'function') return null
    return { path: this.from.path, text: this.#text ?? '' }
  }

  /** Null before a function has been asked. */
  get text(): string | null {
    return this.#text
  }

  /** Rejects if there is no token, because the function that was to give the first one failed, or gave none. */
  async refresh(): Promise<void> {
    try {
      const text = typeof this.from === 'function' ? await this.#ask(this.from) : await this.from.present()
      if (text !== null) this.#text = checkedToken(text, 'token')
    } catch (error) {
      if (this.#text === null) throw error
    }
  }

  /** A function that never answers must not keep its program waiting for ever. */
  #ask(ask: TokenFunction): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = new InvalidOptionError(`token: the function gave none in ${FIRST_TOKEN_PATIENCE_MS / 1000} s`)
      const timer = setTimeout(() => reject(late), FIRST_TOKEN_PATIENCE_MS)
      const settled = (): void => clearTimeout(timer)
      Promise.resolve().then(ask).finally(settled).then(resolve, reject)
    })
  }
}

/** As `tnl token new` makes them. */
const LOOKS_LIKE_A_TOKEN = /^tnl_[0-9A-Za-z]{32,}$/

function checkedToken(given: unknown, by: string): string {
  if (typeof given !== 'string') throw new InvalidOptionError(`${by}: a token is a text`)
  const text = given.trim()
  if (text === '') throw new InvalidOptionError(`${by}: no token in it`)
  if (text.length > TOKEN_MAX_CHARS)
    throw new InvalidOptionError(`${by}: a token has ${TOKEN_MAX_CHARS} characters at most`)
  // Otherwise it is a file of something else, of which nothing must be sent.
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new InvalidOptionError(`${by}: more than a token in it (white space, or characters that are not of a token)`)
  }
  return text
}
