import type { Database, Disk, DiskFile, OpenMode } from '../raft/store/disk.js'
import { MemoryDatabase } from './memory-database.js'
import { MemoryFile } from './memory-file.js'

/** The process ends here: nothing after it happens, and nothing says how much of the last step did. */
export class Crash extends Error {
  override readonly name = 'Crash'
}

const systemError = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code })

/**
 * A disk with a page cache. A crash, at a chosen step, loses what was not synced: a suffix of the database's writes, any
 * pages of a file's unsynced contents (torn ones too), any of the renames and removals since the last sync of their
 * directory. `chance(n)` is an integer below n.
 */
export class MemoryDisk implements Disk {
  stepsToCrash = Number.POSITIVE_INFINITY
  steps = 0
  /** Null: there is none. */
  database: MemoryDatabase | null = null
  #names = new Map<string, MemoryFile>()
  #durableNames = new Map<string, MemoryFile>()
  readonly #directories = new Set<string>()
  #crashed = false

  constructor(private readonly chance: (bound: number) => number) {}

  /** All that is there now, synced or not, on another disk. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk(this.chance)
    const files = new Map<MemoryFile, MemoryFile>()
    for (const file of [...this.#names.values(), ...this.#durableNames.values()]) files.set(file, file.copy())
    const copied = (names: Map<string, MemoryFile>) =>
      new Map([...names].map(([name, file]) => [name, files.get(file) ?? file] as const))
    copy.#names = copied(this.#names)
    copy.#durableNames = copied(this.#durableNames)
    for (const directory of this.#directories) copy.#directories.add(directory)
    copy.database = this.database?.copy() ?? null
    return copy
  }

  /** The disk as the next process finds it after a power loss. */
  restart(): void {
    this.#crash()
    this.processEnded()
  }

  /** Nothing is lost but the process: the next one finds what is in the page cache. */
  processEnded(): void {
    this.#crashed = false
    this.stepsToCrash = Number.POSITIVE_INFINITY
  }

  #crash(): void {
    this.database?.loseUnsynced(this.chance)
    const changed = [...new Set([...this.#names.keys(), ...this.#durableNames.keys()])]
    for (const name of changed) {
      if (this.#names.get(name) === this.#durableNames.get(name) || this.chance(2) === 0) continue
      const file = this.#names.get(name)
      if (file === undefined) this.#durableNames.delete(name)
      else this.#durableNames.set(name, file)
    }
    this.#names = new Map(this.#durableNames)
    for (const file of this.#names.values()) file.loseUnsynced(this.chance)
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

  async openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
    if (this.database === null && !createIfMissing) {
      throw new Error(`Invalid argument: ${directory}: does not exist (create_if_missing is false)`)
    }
    if (createIfMissing) this.#directories.add(directory)
    const database = this.database ?? new MemoryDatabase()
    this.database = database
    return {
      write: async (operations, sync) => this.#step(() => database.write(operations, sync)),
      read: async (key) => database.read(key),
      scan: async function* () {
        for (const pair of database.scan()) yield [pair]
      },
      close: async () => undefined,
    }
  }

  async openFile(path: string, mode: OpenMode): Promise<DiskFile & { failSync(): void }> {
    if (mode === 'create') this.#step(() => void this.#names.set(path, new MemoryFile()))
    const file = this.file(path)
    return {
      read: async (position, maxBytes) => file.read(position, maxBytes),
      write: async (position, bytes) =>
        this.#step(() => {
          file.write(position, bytes)
          if (mode === 'durable') file.sync()
        }),
      sync: async () => this.#step(() => file.sync()),
      sizeBytes: async () => file.sizeBytes,
      close: async () => undefined,
      failSync: () => file.failSync(),
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
      const file = this.file(from)
      this.#names.delete(from)
      this.#names.set(to, file)
    })
  }

  async remove(path: string): Promise<void> {
    this.#step(() => void this.#names.delete(path))
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step(() => {
      for (const name of [...this.#durableNames.keys()]) if (isIn(path, name)) this.#durableNames.delete(name)
      for (const [name, file] of this.#names) if (isIn(path, name)) this.#durableNames.set(name, file)
    })
  }

  // ---------------------------------------------------------------------------------------------------- damage

  /** Of the files that are there now. */
  paths(): string[] {
    return [...this.#names.keys()].sort()
  }

  file(path: string): MemoryFile {
    const file = this.#names.get(path)
    if (file === undefined) throw systemError('ENOENT', path)
    return file
  }

  loseFile(path: string): void {
    this.#names.delete(path)
    this.#durableNames.delete(path)
  }

  loseDirectory(path: string): void {
    for (const name of this.paths()) if (isIn(path, name)) this.loseFile(name)
    this.#directories.delete(path)
  }
}

const isIn = (directory: string, path: string): boolean =>
  path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes('/')
