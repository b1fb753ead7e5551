import { type Found, isOfTheLog, LogState } from './log-state.js'
import { type Operation, type SnapshotRef, snapshotDigest } from './operations.js'

/**
 * What a directory may and must contain: a start that was seen, all operations offered to the store since, and which of
 * them were acknowledged. The log runs them in order, so it ends after one of the operations from the last acknowledged
 * one on to the last offered one.
 */
export class History {
  #start: Found
  #offered: Operation[] = []
  #acknowledged = new Set<number>()
  /** Ever offered, as `index-term`; files of earlier lives too. */
  readonly #snapshots = new Set<string>()
  #newestSaved = 0

  constructor(start: Found) {
    this.#start = start
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  offer(number: number, operation: Operation): void {
    this.#offered[number] = operation
    if (operation.kind === 'save' || operation.kind === 'receive') this.#snapshots.add(nameOf(operation.snapshot))
  }

  acknowledge(number: number): void {
    this.#acknowledged.add(number)
    const operation = this.#offered[number]
    if (operation?.kind === 'save') this.#newestSaved = Math.max(this.#newestSaved, operation.snapshot.index)
  }

  /** A new life begins with what was found, which `differences` has found to be right. */
  begin(found: Found): void {
    this.#start = found
    this.#offered = []
    this.#acknowledged = new Set()
  }

  /**
   * How `found` differs from everything that it may be; empty if it is right. `lacksSnapshot`: a snapshot file was
   * damaged, so that an older one will do if the log begins early enough to go on from there.
   */
  differences(found: Found, lacksSnapshot = false): string[] {
    const state = new LogState(this.#start)
    const log = this.#offered.map((operation, number) => ({ operation, number })).filter((o) => isOfTheLog(o.operation))
    const lastAcknowledged = log.findLastIndex(({ number }) => this.#acknowledged.has(number))
    for (const { operation } of log.slice(0, lastAcknowledged + 1)) state.apply(operation)
    const snapshotAtLeast = lacksSnapshot ? 0 : this.#newestSaved
    const acknowledged = [...logDifferences(state, found), ...this.#snapshotDifferences(found, snapshotAtLeast, state)]
    if (acknowledged.length === 0) return []
    for (const { operation } of log.slice(lastAcknowledged + 1)) {
      state.apply(operation)
      const differences = [...logDifferences(state, found), ...this.#snapshotDifferences(found, snapshotAtLeast, state)]
      if (differences.length === 0) return []
    }
    return acknowledged
  }

  #snapshotDifferences({ snapshot, prevIndex }: Found, atLeast: number, { installed }: LogState): string[] {
    const index = snapshot?.index ?? 0
    const differences: string[] = []
    if (index < Math.max(atLeast, installed)) differences.push(`snapshot ${Math.max(atLeast, installed)} is gone`)
    if (index < prevIndex) differences.push(`the log starts after ${prevIndex}, the newest snapshot is of ${index}`)
    if (snapshot === null) return differences
    if (!this.#snapshots.has(nameOf(snapshot))) differences.push(`snapshot ${index} was never written`)
    else if (snapshot.digest !== snapshotDigest(snapshot)) differences.push(`snapshot ${index} has other contents`)
    return differences
  }
}

const nameOf = ({ index, term }: SnapshotRef): string => `${index}-${term}`

const inOrder = (value: object | null): string => JSON.stringify(Object.entries(value ?? {}).sort())

/** Each as a sentence; empty if this is the log that was expected. */
function logDifferences(expected: LogState, found: Found): string[] {
  const differences: string[] = []
  const compare = (what: string, a: string, b: string) => {
    if (a !== b) differences.push(`${what}: expected ${a}, found ${b}`)
  }
  compare('hard state', inOrder(expected.hardState), inOrder(found.hardState))
  compare('identity', inOrder(expected.identity), inOrder(found.identity))
  compare('records', inOrder(Object.fromEntries(expected.records)), inOrder(found.records))
  const foundLast = found.prevIndex + found.entries.length
  compare('last entry', String(expected.lastIndex), String(foundLast))
  if (found.prevIndex < expected.prevIndex || found.prevIndex > expected.compactedTo) {
    differences.push(`the log starts after ${found.prevIndex}, not ${expected.prevIndex} to ${expected.compactedTo}`)
    return differences
  }
  compare('term before the log', String(expected.termAt(found.prevIndex)), String(found.prevTerm))
  const skipped = found.prevIndex - expected.prevIndex
  found.entries.forEach((entry, i) => {
    const wanted = expected.entries[skipped + i]
    if (wanted === undefined || differences.length > 5) return
    compare(`entry ${found.prevIndex + 1 + i}`, `${wanted.term} ${wanted.digest}`, `${entry.term} ${entry.digest}`)
  })
  return differences
}
