/** The golden files: one folder a release, in it one file a group. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Golden, Group, Kind } from './group.js'
import { DISK } from './groups/disk.js'
import { LOG } from './groups/log.js'
import { PEERS } from './groups/peers.js'
import { SNAPSHOTS } from './groups/snapshot.js'
import { bytesOf, hexOf, type Json } from './plain.js'

export const GROUPS: readonly Group[] = [LOG, DISK, SNAPSHOTS, PEERS]
const HERE = import.meta.dirname
const NAME = /^v\d+(\.\d+)*$/

interface StoredGolden {
  readonly name: string
  readonly value: Json
  readonly bytes: string
}

/** Folders of this one that hold a release's files. */
export const releases = (): string[] =>
  readdirSync(HERE)
    .filter((name) => NAME.test(name))
    .sort()

/** Nothing, if the group came later than the release. */
export function readGolden(release: string, { file }: Group): Golden[] {
  const path = join(HERE, release, file)
  if (!existsSync(path)) return []
  const stored = JSON.parse(readFileSync(path, 'utf8')) as readonly StoredGolden[]
  return stored.map(({ name, value, bytes }) => ({ name, value, bytes: bytesOf(bytes) }))
}

/** The kind by which an example is read: its name begins with the kind's. */
export function kindOf({ kinds }: Group, { name }: Pick<Golden, 'name'>): Kind {
  const found = kinds.find((kind) => name.startsWith(`${kind.name}: `))
  if (found === undefined) throw new Error(`nothing here reads "${name}"`)
  return found
}

export async function specimensOf({ kinds }: Group): Promise<Golden[]> {
  return (await Promise.all(kinds.map((kind) => kind.specimens()))).flat()
}

/** What was released stays as it was: throws if the files are there. */
export async function writeRelease(release: string): Promise<void> {
  const folder = join(HERE, release)
  if (!NAME.test(release)) throw new Error(`${release}: a release is named like v1`)
  if (existsSync(folder)) throw new Error(`${folder} is there already: files of a release are never made again`)
  const files = await Promise.all(GROUPS.map(async (group) => [group.file, await specimensOf(group)] as const))
  mkdirSync(folder)
  for (const [file, specimens] of files) {
    const stored = specimens.map(({ name, value, bytes }) => ({ name, value, bytes: hexOf(bytes) }))
    writeFileSync(join(folder, file), `${JSON.stringify(stored, null, 1)}\n`)
  }
}
