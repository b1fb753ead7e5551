/**
 * What a medium does to a directory behind the back of every process. Each damage must be seen at the next start (exit 4),
 * or be of a kind that leaves everything acknowledged in its place: the store check decides.
 */

import { JOURNAL_BYTES, newestSlot, SLOT_BYTES } from '../../../src/raft/store/journal.js'
import { JOURNAL_FILE, LOG_DIRECTORY, SNAPSHOT_DIRECTORY } from '../../../src/raft/store/layout.js'
import type { MemoryDisk } from '../../../src/testing/memory-disk.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { olderJournal } from '../newer-layout.js'

/** What was done; null: there was nothing to do it to. */
export type Damage = (disk: MemoryDisk, random: SeededRandom) => string | null

const SECTOR_BYTES = 512
/** The middle of a slot is where its batch lies. */
const NEAR_BYTES = 256

function flipBit(bytes: Buffer, start: number, length: number, random: SeededRandom): Buffer {
  const at = start + random.int(length)
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.int(8)), at)
  return bytes
}

const pathOf = (disk: MemoryDisk, isWanted: (path: string) => boolean, random: SeededRandom): string | null => {
  const paths = disk.paths().filter(isWanted)
  return paths.length === 0 ? null : random.pick(paths)
}

const isJournal = (path: string): boolean => path.endsWith(`/${JOURNAL_FILE}`)
const isWholeJournal = (disk: MemoryDisk) => (path: string) =>
  isJournal(path) && disk.file(path).sizeBytes === JOURNAL_BYTES

/** Of the journal: its newest batch lies on both sides of this. Most of the file is empty. */
const middleOfNewest = (bytes: Buffer): number => ((newestSlot(olderJournal(bytes))?.number ?? 0) + 0.5) * SLOT_BYTES

/** In the newest batch of the journal, which may be the only place that has it. */
const flipInJournal: Damage = (disk, random) => {
  const path = pathOf(disk, isWholeJournal(disk), random)
  if (path === null) return null
  disk.file(path).damage((bytes) => flipBit(bytes, middleOfNewest(bytes) - NEAR_BYTES, 2 * NEAR_BYTES, random))
  return 'bit flip in the newest batch of the journal'
}

const misplaceSectorOfJournal: Damage = (disk, random) => {
  const path = pathOf(disk, isWholeJournal(disk), random)
  if (path === null) return null
  disk.file(path).damage((bytes) => {
    const middle = middleOfNewest(bytes)
    const from = random.int(bytes.byteLength / SECTOR_BYTES) * SECTOR_BYTES
    bytes.copy(bytes, random.pick([middle - SECTOR_BYTES, middle]), from, from + SECTOR_BYTES)
    return bytes
  })
  return 'a sector in the place of one of the newest batch of the journal'
}

const flipInFile: Damage = (disk, random) => {
  const path = pathOf(disk, (name) => disk.file(name).sizeBytes > 0, random)
  if (path === null) return null
  disk.file(path).damage((bytes) => flipBit(bytes, 0, bytes.byteLength, random))
  return `bit flip in ${path}`
}

const flipInValue: Damage = ({ database }, random) => {
  const keys = database?.keys() ?? []
  if (database === null || keys.length === 0) return null
  const key = random.pick(keys)
  const value = Buffer.from(database.synced(key) ?? [])
  database.damage(key, flipBit(value, 0, value.byteLength, random))
  return `bit flip in the value of ${key}`
}

const loseValue: Damage = ({ database }, random) => {
  const keys = database?.keys() ?? []
  if (database === null || keys.length === 0) return null
  const key = random.pick(keys)
  database.damage(key, null)
  return `lost value of ${key}`
}

const loseFile: Damage = (disk, random) => {
  const path = pathOf(disk, () => true, random)
  if (path !== null) disk.loseFile(path)
  return path === null ? null : `lost file ${path}`
}

const cutFile: Damage = (disk, random) => {
  const path = pathOf(disk, (name) => disk.file(name).sizeBytes > 0, random)
  if (path === null) return null
  disk.file(path).damage((bytes) => bytes.subarray(0, random.int(bytes.byteLength)))
  return `${path} cut short`
}

const loseDirectory: Damage = (disk, random) => {
  const journal = disk.paths().find(isJournal)
  if (journal === undefined) return null
  const lost = random.pick([LOG_DIRECTORY, SNAPSHOT_DIRECTORY])
  if (lost === LOG_DIRECTORY) disk.database = null
  disk.loseDirectory(journal.replace(JOURNAL_FILE, lost))
  return `lost directory ${lost}/`
}

const loseWrite: Damage = ({ database }, random) => {
  const isLost = database?.loseWrite((bound) => random.int(bound)) === true
  return isLost ? 'lost write to the log' : null
}

/** One value where another should be. */
const misplaceValue: Damage = ({ database }, random) => {
  const [from, to] = random.shuffled(database?.keys() ?? [])
  if (database === null || from === undefined || to === undefined) return null
  database.damage(to, Buffer.from(database.synced(from) ?? []))
  return `value of ${from} in the place of ${to}`
}

/** A sector where another should be. More would hit both copies of a batch in the journal (ADR 4). */
const misplaceSector: Damage = (disk, random) => {
  const path = pathOf(disk, (name) => disk.file(name).sizeBytes > SECTOR_BYTES, random)
  if (path === null) return null
  disk.file(path).damage((bytes) => {
    const sectors = Math.floor(bytes.byteLength / SECTOR_BYTES)
    const [from, to] = [random.int(sectors) * SECTOR_BYTES, random.int(sectors) * SECTOR_BYTES]
    bytes.copy(bytes, to, from, from + SECTOR_BYTES)
    return bytes
  })
  return `a sector of ${path} in the place of another`
}

export const DAMAGES = {
  'bit flip': [flipInJournal, flipInFile, flipInValue, flipInValue],
  'lost data': [loseValue, loseValue, loseFile, cutFile, loseDirectory],
  'lost write': [loseWrite],
  'misdirected write': [misplaceValue, misplaceSector, misplaceSectorOfJournal],
} as const satisfies Readonly<Record<string, readonly Damage[]>>
