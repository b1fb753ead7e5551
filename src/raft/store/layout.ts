/**
 * Names in a data directory:
 *
 *   FORMAT      which program and version wrote this directory, and whether its creation was completed
 *   log/        LevelDB: blocks of entries, the meta record, small records
 *   synced      the journal: what had been synced, written apart from LevelDB's own log (rules.md, Storage)
 *   snapshots/  <index>-<term>.snap
 *   seed        a saved snapshot that the cluster is to begin from; only until it has begun
 */
import { readUint64, writeUint64 } from './codec.js'

export const FORMAT_FILE = 'FORMAT'
export const LOG_DIRECTORY = 'log'
/** LevelDB's own lock file inside `log/`. Never opened here: closing any descriptor of it would drop the lock. */
export const LEVELDB_LOCK_FILE = 'LOCK'
/** Names LevelDB's manifest, the list of its files. */
export const LEVELDB_CURRENT_FILE = 'CURRENT'
export const LEVELDB_FIRST_MANIFEST = 'MANIFEST-000001\n'
export const JOURNAL_FILE = 'synced'
export const SNAPSHOT_DIRECTORY = 'snapshots'
export const SEED_FILE = 'seed'
export const SEED_TEMPORARY_FILE = `${SEED_FILE}.tmp`

const BLOCK_PREFIX = 0x65 // 'e'
const META_PREFIX = 0x6d // 'm'
const RECORD_PREFIX = 0x72 // 'r'
const BLOCK_KEY_BYTES = 9

export const META_KEY: Buffer = Buffer.from([META_PREFIX])

/** Big-endian and of fixed width, so that LevelDB's byte order is index order. */
export function blockKey(firstIndex: number): Buffer {
  const key = Buffer.alloc(BLOCK_KEY_BYTES)
  key[0] = BLOCK_PREFIX
  writeUint64(key, firstIndex, 1)
  return key
}

export function recordKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([RECORD_PREFIX]), Buffer.from(name, 'utf8')])
}

export type ParsedKey =
  | { readonly kind: 'block'; readonly firstIndex: number }
  | { readonly kind: 'meta' }
  | { readonly kind: 'record'; readonly name: string }

/** What a LevelDB key stands for, or null if no key of ours looks like this. */
export function parseKey(key: Buffer): ParsedKey | null {
  if (key[0] === RECORD_PREFIX) return { kind: 'record', name: key.toString('utf8', 1) }
  if (key.equals(META_KEY)) return { kind: 'meta' }
  const isBlock = key[0] === BLOCK_PREFIX && key.byteLength === BLOCK_KEY_BYTES && key.readUInt32BE(1) <= 0x1f_ffff
  return isBlock ? { kind: 'block', firstIndex: readUint64(key, 1) } : null
}
