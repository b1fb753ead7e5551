/** What golden files are made of: kinds of bytes that leave a process, with examples of each. */
import { type Json, plain, revived } from './plain.js'

export interface Golden {
  readonly name: string
  readonly bytes: Uint8Array
  readonly value: Json
}

/** One kind of bytes: how they are written today, and read. */
export interface Kind {
  readonly name: string
  /** What the golden files of the next release will hold. */
  specimens(): Promise<readonly Golden[]>
  /** Of bytes that any released version wrote. */
  decode(bytes: Uint8Array): Promise<Json>
  /**
   * As a program writes it for a cluster of the level of these files: members of that release must be able to read it. Null
   * where the bytes are not a function of the value (a random key, say).
   */
  encode(value: Json): Uint8Array | null
}

/** A file of golden bytes. */
export interface Group {
  readonly file: string
  readonly kinds: readonly Kind[]
}

/** `T`: what the sources make of the bytes. `samples`: by the names under which they stand in the file. */
export function kind<T>(
  name: string,
  samples: Readonly<Record<string, T>>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Kind {
  return {
    name,
    specimens: async () =>
      Object.entries(samples).map(([sample, value]) => ({
        name: `${name}: ${sample}`,
        bytes: Uint8Array.from(encode(value)),
        value: plain(value),
      })),
    decode: async (bytes) => plain(decode(bytes)),
    encode: (value) => encode(revived(value) as T),
  }
}
