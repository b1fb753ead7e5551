/**
 * A write that lands in another place and reports success. One such write must be survived or seen at the next start
 * (ADR 4), wherever it lands: whole, or one page of it.
 */
import type { DatabaseOperation } from '../../src/raft/store/disk.js'
import { JOURNAL_BYTES, SLOT_BYTES, SLOTS } from '../../src/raft/store/journal.js'
import { JOURNAL_FILE } from '../../src/raft/store/layout.js'
import type { MemoryDisk } from '../../src/testing/memory-disk.js'
import type { SeededRandom } from '../../src/testing/seeded-random.js'

/** The writes that may go astray. */
export const STRAY_STEPS = ['journal write', 'log write', 'snapshot write'] as const
export type StrayStep = (typeof STRAY_STEPS)[number]

/** The `left`-th write of a kind from now on. */
export interface StrayPlan {
  readonly step: StrayStep
  left: number
  /** It has landed. */
  done(): void
}

/** A write to a file that should have been made at `position`. */
export interface FileWrite {
  readonly path: string
  readonly position: number
  readonly bytes: Uint8Array
}

export interface Landing {
  readonly words: string
  /**
   * Nothing in the directory shows a batch that reached no slot at all, until another one follows it: as long as only LevelDB
   * lacks that batch, this is the older copy of the journal that ADR 4 excepts. A process that ends so soon gets it back.
   */
  readonly makeGood: (() => void) | null
}

const PAGE_BYTES = 4096
/** A sector in the wrong place is smaller than what separates the two copies in a slot; so is a page. */
const PAGES_PER_SLOT = SLOT_BYTES / PAGE_BYTES

const isJournal = (path: string): boolean => path.endsWith(`/${JOURNAL_FILE}`)

/** On the medium at once: nobody reads these bytes from a cache. */
function put(disk: MemoryDisk, path: string, position: number, bytes: Uint8Array): void {
  disk.file(path).damage((old) => {
    const next = Buffer.alloc(Math.max(old.byteLength, position + bytes.byteLength))
    next.set(old)
    next.set(bytes, position)
    return next
  })
}

/** What is in the cache of the file that is written, as its own process sees it. */
function putOwn(disk: MemoryDisk, { path, bytes }: FileWrite, position: number): void {
  const file = disk.file(path)
  file.write(position, bytes)
  if (isJournal(path)) file.sync()
}

/** One page goes to the place of another, in this file or another one; the others are where they belong. */
function strayPage(disk: MemoryDisk, write: FileWrite, random: SeededRandom): Landing {
  const { path, position, bytes } = write
  const first = Math.floor(position / PAGE_BYTES)
  const last = Math.floor((position + bytes.byteLength - 1) / PAGE_BYTES)
  const page = first + random.int(last - first + 1)
  const from = Math.max(position, page * PAGE_BYTES)
  const end = Math.min(position + bytes.byteLength, (page + 1) * PAGE_BYTES)
  const target = random.pick(disk.paths())
  const pages = Math.ceil(disk.file(target).sizeBytes / PAGE_BYTES)
  const free = Array.from({ length: pages }, (_, i) => i).filter((i) => target !== path || i < first || i > last)
  putOwn(disk, { path, position, bytes: bytes.subarray(0, from - position) }, position)
  putOwn(disk, { path, position, bytes: bytes.subarray(end - position) }, end)
  const landed = free.length === 0 ? null : random.pick(free)
  const segment = bytes.subarray(from - position, end - position)
  if (landed !== null) put(disk, target, landed * PAGE_BYTES + (from % PAGE_BYTES), segment)
  return { words: `page ${page} of a write to ${path} landed in page ${landed} of ${target}`, makeGood: null }
}

/** All of it, as far away as pages go, in the file where it belongs or in another. */
function strayWhole(disk: MemoryDisk, write: FileWrite, random: SeededRandom): Landing {
  const { path, position, bytes } = write
  const others = disk.paths().filter((other) => other !== path)
  const toOther = others.length > 0 && random.chance(0.3)
  const target = toOther ? random.pick(others) : path
  const room = isJournal(path) ? JOURNAL_BYTES - bytes.byteLength : position + 4 * PAGE_BYTES
  const places = Array.from(
    { length: Math.floor(room / PAGE_BYTES) },
    (_, i) => i * PAGE_BYTES + (position % PAGE_BYTES),
  )
  const isOtherPlace = (at: number) =>
    at !== position && at <= room && !(isJournal(path) && (at - position) % SLOT_BYTES === 0)
  const landed = toOther ? position : random.pick(places.filter(isOtherPlace))
  if (toOther) put(disk, target, landed, bytes)
  else putOwn(disk, write, landed)
  return {
    words: `a write to ${path} at ${position} landed at ${landed} of ${target}`,
    makeGood: isJournal(path) ? () => put(disk, path, position, bytes) : null,
  }
}

/** Whole, in another slot of the journal. */
function straySlot(disk: MemoryDisk, write: FileWrite, random: SeededRandom): Landing {
  const { position } = write
  const slots = 1 + random.int(SLOTS - 1)
  const landed = (position + slots * SLOT_BYTES) % JOURNAL_BYTES
  putOwn(disk, write, landed)
  return { words: `a batch landed ${slots * PAGES_PER_SLOT} pages further on, in another slot`, makeGood: null }
}

export function strayFileWrite(disk: MemoryDisk, write: FileWrite, random: SeededRandom): Landing {
  const ways = isJournal(write.path) ? [strayPage, strayWhole, straySlot] : [strayPage, strayWhole]
  return random.pick(ways)(disk, write, random)
}

/** One value comes under another key, or all of it to where an earlier write was. */
export function strayLogWrite(
  disk: MemoryDisk,
  operations: readonly DatabaseOperation[],
  write: (operations: readonly DatabaseOperation[]) => void,
  random: SeededRandom,
): string {
  const { database } = disk
  const puts = operations.filter((one) => one.type === 'put')
  const keys = database?.keys() ?? []
  const chosen = puts.length > 0 && random.chance(0.6) ? random.pick(puts) : null
  const under = chosen === null ? [] : keys.filter((key) => key !== chosen.key.toString('hex'))
  if (chosen !== null && under.length > 0) {
    const key = Buffer.from(random.pick(under), 'hex')
    write(operations.map((one) => (one === chosen ? { ...chosen, key } : one)))
    return `a value of ${chosen.key.toString('hex')} landed under ${key.toString('hex')}`
  }
  write(operations)
  database?.loseWrite((bound) => bound - 1)
  database?.loseWrite((bound) => random.int(bound))
  return 'a write to the log landed where an earlier one was'
}
