import {
  constants,
  fdatasync,
  close as fsClose,
  open as fsOpen,
  read as fsRead,
  fstat,
  write as fsWrite,
} from 'node:fs'
import { open, readdir, realpath, rename, rm } from 'node:fs/promises'
import { Level } from 'level'
import { LEVELDB_MAX_OPEN_FILES, LEVELDB_WRITE_BUFFER_BYTES, SCAN_BUFFER_BYTES, SCAN_STEP_PAIRS } from '../limits.js'
import type { Database, DatabaseOperation, Disk, DiskFile, OpenMode } from './disk.js'
import { makeDirectory } from './make-directory.js'

const OPEN_FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  // One trip to the thread pool for a write and its sync: a tenth less latency than write, then fdatasync.
  durable: constants.O_RDWR | constants.O_DSYNC,
}
const NEW_FILE_MODE = 0o644

/** A file by its descriptor, with callbacks: the journal is written with every batch, and a FileHandle costs more. */
class NodeFile implements DiskFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  async read(position: number, maxBytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(maxBytes)
    let filled = 0
    while (filled < maxBytes) {
      const count = await this.#readSome(buffer, filled, position + filled)
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.byteLength) written += await this.#writeSome(bytes, written, position + written)
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => fdatasync(this.#fd, (error) => (error ? reject(error) : resolve())))
  }

  sizeBytes(): Promise<number> {
    return new Promise((resolve, reject) =>
      fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats.size))),
    )
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => fsClose(this.#fd, (error) => (error ? reject(error) : resolve())))
  }

  #readSome(buffer: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fsRead(this.#fd, buffer, offset, buffer.byteLength - offset, position, (error, count) =>
        error ? reject(error) : resolve(count),
      ),
    )
  }

  #writeSome(bytes: Uint8Array, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fsWrite(this.#fd, bytes, offset, bytes.byteLength - offset, position, (error, count) =>
        error ? reject(error) : resolve(count),
      ),
    )
  }
}

class LevelDatabase implements Database {
  readonly #level: Level<Buffer, Buffer>
  readonly #onClosed: () => void

  constructor(level: Level<Buffer, Buffer>, onClosed: () => void) {
    this.#level = level
    this.#onClosed = onClosed
  }

  write(operations: readonly DatabaseOperation[], sync: boolean): Promise<void> {
    return this.#level.batch([...operations], { sync })
  }

  read(key: Buffer): Promise<Buffer | undefined> {
    return this.#level.get(key)
  }

  async *scan(): AsyncIterable<[Buffer, Buffer][]> {
    const iterator = this.#level.iterator({ fillCache: false, highWaterMarkBytes: SCAN_BUFFER_BYTES })
    try {
      for (;;) {
        const pairs = await iterator.nextv(SCAN_STEP_PAIRS)
        if (pairs.length === 0) return
        yield pairs
      }
    } finally {
      await iterator.close()
    }
  }

  async close(): Promise<void> {
    await this.#level.close()
    this.#onClosed()
  }
}

/**
 * Databases that this process has open. LevelDB, asked to open one twice, closes its second descriptor of the lock file,
 * which drops the first one's lock (fcntl); so it must never be asked.
 */
const openDatabases = new Set<string>()

function lockedError(directory: string): Error {
  return Object.assign(new Error(`${directory} is already open in this process`), { code: 'LEVEL_LOCKED' })
}

/** abstract-level wraps LevelDB's own error, which has the words that help. */
function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

async function openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
  if (createIfMissing) await makeDirectory(directory)
  const place = await realpath(directory)
  if (openDatabases.has(place)) throw lockedError(directory)
  openDatabases.add(place)
  const level = new Level<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
    writeBufferSize: LEVELDB_WRITE_BUFFER_BYTES,
    maxOpenFiles: LEVELDB_MAX_OPEN_FILES,
    createIfMissing,
  })
  try {
    await level.open()
  } catch (error) {
    openDatabases.delete(place)
    throw innermost(error)
  }
  return new LevelDatabase(level, () => openDatabases.delete(place))
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

async function list(directory: string): Promise<string[] | null> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The real disk: LevelDB and node:fs. */
export const nodeDisk: Disk = {
  openDatabase,
  openFile: (path, mode) =>
    new Promise((resolve, reject) =>
      fsOpen(path, OPEN_FLAGS[mode], NEW_FILE_MODE, (error, fd) => (error ? reject(error) : resolve(new NodeFile(fd)))),
    ),
  list,
  makeDirectory,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
}
