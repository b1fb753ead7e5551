import type { Finding } from '../types.js'
import { eventsOf, type Operation, type ReadHistory, textOf } from './operations.js'

/** When a prefix was frozen for certain, and when it may have been. */
interface Freeze {
  readonly workload: string
  readonly prefix: string
  readonly freeze: Operation
  readonly thaw: Operation | null
  readonly certainFrom: number
  readonly certainTo: number
  readonly possibleFrom: number
  readonly possibleTo: number
}

interface Granted {
  readonly operation: Operation
  readonly name: string
  readonly token: number
  readonly invokedAt: number
  readonly toldAt: number
}

/** Between `frozen` and the next `thaw` nothing under the prefix is granted; and nobody is refused for a freeze that there is not. */
export function checkFreezes({ operations, holds }: ReadHistory): Finding[] {
  const freezes = freezesOf(operations)
  const grants = holds.flatMap(({ acquire, name, token, granted }): Granted[] =>
    token === null ? [] : [{ operation: acquire, name, token, invokedAt: acquire.invoke.time, toldAt: granted.time }],
  )
  return [...freezes.flatMap((freeze) => grantsUnder(freeze, grants)), ...refusalsWithout(freezes, operations)]
}

function freezesOf(operations: readonly Operation[]): Freeze[] {
  const ofPrefix = operations.filter(({ f, outcome }) => (f === 'freeze' || f === 'thaw') && outcome !== 'fail')
  return ofPrefix.flatMap((freeze) => {
    if (freeze.f !== 'freeze') return []
    const prefix = textOf(freeze.invoke, 'prefix') ?? ''
    const later = ofPrefix.filter(({ f, workload, invoke }) => {
      return (
        f === 'thaw' &&
        workload === freeze.workload &&
        textOf(invoke, 'prefix') === prefix &&
        invoke.time >= freeze.invoke.time
      )
    })
    const thaws = later.sort((a, b) => a.invoke.time - b.invoke.time)
    // It ends with the first thaw that may have taken effect, and at the latest with the first that certainly has.
    const [first = null] = thaws
    const certain = thaws.find(({ outcome }) => outcome === 'ok')
    // An earlier thaw of which nobody heard again may come at any time.
    const isDoubtful = ofPrefix.some(({ f, workload, invoke, outcome }) => {
      const isEarlier = workload === freeze.workload && invoke.time < freeze.invoke.time
      return f === 'thaw' && outcome === 'info' && isEarlier && textOf(invoke, 'prefix') === prefix
    })
    return [
      {
        workload: freeze.workload,
        prefix,
        freeze,
        thaw: first,
        certainFrom: freeze.outcome === 'ok' && !isDoubtful ? (freeze.completion?.time ?? Infinity) : Infinity,
        certainTo: first?.invoke.time ?? Infinity,
        possibleFrom: freeze.invoke.time,
        possibleTo: freeze.outcome === 'ok' ? (certain?.completion?.time ?? Infinity) : Infinity,
      },
    ]
  })
}

/**
 * When a grant was made, its client does not know; but tokens are in the order of all grants. A grant whose token is above that
 * of one that was asked for under the freeze was made later than the freeze, and one below a token told before the thaw earlier.
 */
function grantsUnder(freeze: Freeze, grants: readonly Granted[]): Finding[] {
  const { workload, prefix, certainFrom, certainTo } = freeze
  const lowest = Math.min(...grants.filter(({ invokedAt }) => invokedAt >= certainFrom).map(({ token }) => token))
  const highest = Math.max(...grants.filter(({ toldAt }) => toldAt <= certainTo).map(({ token }) => token))
  const wrong = grants.filter(({ operation, name, token, invokedAt, toldAt }) => {
    if (operation.workload !== workload || !name.startsWith(prefix)) return false
    return (invokedAt >= certainFrom || token > lowest) && (toldAt <= certainTo || token < highest)
  })
  return wrong.map(({ operation, name, token }) => ({
    check: 'freezes',
    what: `${name} was granted under ${token} while ${prefix} was frozen`,
    events: [
      ...eventsOf(freeze.freeze),
      ...eventsOf(operation),
      ...(freeze.thaw === null ? [] : eventsOf(freeze.thaw)),
    ],
  }))
}

function refusalsWithout(freezes: readonly Freeze[], operations: readonly Operation[]): Finding[] {
  const refused = operations.filter(({ f, outcome, completion }) => {
    return f === 'acquire' && outcome === 'fail' && textOf(completion, 'reason') === 'frozen'
  })
  return refused.flatMap((operation) => {
    const { invoke, completion, name, workload } = operation
    const isExplained = freezes.some((freeze) => {
      const overlaps = freeze.possibleFrom <= (completion?.time ?? 0) && freeze.possibleTo >= invoke.time
      const names = textOf(invoke, 'names')?.split(' ') ?? [name]
      return freeze.workload === workload && overlaps && names.some((one) => one.startsWith(freeze.prefix))
    })
    return isExplained
      ? []
      : [{ check: 'freezes', what: `${name} was refused as frozen, and cannot have been`, events: eventsOf(operation) }]
  })
}
