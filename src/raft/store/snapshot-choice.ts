/** Which of the snapshot files in a directory belong to the log beside them. Pure, like the rest of recovery. */
import type { Entry, Index, Term } from '../core/types.js'
import type { LogPoint } from './meta.js'

export interface SnapshotName {
  readonly index: Index
  readonly term: Term
}

const NAME = /^(\d{1,16})-(\d{1,16})\.snap$/

export const snapshotFileName = ({ index, term }: SnapshotName): string => `${index}-${term}.snap`

export const sameSnapshot = (a: SnapshotName, b: SnapshotName): boolean => a.index === b.index && a.term === b.term

export function parseSnapshotFileName(file: string): SnapshotName | null {
  const match = NAME.exec(file)
  return match === null ? null : { index: Number(match[1]), term: Number(match[2]) }
}

export interface LogExtent {
  readonly prev: LogPoint
  readonly last: LogPoint
  readonly entries: readonly Entry[]
}

/**
 * A snapshot that was received but not yet installed when the process ended reaches beyond the log, or contradicts it.
 * Such a file is a leftover: the leader will send another. Snapshots older than the log belong to it.
 */
export function isOfLog(name: SnapshotName, log: LogExtent): boolean {
  if (name.index < log.prev.index) return true
  if (name.index > log.last.index) return false
  const term = name.index === log.prev.index ? log.prev.term : log.entries[name.index - log.prev.index - 1]?.term
  return name.term === term
}

/** The newest first. */
export const newestFirst = (a: SnapshotName, b: SnapshotName): number => b.index - a.index || b.term - a.term
