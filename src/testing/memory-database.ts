import type { DatabaseOperation } from '../raft/store/disk.js'

const hex = (key: Buffer): string => key.toString('hex')

/** Synced writes that a fault can still take back. */
const HISTORY_WRITES = 64

/** Key, and the value before the write. */
type Undo = ReadonlyMap<string, Buffer | undefined>

/** Pairs on a medium, and the writes that were not synced yet, of which a power loss leaves the first ones. */
export class MemoryDatabase {
  readonly #pairs = new Map<string, Buffer>()
  #unsynced: (readonly DatabaseOperation[])[] = []
  #history: Undo[] = []

  copy(): MemoryDatabase {
    const copy = new MemoryDatabase()
    for (const [key, value] of this.#pairs) copy.#pairs.set(key, value)
    copy.#unsynced = [...this.#unsynced]
    copy.#history = [...this.#history]
    return copy
  }

  write(operations: readonly DatabaseOperation[], sync: boolean): void {
    this.#unsynced.push(operations)
    if (sync) this.#keepUnsynced(this.#unsynced.length)
  }

  /** Synced or not. */
  read(key: Buffer): Buffer | undefined {
    for (let at = this.#unsynced.length - 1; at >= 0; at--) {
      const operation = this.#unsynced[at]?.findLast((one) => one.key.equals(key))
      if (operation !== undefined) return operation.type === 'put' ? Buffer.from(operation.value) : undefined
    }
    return this.#pairs.get(hex(key))
  }

  /** Every pair, synced or not, in the order of the keys. */
  *scan(): Iterable<[Buffer, Buffer]> {
    const view = new Map(this.#pairs)
    for (const operations of this.#unsynced) apply(view, operations)
    for (const key of [...view.keys()].sort()) yield [Buffer.from(key, 'hex'), view.get(key) ?? Buffer.alloc(0)]
  }

  loseUnsynced(chance: (bound: number) => number): void {
    this.#keepUnsynced(chance(this.#unsynced.length + 1))
  }

  // ---------------------------------------------------------------------------------------------------- damage

  /** In hexadecimal, of what is on the medium. */
  keys(): string[] {
    return [...this.#pairs.keys()].sort()
  }

  synced(key: string): Buffer | undefined {
    return this.#pairs.get(key)
  }

  /** Null: the pair is lost. */
  damage(key: string, value: Buffer | null): void {
    if (value === null) this.#pairs.delete(key)
    else this.#pairs.set(key, value)
  }

  /** One of the last synced writes never reached the medium. False if there is none. */
  loseWrite(chance: (bound: number) => number): boolean {
    const place = chance(this.#history.length)
    const [lost] = this.#history.splice(place, 1)
    if (lost === undefined) return false
    const isLater = (key: string) => this.#history.slice(place).some((undo) => undo.has(key))
    for (const [key, value] of lost) if (!isLater(key)) this.damage(key, value ?? null)
    return true
  }

  #keepUnsynced(count: number): void {
    for (const operations of this.#unsynced.slice(0, count)) {
      this.#history.push(new Map(operations.map(({ key }) => [hex(key), this.#pairs.get(hex(key))])))
      apply(this.#pairs, operations)
    }
    this.#history = this.#history.slice(-HISTORY_WRITES)
    this.#unsynced = []
  }
}

function apply(pairs: Map<string, Buffer>, operations: readonly DatabaseOperation[]): void {
  for (const operation of operations) {
    if (operation.type === 'put') pairs.set(hex(operation.key), Buffer.from(operation.value))
    else pairs.delete(hex(operation.key))
  }
}
