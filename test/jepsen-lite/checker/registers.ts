import type { Finding, HistoryEvent } from '../types.js'
import { eventsOf, eventsOfHold, groupBy, type Hold, numberOf, type Operation, type ReadHistory } from './operations.js'

/** A read-modify-write that the register took. */
interface Write {
  readonly operation: Operation
  readonly read: number
  readonly version: number
  readonly token: number
  readonly time: number
  /** The hold under which it was written, if that is known. */
  readonly hold: Hold | undefined
}

/** What tokens are for, in numbers. */
export interface RegisterErrors {
  readonly writes: number
  /** Refused because a greater token had been seen. */
  readonly refused: number
  /** Writes that lost somebody else's. */
  readonly lost: number
  /** How long after the end of its belief the latest writer wrote. */
  readonly latestMs: number
}

/** The register without a guard is right as long as everybody who writes rightly believes to hold. */
export function checkUnguarded(history: ReadHistory): Finding[] {
  const registers = groupBy(writesOf(history, 'write'), ({ operation }) => registerKey(operation))
  return [...registers.values()].flatMap((writes) => {
    const versions = new Map(writes.map((write) => [write.version, write]))
    const believing = writes.filter((write) => isLost(write) && believes(write))
    return believing.flatMap((write) => {
      const between = versionsBetween(write).flatMap((version) => versions.get(version) ?? [])
      const rival = between.find((other) => other.hold !== write.hold && believes(other))
      return rival === undefined
        ? []
        : [finding('unguarded-register', 'two who believed to hold wrote', [write, rival])]
    })
  })
}

/** The register that compares tokens is never wrong, whoever writes. */
export function checkFenced(history: ReadHistory): Finding[] {
  const registers = groupBy(writesOf(history, 'write-fenced'), ({ operation }) => registerKey(operation))
  return [...registers.values()].flatMap((writes) => {
    const byVersion = [...writes].sort((a, b) => a.version - b.version)
    return byVersion.flatMap((write, index) => {
      const before = byVersion[index - 1]
      if (before !== undefined && (before.token > write.token || before.version === write.version)) {
        return [finding('fenced-register', `took token ${write.token} after ${before.token}`, [before, write])]
      }
      const lost = before === undefined ? [write] : [before, write]
      return isLost(write) ? [finding('fenced-register', 'lost a write', lost)] : []
    })
  })
}

export function registerErrors(history: ReadHistory, f: 'write' | 'write-fenced'): RegisterErrors {
  const writes = writesOf(history, f)
  const lost = writes.filter(isLost)
  const late = lost.map((write) => (write.time - (write.hold?.believedUntil ?? write.time)) / 1e6)
  const refused = history.operations.filter((operation) => operation.f === f && operation.outcome === 'fail').length
  return { writes: writes.length, refused, lost: lost.length, latestMs: late.reduce((a, b) => Math.max(a, b), 0) }
}

function writesOf({ operations, holds }: ReadHistory, f: string): Write[] {
  const holdOf = new Map(holds.map((hold) => [writerKey(hold.granted, hold.token), hold]))
  return operations.flatMap((operation) => {
    const { completion, outcome, invoke } = operation
    const [read, version, token] = [numberOf(completion, 'read'), numberOf(completion, 'version'), invoke.value.token]
    if (operation.f !== f || outcome !== 'ok' || completion === null) return []
    if (read === null || version === null || token === undefined) return []
    return [{ operation, read, version, token, time: completion.time, hold: holdOf.get(writerKey(invoke, token)) }]
  })
}

const writerKey = ({ workload, process, value }: HistoryEvent, token: number | null): string =>
  JSON.stringify([workload, process, value.name, token])
const registerKey = ({ workload, name }: Operation): string => `${workload}/${name}`
const isLost = ({ read, version }: Write): boolean => version !== read + 1

const believes = ({ operation, hold, time }: Write): boolean =>
  hold !== undefined && hold.granted.time <= operation.invoke.time && time <= hold.believedUntil

function versionsBetween({ read, version }: Write): number[] {
  return Array.from({ length: Math.max(0, version - read - 1) }, (_, index) => read + 1 + index)
}

const finding = (check: string, what: string, writes: readonly Write[]): Finding => ({
  check,
  what: `${writes[0]?.operation.name ?? ''}: ${what}`,
  events: writes.flatMap(({ hold, operation }) => [
    ...(hold === undefined ? [] : eventsOfHold(hold)),
    ...eventsOf(operation),
  ]),
})
