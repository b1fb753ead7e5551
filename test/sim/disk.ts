/** A volume and a process's way to it: operations take time, fail, and are cut short when the process dies. */
import { crc32c } from '@node-rs/crc32'
import type { Database, DatabaseOperation, Disk, DiskFile, OpenMode } from '../../src/raft/store/disk.js'
import { FORMAT_FILE } from '../../src/raft/store/layout.js'
import { MemoryDisk } from '../../src/testing/memory-disk.js'
import type { MemoryFile } from '../../src/testing/memory-file.js'
import type { Process } from './process.js'
import { type StrayPlan, type StrayStep, strayFileWrite, strayLogWrite } from './stray-writes.js'
import type { World } from './world.js'

export interface DiskTimes {
  /** Mean time of a write that waits for the medium. */
  syncMs: number
  readMs: number
}

/** What the store does to a disk; a process may die before and after each. */
const STEPS = [
  'journal write',
  'log write',
  'sweep',
  'snapshot write',
  'snapshot sync',
  'snapshot rename',
  'directory sync',
  'removal',
  'file creation',
] as const
type Step = (typeof STEPS)[number]

export const DISK_FAILPOINTS = STEPS.flatMap((step) => [`before ${step}`, `after ${step}`] as const)

/** What survives a process: contents, page cache, and the faults that the medium has now. */
export class Volume {
  memory: MemoryDisk
  freeBytes = Number.POSITIVE_INFINITY
  failNextSync = false
  failNextRead = false
  /** Something was refused since the process started: it must end. */
  hasFailed = false
  /** A sync failed: what the page cache holds may not be on the medium (fsyncgate). */
  isDoubtful = false
  slowness = 1
  /** Syncs that are not answered; null: it does not hang. */
  #held: (() => void)[] | null = null
  #isHungForGood = false
  /** What was changed or lost that no process changed. */
  damage: string | null = null
  /** A write that will go astray. */
  stray: StrayPlan | null = null
  #makeGood: (() => void) | null = null
  /** What FORMAT said before somebody made an older program of it; that one must not get any further. */
  formatSetBack: Buffer | null = null
  /** Of what the present process found. */
  #found: string | null = null
  /** Of LevelDB's lock file: device and inode. */
  lockIdentity: string
  /** It is an older state of its directory: what was acknowledged since is forgotten. */
  isPutBack = false
  /** It is attached to another machine now. */
  isGone = false

  constructor(
    readonly world: World,
    readonly id: string,
    readonly times: DiskTimes,
  ) {
    this.memory = new MemoryDisk((bound) => world.random.int(bound))
    this.lockIdentity = id
  }

  /** As it is now, in another place. */
  copy(id: string): Volume {
    const copy = new Volume(this.world, id, this.times)
    copy.memory = this.memory.copy()
    copy.isDoubtful = this.isDoubtful
    copy.damage = this.damage
    copy.isPutBack = this.isPutBack
    copy.stray = this.stray
    copy.formatSetBack = this.formatSetBack
    return copy
  }

  /** As an operator might who wants an older program to run at any price. False: there is none. */
  setFormatBack(version: number): boolean {
    const file = this.#format()
    file?.damage((bytes) => {
      this.formatSetBack = bytes
      return Buffer.from(bytes.toString().replace(/"version":\d+/, `"version":${version}`))
    })
    return file !== null
  }

  restoreFormat(): void {
    const { formatSetBack } = this
    if (formatSetBack !== null) this.#format()?.damage(() => formatSetBack)
    this.formatSetBack = null
  }

  /** What FORMAT says, or said before somebody set it back; 0: nothing yet. */
  get format(): number {
    const bytes = this.formatSetBack ?? this.#format()?.read(0, Number.MAX_SAFE_INTEGER)
    return Number(/"version":(\d+)/.exec(bytes?.toString() ?? '')?.[1] ?? 0)
  }

