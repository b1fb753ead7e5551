/**
 * A small text that may be in a file: a certificate, a key, a token. Whoever renews it replaces the file, so it is read again before
 * each use. What was read last stays when the file is gone or its disk hangs: a session must not be lost to that.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { CREDENTIAL_FILE_MAX_BYTES } from '../limits.js'

/** Plain data, for another process. `path`: null if there is no file. */
export interface KeptText {
  readonly path: string | null
  readonly text: string
}

export class KeptFile {
  #text: string

  private constructor(
    readonly path: string | null,
    text: string,
  ) {
    this.#text = text
  }

  /** Throws with the system's words. */
  static read(path: string): KeptFile {
    return new KeptFile(path, readBounded(path))
  }

  static of({ path, text }: KeptText): KeptFile {
    return new KeptFile(path, text)
  }

  get text(): string {
    return this.#text
  }

  get kept(): KeptText {
    return { path: this.path, text: this.#text }
  }

  /** What is in the file by now. Null if that cannot be said, and for what cannot be read twice, such as a pipe. Never rejects. */
  async present(): Promise<string | null> {
    if (this.path === null) return null
    try {
      const found = await stat(this.path)
      if (!found.isFile() || found.size === 0 || found.size > CREDENTIAL_FILE_MAX_BYTES) return null
      return await readFile(this.path, 'utf8')
    } catch {
      return null
    }
  }

  keep(text: string): void {
    this.#text = text
  }
}

/** Also of a pipe, as a shell gives it: `--token-file <(…)`. */
function readBounded(path: string): string {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(CREDENTIAL_FILE_MAX_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    if (length > CREDENTIAL_FILE_MAX_BYTES) throw new Error(`more than ${CREDENTIAL_FILE_MAX_BYTES} bytes`)
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(descriptor)
  }
}
