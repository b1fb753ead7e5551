const PAGE_BYTES = 4096
const SECTOR_BYTES = 512

/** A file in a page cache: what reads see, what is on the medium, and the pages that a sync still has to write. */
export class MemoryFile {
  #current: Buffer = Buffer.alloc(0)
  #durable: Buffer = Buffer.alloc(0)
  readonly #dirty = new Set<number>()

  get sizeBytes(): number {
    return this.#current.byteLength
  }

  copy(): MemoryFile {
    const copy = new MemoryFile()
    copy.#current = Buffer.from(this.#current)
    copy.#durable = Buffer.from(this.#durable)
    for (const page of this.#dirty) copy.#dirty.add(page)
    return copy
  }

  read(position: number, maxBytes: number): Buffer {
    return Buffer.from(this.#current.subarray(position, position + maxBytes))
  }

  write(position: number, bytes: Uint8Array): void {
    this.#current = extended(this.#current, position + bytes.byteLength)
    this.#current.set(bytes, position)
    for (const page of pagesOf(position, bytes.byteLength)) this.#dirty.add(page)
  }

  sync(): void {
    this.#durable = extended(this.#durable, this.#current.byteLength)
    for (const page of this.#dirty) this.#writePage(page, PAGE_BYTES)
    this.#dirty.clear()
  }

  /** A sync that failed: the kernel forgets what was to be written, and a second sync would have nothing to do. */
  failSync(): void {
    this.#dirty.clear()
  }

  /** Power loss: of each page that was not synced the new or the old contents are there, or sectors of both. */
  loseUnsynced(chance: (bound: number) => number): void {
    if (this.#dirty.size > 0 && chance(2) === 0) this.#durable = extended(this.#durable, this.#current.byteLength)
    for (const page of this.#dirty) {
      const sectors = PAGE_BYTES / SECTOR_BYTES
      const reached = [0, sectors, chance(sectors)][chance(3)] ?? 0
      if (page * PAGE_BYTES < this.#durable.byteLength) this.#writePage(page, reached * SECTOR_BYTES)
    }
    this.#dirty.clear()
    this.#current = Buffer.from(this.#durable)
  }

  /** What a failing medium did to the contents, in the cache too: a process that reads them does not find the old ones there. */
  damage(change: (bytes: Buffer) => Buffer): void {
    this.#durable = change(Buffer.from(this.#current))
    this.#current = Buffer.from(this.#durable)
    this.#dirty.clear()
  }

  #writePage(page: number, bytes: number): void {
    const start = page * PAGE_BYTES
    this.#durable.set(this.#current.subarray(start, Math.min(start + bytes, this.#durable.byteLength)), start)
  }
}

function* pagesOf(position: number, bytes: number): Iterable<number> {
  for (let page = Math.floor(position / PAGE_BYTES); page * PAGE_BYTES < position + bytes; page++) yield page
}

const extended = (bytes: Buffer, size: number): Buffer =>
  size > bytes.byteLength ? Buffer.concat([bytes], size) : bytes