  #format(): MemoryFile | null {
    const path = this.memory.paths().find((one) => one.endsWith(`/${FORMAT_FILE}`))
    return path === undefined ? null : this.memory.file(path)
  }

  /** True if the present process has changed nothing so far, or was not too old for the directory when it came. */
  isAsFound(): boolean {
    return this.#found === null || this.#found === this.#digest()
  }

  #digest(): string {
    const { memory } = this
    const files = memory.paths().map((path) => `${path} ${crc32c(memory.file(path).read(0, Number.MAX_SAFE_INTEGER))}`)
    const pairs = [...(memory.database?.scan() ?? [])].map(([key, value]) => `${key.toString('hex')} ${crc32c(value)}`)
    return [...files, ...pairs].join('\n')
  }

  get isDamaged(): boolean {
    return this.damage !== null
  }

  /** What was not synced is lost, wholly or in part. */
  loseUnsynced(): void {
    this.memory.restart()
    this.isDoubtful = false
  }

  /** A write is made: is it the one that goes astray? */
  goesAstray(step: Step): boolean {
    // Whatever went astray before, a journal write after it shows it.
    if (step === 'journal write') this.#makeGood = null
    return this.stray?.step === step && --this.stray.left === 0
  }

  wentAstray(step: StrayStep, words: string, makeGood: (() => void) | null): void {
    const { stray } = this
    this.stray = null
    this.damage = words
    this.#makeGood = makeGood
    this.world.note(`${this.id}: ${words}`)
    this.world.count(`seen misdirected ${step}`)
    stray?.done()
  }

  processEnded(): void {
    this.#makeGood?.()
    this.#makeGood = null
  }

  get isHanging(): boolean {
    return this.#held !== null
  }

  hang(): void {
    this.#held ??= []
  }

  /** Nothing that it was told to write, and has not, is ever written. */
  hangForGood(): void {
    this.hang()
    this.#isHungForGood = true
  }

  answer(): void {
    if (this.#isHungForGood) return
    const held = this.#held ?? []
    this.#held = null
    for (const finish of held) finish()
  }

  whenItAnswers(finish: () => void): void {
    if (this.#held === null) finish()
    else this.#held.push(finish)
  }

  /** It works again. What is damaged stays so. */
  heal(): void {
    this.answer()
    this.stray = null
    this.freeBytes = Number.POSITIVE_INFINITY
    this.failNextSync = false
    this.failNextRead = false
    this.slowness = 1
  }

  /** A process opens it: what the one before met is over. */
  opened(newestFormat: number): void {
    if (this.isDoubtful) this.loseUnsynced()
    this.hasFailed = false
    this.#found = newestFormat < this.format ? this.#digest() : null
    if (newestFormat >= this.format) this.restoreFormat()
  }
}

interface Change {
  readonly step: Step
  readonly isSync?: boolean
  /** What it needs of the free space. Writing over what is there, renaming and removing need nothing. */
  readonly newBytes?: number
}

interface Pending {
  /** What of it happens if the process ends before it is done. */
  readonly abandon: () => void
}

const systemError = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code })

export class ProcessDisk implements Disk {
  readonly #pending = new Set<Pending>()
  #databaseFailure: unknown = null

  constructor(
    private readonly process: Process,
    private readonly volume: Volume,
  ) {
    process.onKilled(() => {
      for (const pending of this.#pending) pending.abandon()
      this.#pending.clear()
      volume.processEnded()
    })
  }

  async openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
    const database = await this.#read(() => this.volume.memory.openDatabase(directory, createIfMissing))
    return {
      write: (operations, sync) => this.#writeDatabase(database, operations, sync),
      read: (key) => this.#read(() => database.read(key)),
      scan: () => this.#scan(database),
      close: () => this.#operate(this.volume.times.readMs, () => database.close(), null),
    }
  }

