import { InvariantViolation } from '../../invariant.js'
import { StoreError } from '../ports/store.js'

/** What to do about a directory that must no longer be used: its member may have acknowledged what is lost. */
const REJOIN =
  'This node must not run with it, because it may have acknowledged what is lost. ' +
  'Remove the member (`tnl members remove NODE`), wipe this directory, and add it again with `tnl members add`.'

/** `where` names the file below the data directory, and the place in it if one is known. */
export function damaged(directory: string, where: string, what: string, cause?: unknown): StoreError {
  const message = `the data directory ${directory} is damaged: ${where}: ${what}. ${REJOIN}`
  return new StoreError('damaged', message, { cause })
}

export function foreign(directory: string, what: string): StoreError {
  return new StoreError(
    'foreign',
    `the data directory ${directory} ${what}. Nothing in it was changed; choose another directory with --data-dir.`,
  )
}

const DISK_FULL = /ENOSPC|EDQUOT|No space left on device|Disk quota exceeded/
/** LevelDB's messages for a database with a missing part, and for a table that ends too early. */
const MISSING_PART = /No such file or directory|does not exist|ENOENT|\.ldb: Invalid argument/

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Translates a failure of the disk or of LevelDB. Broken invariants stay what they are. */
export function storeFailure(directory: string, doing: string, error: unknown): StoreError | InvariantViolation {
  if (error instanceof StoreError || error instanceof InvariantViolation) return error
  const code = codeOf(error)
  const words = error instanceof Error ? error.message : String(error)
  const cause = { cause: error }
  if (code === 'LEVEL_LOCKED') {
    return new StoreError('locked', `the data directory ${directory} is in use by another process (${words})`, cause)
  }
  if (code === 'LEVEL_CORRUPTION') return damaged(directory, 'log/', `LevelDB says "${words}"`, error)
  if (DISK_FULL.test(`${code} ${words}`)) {
    return new StoreError('disk-full', `the disk is full: ${doing} in ${directory} failed: ${words}`, cause)
  }
  return new StoreError('io', `${doing} in ${directory} failed: ${words}`, cause)
}

/** The same while an existing database is opened, when a file that is not there is damage too. */
export function openFailure(directory: string, error: unknown): StoreError | InvariantViolation {
  const failure = storeFailure(directory, 'opening the database', error)
  const isMissing = failure instanceof StoreError && failure.kind === 'io' && MISSING_PART.test(failure.message)
  return isMissing
    ? damaged(directory, 'log/', `a part of the database is missing: ${failure.message}`, error)
    : failure
}
