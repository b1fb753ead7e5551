/**
 * Names in their order, for listings: which comes next? The state has them in a hash table, which has no order that means
 * anything. Names lie in blocks of some hundred, each sorted and all before those of the next, so that a name that comes or
 * goes moves a few hundred neighbours and not a hundred thousand.
 *
 *     [a, ab, b] [c, d] [x, y, z]      + "cc"  →  [a, ab, b] [c, cc, d] [x, y, z]
 */
import { NAME_BLOCK_MAX_COUNT } from '../limits.js'

export class NameIndex {
  /** None of them is empty. */
  readonly #blocks: string[][] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Does nothing if it is there. */
  add(name: string): void {
    const blockAt = this.#blockOf(name)
    const block = this.#blocks[blockAt]
    if (block === undefined) {
      this.#blocks.push([name])
      this.#size += 1
      return
    }
    const at = firstFrom(block, name)
    if (block[at] === name) return
    block.splice(at, 0, name)
    this.#size += 1
    if (block.length > NAME_BLOCK_MAX_COUNT) this.#blocks.splice(blockAt + 1, 0, block.splice(block.length >> 1))
  }

  /** Does nothing if it is not there. */
  delete(name: string): void {
    const blockAt = this.#blockOf(name)
    const block = this.#blocks[blockAt]
    if (block === undefined) return
    const at = firstFrom(block, name)
    if (block[at] !== name) return
    block.splice(at, 1)
    this.#size -= 1
    if (block.length === 0) this.#blocks.splice(blockAt, 1)
  }

  /** The first name that is not before `name`; null: there is none. */
  from(name: string): string | null {
    const blockAt = this.#blockOf(name)
    const block = this.#blocks[blockAt]
    return block?.[firstFrom(block, name)] ?? this.#blocks[blockAt + 1]?.[0] ?? null
  }

  /** The first name behind it. */
  after(name: string): string | null {
    // No string lies between the two.
    return this.from(`${name}\0`)
  }

  /** Where the name is, if it is there: the last block that does not begin behind it. */
  #blockOf(name: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      const first = this.#blocks[middle]?.[0]
      if (first !== undefined && first <= name) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** The place of the first in a sorted list that is not before `name`. */
function firstFrom(sorted: readonly string[], name: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const at = sorted[middle]
    if (at !== undefined && at < name) low = middle + 1
    else high = middle
  }
  return low
}
