/** What can happen to files while nobody is looking. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { JOURNAL_BYTES, newestSlot, SLOTS } from '../../../../src/raft/store/journal.js'
import type { SeededRandom } from '../../../../src/testing/seeded-random.js'

const KINDS = [
  ['leveldb log', /^log\/\d+\.log$/],
  ['table', /^log\/\d+\.ldb$/],
  ['manifest', /^log\/MANIFEST-\d+$/],
  ['CURRENT', /^log\/CURRENT$/],
  ['LOCK', /^log\/LOCK$/],
  ['LOG', /^log\/LOG(\.old)?$/],
  ['journal', /^synced$/],
  ['snapshot', /^snapshots\/.*\.snap$/],
  ['FORMAT', /^FORMAT$/],
] as const
export type FileKind = (typeof KINDS)[number][0]

/** LevelDB's lock and its diary: nothing is read from them. */
export const HARMLESS: ReadonlySet<string> = new Set(['LOCK', 'LOG'])

export interface Target {
  readonly kind: FileKind
  readonly path: string
}

export function targetsIn(directory: string): Target[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => relative(directory, join(file.parentPath, file.name)))
    .sort()
    .flatMap((path) => {
      const kind = KINDS.find(([, pattern]) => pattern.test(path))?.[0]
      return kind === undefined ? [] : [{ kind, path }]
    })
}

/** Every kind of file is as likely as any other. */
function pickTarget(targets: readonly Target[], random: SeededRandom): Target {
  const kind = random.pick([...new Set(targets.map((target) => target.kind))])
  return random.pick(targets.filter((target) => target.kind === kind))
}

/** What was done, in words, and to which kinds of files. */
export interface Done {
  readonly kinds: readonly FileKind[]
  readonly words: string
}

export interface Places {
  readonly directory: string
  /** A copy of the directory from earlier in the trial. */
  readonly earlier: string
  /** The directory of another node. */
  readonly other: string
}

/** Null if no file is there to which it could be done. */
export type FileDamage = (places: Places, random: SeededRandom) => Done | null

/** An interesting place in a file: mostly near its end, where the newest is, or in the newest slot of the journal. */
function placeIn(kind: FileKind, bytes: Buffer, random: SeededRandom): number {
  const size = bytes.byteLength
  if (kind === 'journal' && random.chance(0.8)) {
    const newest = newestSlot(bytes)?.number ?? 0
    const slotBytes = JOURNAL_BYTES / SLOTS
    const slot = random.chance(0.5) ? newest : random.int(SLOTS)
    return Math.min(size - 1, slot * slotBytes + Math.floor(random.logBetween(1, slotBytes)) - 1)
  }
  if (random.chance(0.4)) return Math.max(0, size - 1 - random.int(1024))
  return random.int(size)
}

const withOneOf =
  (change: (path: string, kind: FileKind, random: SeededRandom) => string | null): FileDamage =>
  ({ directory }, random) => {
    const target = pickTarget(targetsIn(directory), random)
    const words = change(join(directory, target.path), target.kind, random)
    return words === null ? null : { kinds: [target.kind], words: `${target.path}: ${words}` }
  }

const flip = withOneOf((path, kind, random) => {
  const bytes = readFileSync(path)
  if (bytes.byteLength === 0) return null
  const at = placeIn(kind, bytes, random)
  const bit = random.int(8)
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
  writeFileSync(path, bytes)
  return `bit ${bit} of byte ${at} of ${bytes.byteLength} flipped`
})

const cut = withOneOf((path, _kind, random) => {
  const size = readFileSync(path).byteLength
  if (size === 0) return null
  const keep = random.pick([0, random.int(size), Math.max(0, size - 1 - random.int(64))])
  truncateSync(path, keep)
  return `cut from ${size} to ${keep} bytes`
})

const zero = withOneOf((path, kind, random) => {
  const bytes = readFileSync(path)
  if (bytes.byteLength === 0) return null
  const sectorBytes = random.pick([512, 4096])
  const at = placeIn(kind, bytes, random)
  const start = at - (at % sectorBytes)
  bytes.fill(0, start, Math.min(bytes.byteLength, start + sectorBytes))
  writeFileSync(path, bytes)
  return `${sectorBytes} bytes zeroed at ${start} of ${bytes.byteLength}`
})

const remove = withOneOf((path) => {
  rmSync(path)
  return 'deleted'
})

const swap: FileDamage = ({ directory }, random) => {
  const targets = targetsIn(directory)
  const [a, b] = [pickTarget(targets, random), pickTarget(targets, random)]
  const [pathA, pathB] = [join(directory, a.path), join(directory, b.path)]
  const [bytesA, bytesB] = [readFileSync(pathA), readFileSync(pathB)]
  if (bytesA.equals(bytesB)) return null
  writeFileSync(pathA, bytesB)
  writeFileSync(pathB, bytesA)
  return { kinds: [a.kind, b.kind], words: `${a.path} and ${b.path} swapped` }
}

/** A file of the same name from an earlier time. */
const older: FileDamage = ({ directory, earlier }, random) => {
  const isOlder = ({ path }: Target) =>
    existsSync(join(earlier, path)) && !readFileSync(join(earlier, path)).equals(readFileSync(join(directory, path)))
  const targets = targetsIn(directory).filter(isOlder)
  if (targets.length === 0) return null
  const { kind, path } = pickTarget(targets, random)
  copyFileSync(join(earlier, path), join(directory, path))
  return { kinds: [kind], words: `${path} as it was earlier` }
}

/** A file of another node, with the name of one that is here. */
const foreignFile: FileDamage = ({ directory, other }, random) => {
  const target = pickTarget(targetsIn(directory), random)
  const theirs = targetsIn(other).filter(({ kind }) => kind === target.kind)
  if (theirs.length === 0) return null
  const { path } = random.pick(theirs)
  copyFileSync(join(other, path), join(directory, target.path))
  return { kinds: [target.kind], words: `${target.path} replaced by ${path} of another node` }
}

/** The directory of some other program, of which some names may be those of ours. */
const foreignDirectory: FileDamage = ({ directory }, random) => {
  rmSync(directory, { recursive: true })
  const names = ['PG_VERSION', 'base/1/1247', 'notes.txt', 'log/error.log', 'snapshots/1.img', 'synced']
  const chosen = ['PG_VERSION', ...random.shuffled(names).slice(0, 1 + random.int(4))]
  for (const name of chosen) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), Buffer.from(random.bytes(1 + random.int(2000))))
  }
  return { kinds: [], words: `another program's directory with ${[...new Set(chosen)].join(', ')}` }
}

/** The whole directory as it was: nothing in it can tell. Kept to show that the judge sees it. */
const olderDirectory: FileDamage = ({ directory, earlier }) => {
  rmSync(directory, { recursive: true })
  mkdirSync(directory)
  for (const name of readdirSync(earlier, { recursive: true, withFileTypes: true })) {
    const path = relative(earlier, join(name.parentPath, name.name))
    if (name.isDirectory()) mkdirSync(join(directory, path), { recursive: true })
    else {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      copyFileSync(join(earlier, path), join(directory, path))
    }
  }
  return { kinds: [], words: 'the whole directory as it was earlier' }
}

export const FILE_DAMAGES = {
  flip,
  cut,
  zero,
  swap,
  delete: remove,
  older,
  'foreign-file': foreignFile,
  'foreign-directory': foreignDirectory,
  'older-directory': olderDirectory,
} as const satisfies Record<string, FileDamage>
