import type { Database, DatabaseOperation, Disk, DiskFile, OpenMode } from '../../src/raft/store/disk.js'

/** The process ends here: nothing after it happens, and nothing says how much of the last step did. */
export class Crash extends Error {
  override readonly name = 'Crash'
}

interface File {
  current: Buffer
  durable: Buffer
}

const hex = (key: Buffer): string => key.toString('hex')

/**
 * A disk with a page cache. A crash, at a chosen step, loses what was not synced: a suffix of the database's writes, any
 * part of a file's unsynced contents (a torn write too), any of the renames and removals since the last sync of their
 * directory. `chance(n)` is an integer below n.
 */
export class MemoryDisk implements Disk {
  stepsToCrash = Number.POSITIVE_INFINITY
  steps = 0
  #names = new Map<string, File>()
  #durableNames = new Map<string, File>()
  readonly #directories = new Set<string>()
  #database = new Map<string, Buffer>()
  #unsynced: (readonly DatabaseOperation[])[] = []
  #crashed = false

  constructor(private readonly chance: (bound: number) => number) {}

  /** The disk as the next process finds it. */
  restart(): void {
    this.#crash()
    this.#crashed = false
    this.stepsToCrash = Number.POSITIVE_INFINITY
  }

  #crash(): void {
    const kept = this.chance(this.#unsynced.length + 1)
    for (const operations of this.#unsynced.slice(0, kept)) this.#apply(operations)
    this.#unsynced = []
    const changed = [...new Set([...this.#names.keys(), ...this.#durableNames.keys()])]
    for (const name of changed) {
      if (this.#names.get(name) === this.#durableNames.get(name) || this.chance(2) === 0) continue
      const file = this.#names.get(name)
      if (file === undefined) this.#durableNames.delete(name)
      else this.#durableNames.set(name, file)
    }
    this.#names = new Map(this.#durableNames)
    for (const file of this.#names.values()) {
      const reached = this.chance(file.current.byteLength + 1)
      file.durable = Buffer.concat([file.current.subarray(0, reached), file.durable.subarray(reached)])
      file.current = Buffer.from(file.durable)
    }
  }

  /** Counts a step that changes the disk; `apply` may or may not happen in the step of the crash. */
  #step(apply: () => void): void {
    if (this.#crashed) throw new Crash()
    this.steps++
    this.stepsToCrash--
    if (this.stepsToCrash > 0) {
      apply()
      return
    }
    this.#crashed = true
    if (this.chance(2) === 0) apply()
    throw new Crash()
  }

  #apply(operations: readonly DatabaseOperation[]): void {
    for (const operation of operations) {
      if (operation.type === 'put') this.#database.set(hex(operation.key), Buffer.from(operation.value))
      else this.#database.delete(hex(operation.key))
    }
  }

  /** What a read sees: synced or not. */
  #view(): Map<string, Buffer> {
    const [database, unsynced] = [this.#database, this.#unsynced]
    this.#database = new Map(database)
    for (const operations of unsynced) this.#apply(operations)
    const view = this.#database
    this.#database = database
    return view
  }

  async openDatabase(): Promise<Database> {
    return {
      write: async (operations, sync) =>
        this.#step(() => {
          this.#unsynced.push(operations)
          if (!sync) return
          for (const batch of this.#unsynced) this.#apply(batch)
          this.#unsynced = []
        }),
      read: async (key) => this.#view().get(hex(key)),
      scan: () => this.#scan(),
      close: async () => undefined,
    }
  }

  async *#scan(): AsyncIterable<[Buffer, Buffer][]> {
    const view = this.#view()
    for (const key of [...view.keys()].sort()) yield [[Buffer.from(key, 'hex'), view.get(key) ?? Buffer.alloc(0)]]
  }

  async openFile(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode === 'create')
      this.#step(() => void this.#names.set(path, { current: Buffer.alloc(0), durable: Buffer.alloc(0) }))
    const file = this.#names.get(path)
    if (file === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    const sync = () => {
      file.durable = Buffer.from(file.current)
    }
    return {
      read: async (position, maxBytes) => Buffer.from(file.current.subarray(position, position + maxBytes)),
      write: async (position, bytes) =>
        this.#step(() => {
          const end = Math.max(file.current.byteLength, position + bytes.byteLength)
          const next = Buffer.concat([file.current, Buffer.alloc(end - file.current.byteLength)])
          next.set(bytes, position)
          file.current = next
          if (mode === 'durable') sync()
        }),
      sync: async () => this.#step(sync),
      sizeBytes: async () => file.current.byteLength,
      close: async () => undefined,
    }
  }

  async list(directory: string): Promise<string[] | null> {
    if (!this.#directories.has(directory)) return null
    const names = [...this.#names.keys(), ...this.#directories]
      .filter((path) => path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1).split('/')[0] ?? '')
    return [...new Set(names)].sort()
  }

  async makeDirectory(path: string): Promise<void> {
    this.#step(() => void this.#directories.add(path))
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step(() => {
      const file = this.#names.get(from)
      if (file === undefined) throw new Error(`ENOENT: ${from}`)
      this.#names.delete(from)
      this.#names.set(to, file)
    })
  }

  async remove(path: string): Promise<void> {
    this.#step(() => void this.#names.delete(path))
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step(() => {
      const inside = (name: string) => name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/')
      for (const name of [...this.#durableNames.keys()]) if (inside(name)) this.#durableNames.delete(name)
      for (const [name, file] of this.#names) if (inside(name)) this.#durableNames.set(name, file)
    })
  }
}
