/**
 * Values by the beginnings of names, of which the longest counts:
 *
 *     ''     → see           'db/orders' finds 'db/', 'web' finds '', and what stands at 'db/secret/' counts for
 *     'db/'  → lock, see     nothing else than names below it. What a longer one says replaces what a shorter one
 *     'db/secret/' → lock    said: nothing is added up.
 */
export class PrefixMap<T> {
  readonly #values: ReadonlyMap<string, T>
  /** Of the prefixes there are, the longest first. */
  readonly #lengths: readonly number[]

  constructor(entries: Iterable<readonly [prefix: string, value: T]>) {
    this.#values = new Map(entries)
    this.#lengths = [...new Set([...this.#values.keys()].map(({ length }) => length))].sort((a, b) => b - a)
  }

  /** What counts for this name; null: nothing. */
  find(name: string): { readonly prefix: string; readonly value: T } | null {
    for (const length of this.#lengths) {
      if (length > name.length) continue
      const prefix = name.slice(0, length)
      const value = this.#values.get(prefix)
      if (value !== undefined) return { prefix, value }
    }
    return null
  }

  /** Every longer prefix that begins with this one. */
  *below(prefix: string): IterableIterator<readonly [prefix: string, value: T]> {
    for (const entry of this.#values) {
      if (entry[0].length > prefix.length && entry[0].startsWith(prefix)) yield entry
    }
  }

  entries(): IterableIterator<readonly [prefix: string, value: T]> {
    return this.#values.entries()
  }
}