  async openFile(path: string, mode: OpenMode): Promise<DiskFile> {
    const { memory, world } = this.volume
    const open = () => memory.openFile(path, mode)
    const file = mode === 'create' ? await this.#change({ step: 'file creation' }, open) : await this.#read(open)
    return {
      read: (position, maxBytes) => this.#read(() => file.read(position, maxBytes)),
      write: (position, bytes) =>
        this.#change(
          mode === 'durable'
            ? { step: 'journal write', isSync: true }
            : { step: 'snapshot write', newBytes: bytes.byteLength },
          async () => {
            const step = mode === 'durable' ? 'journal write' : 'snapshot write'
            if (!this.volume.goesAstray(step)) return file.write(position, bytes)
            const { words, makeGood } = strayFileWrite(memory, { path, position, bytes }, world.random)
            this.volume.wentAstray(step, words, makeGood)
          },
          // A torn write: some first part of it.
          () => file.write(position, bytes.subarray(0, world.random.int(bytes.byteLength + 1))),
        ),
      sync: () =>
        this.#change(
          { step: 'snapshot sync', isSync: true },
          () => file.sync(),
          async () => file.failSync(),
        ),
      sizeBytes: () => this.#read(() => file.sizeBytes()),
      close: () => this.#operate(this.volume.times.readMs, () => file.close(), null),
    }
  }

  list(directory: string): Promise<string[] | null> {
    return this.#read(() => this.volume.memory.list(directory))
  }
  makeDirectory(path: string): Promise<void> {
    return this.#change({ step: 'file creation' }, () => this.volume.memory.makeDirectory(path))
  }
  rename(from: string, to: string): Promise<void> {
    return this.#change({ step: 'snapshot rename' }, () => this.volume.memory.rename(from, to))
  }
  remove(path: string): Promise<void> {
    return this.#change({ step: 'removal' }, () => this.volume.memory.remove(path))
  }
  syncDirectory(path: string): Promise<void> {
    return this.#change({ step: 'directory sync', isSync: true }, () => this.volume.memory.syncDirectory(path))
  }

  async *#scan(database: Database): AsyncIterable<readonly (readonly [Buffer, Buffer])[]> {
    await this.#read(async () => undefined)
    yield* database.scan()
  }

  /** After an error LevelDB writes nothing more. */
  async #writeDatabase(database: Database, operations: readonly DatabaseOperation[], isSync: boolean): Promise<void> {
    if (this.#databaseFailure !== null) throw this.#databaseFailure
    const { memory, world } = this.volume
    const newBytes = operations.reduce((sum, one) => sum + (one.type === 'put' ? one.value.byteLength : 0), 64)
    try {
      await this.#change(
        { step: isSync ? 'log write' : 'sweep', isSync, newBytes },
        async () => {
          if (!isSync || !this.volume.goesAstray('log write')) return database.write(operations, isSync)
          const write = (changed: typeof operations) => void database.write(changed, true)
          this.volume.wentAstray('log write', strayLogWrite(memory, operations, write, world.random), null)
        },
        // Written, and not known to be on the medium.
        () => database.write(operations, false),
      )
    } catch (error) {
      this.#databaseFailure = error
      throw error
    }
  }

  #read<T>(run: () => Promise<T>): Promise<T> {
    const { volume } = this
    const read = () => {
      if (!volume.failNextRead) return run()
      volume.failNextRead = false
      volume.hasFailed = true
      volume.world.count('seen read error')
      throw systemError('EIO')
    }
    return this.#operate(volume.times.readMs, read, null)
  }

  /** `part`: what may have happened of it if the process dies meanwhile, or the medium fails. */
  #change<T>(change: Change, run: () => Promise<T>, part: () => Promise<unknown> = run): Promise<T> {
    const { step, isSync = false, newBytes = 0 } = change
    if (this.process.pass(`before ${step}`)) return never()
    const { volume } = this
    const done = () => {
      if (newBytes > volume.freeBytes) {
        volume.hasFailed = true
        volume.world.count(`seen disk full at ${step}`)
        throw systemError('ENOSPC')
      }
      volume.freeBytes -= newBytes
      if (isSync && volume.failNextSync) {
        volume.failNextSync = false
        volume.isDoubtful = true
        volume.hasFailed = true
        volume.world.count(`seen fsync error at ${step}`)
        part().catch(() => undefined)
        throw systemError('EIO')
      }
      return run()
    }
    const meanMs = isSync ? volume.times.syncMs : volume.times.readMs
    return this.#operate(meanMs, done, part, { failpoint: `after ${step}`, mayHang: isSync })
  }

  #operate<T>(
    meanMs: number,
    run: () => Promise<T>,
    part: (() => Promise<unknown>) | null,
    { failpoint, mayHang }: { readonly failpoint?: string; readonly mayHang: boolean } = { mayHang: false },
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
      const finish = () => {
        if (!this.#pending.delete(pending)) return
        const settleWith = (settle: () => void) => this.process.deliver(settle)
        let outcome: Promise<T>
        try {
          if (this.volume.isGone) throw systemError('EIO')
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
      }
      const { volume } = this
      world.after(world.random.around(meanMs * volume.slowness), () => {
        if (mayHang) volume.whenItAnswers(finish)
        else finish()
      })
    })
  }
}

/** The process that waits for it is dead. */
const never = <T>(): Promise<T> => new Promise(() => undefined)
