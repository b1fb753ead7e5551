/** A volume and a process's way to it: operations take time, fail, and are cut short when the process dies. */
import type { Database, DatabaseOperation, Disk, DiskFile, OpenMode } from '../../src/raft/store/disk.js'
import { MemoryDisk } from '../store/memory-disk.js'
import type { Process } from './process.js'
import type { World } from './world.js'

export interface DiskTimes {
  /** Mean time of a write that waits for the medium. */
  syncMs: number
  readMs: number
}

/** What survives a process: contents, page cache, and the fault that the medium has now. */
export class Volume {
  memory: MemoryDisk
  isFull = false
  /** A write was refused since the process started: it must end. */
  hasRefused = false
  failNextSync = false
  /** A sync failed: what the page cache holds may not be on the medium (fsyncgate). */
  isDoubtful = false
  slowness = 1
  /** Something in it was changed or lost that no process did. */
  isDamaged = false

  constructor(
    readonly world: World,
    readonly id: string,
    readonly times: DiskTimes,
  ) {
    this.memory = new MemoryDisk((bound) => world.random.int(bound))
  }

  /** What was not synced is lost, wholly or in part. */
  loseUnsynced(): void {
    this.memory.restart()
    this.isDoubtful = false
  }
}

interface Pending {
  /** What of it happens if the process ends before it is done. */
  readonly abandon: () => void
}

const systemError = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code })

export class ProcessDisk implements Disk {
  readonly #pending = new Set<Pending>()

  constructor(
    private readonly process: Process,
    private readonly volume: Volume,
  ) {
    process.onKilled(() => {
      for (const pending of this.#pending) pending.abandon()
      this.#pending.clear()
    })
  }

  async openDatabase(): Promise<Database> {
    const database = await this.#read(() => this.volume.memory.openDatabase())
    return {
      write: (operations, sync) => this.#writeDatabase(database, operations, sync),
      read: (key) => this.#read(() => database.read(key)),
      scan: () => database.scan(),
      close: () => this.#read(() => database.close()),
    }
  }

  async openFile(path: string, mode: OpenMode): Promise<DiskFile> {
    const file = mode === 'create' ? await this.#create(path) : await this.#read(() => this.#open(path, mode))
    const durable = mode === 'durable'
    return {
      read: (position, maxBytes) => this.#read(() => file.read(position, maxBytes)),
      write: (position, bytes) =>
        this.#change(
          durable,
          () => file.write(position, bytes),
          // A torn write: some first part of it.
          () => file.write(position, bytes.subarray(0, this.volume.world.random.int(bytes.byteLength + 1))),
        ),
      sync: () => this.#change(true, () => file.sync()),
      sizeBytes: () => this.#read(() => file.sizeBytes()),
      close: () => this.#read(() => file.close()),
    }
  }

  list(directory: string): Promise<string[] | null> {
    return this.#read(() => this.volume.memory.list(directory))
  }
  makeDirectory(path: string): Promise<void> {
    return this.#change(false, () => this.volume.memory.makeDirectory(path))
  }
  rename(from: string, to: string): Promise<void> {
    return this.#change(false, () => this.volume.memory.rename(from, to))
  }
  remove(path: string): Promise<void> {
    return this.#change(false, () => this.volume.memory.remove(path))
  }
  syncDirectory(path: string): Promise<void> {
    return this.#change(true, () => this.volume.memory.syncDirectory(path))
  }

  #open(path: string, mode: OpenMode): Promise<DiskFile> {
    return this.volume.memory.openFile(path, mode)
  }

  #create(path: string): Promise<DiskFile> {
    return this.#change(false, () => this.#open(path, 'create'))
  }

  #writeDatabase(database: Database, operations: readonly DatabaseOperation[], sync: boolean): Promise<void> {
    return this.#change(
      sync,
      () => database.write(operations, sync),
      // Written, and not known to be on the medium.
      () => database.write(operations, false),
    )
  }

  #read<T>(run: () => Promise<T>): Promise<T> {
    return this.#operate(this.volume.times.readMs, run, null)
  }

  #change<T>(sync: boolean, run: () => Promise<T>, part: () => Promise<unknown> = run): Promise<T> {
    if (this.process.pass(sync ? 'before sync' : 'before write')) return never()
    const { volume } = this
    const done = () => {
      if (volume.isFull) {
        volume.hasRefused = true
        throw systemError('ENOSPC')
      }
      if (sync && volume.failNextSync) {
        volume.failNextSync = false
        volume.isDoubtful = true
        volume.world.count('fsync error')
        part().catch(() => undefined)
        throw systemError('EIO')
      }
      return run()
    }
    const meanMs = sync ? volume.times.syncMs : volume.times.readMs
    return this.#operate(meanMs, done, part, sync ? 'after sync' : 'after write')
  }

  #operate<T>(
    meanMs: number,
    run: () => Promise<T>,
    part: (() => Promise<unknown>) | null,
    failpoint?: string,
  ): Promise<T> {
    if (!this.process.isAlive) return never()
    const { world } = this.volume
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = {
        abandon: () => {
          if (part !== null && world.random.chance(0.5)) part().catch(() => undefined)
        },
      }
      this.#pending.add(pending)
      world.after(world.random.around(meanMs * this.volume.slowness), () => {
        if (!this.#pending.delete(pending)) return
        const settleWith = (settle: () => void) => this.process.deliver(settle)
        let outcome: Promise<T>
        try {
          outcome = run()
        } catch (error) {
          settleWith(() => reject(error))
          return
        }
        if (failpoint !== undefined && this.process.pass(failpoint)) return
        outcome.then(
          (value) => settleWith(() => resolve(value)),
          (error: unknown) => settleWith(() => reject(error)),
        )
      })
    })
  }
}

/** The process that waits for it is dead. */
const never = <T>(): Promise<T> => new Promise(() => undefined)
