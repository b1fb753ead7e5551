import type { Finding } from '../types.js'
import { type Amount, exclude } from './amounts.js'
import { asWaiter, overtaking, type Waiter } from './fifo.js'
import { asksOf, eventsOf, groupBy, type Operation, type ReadHistory, tokensOf } from './operations.js'

/** A request for several names gets all of them or none, with one token a name, in the order asked. */
export function checkAllOrNothing({ operations, notes }: ReadHistory): Finding[] {
  const several = operations.filter(({ f, invoke }) => f === 'acquire' && invoke.value.names !== undefined)
  const finding = (what: string, operation: Operation): Finding => {
    return { check: 'all-or-nothing', what: `${operation.invoke.value.names}: ${what}`, events: eventsOf(operation) }
  }
  const answers = several.flatMap((operation) => {
    const { completion, outcome } = operation
    if (outcome !== 'ok' || completion === null) return []
    const tokens = tokensOf(completion)
    const [asked, given] = [asksOf(operation).length, tokens.length]
    if (asked !== given) return [finding(`${given} of ${asked} names were granted`, operation)]
    const isInOrder = tokens.every((token, index) => index === 0 || token > (tokens[index - 1] ?? 0))
    return isInOrder ? [] : [finding('the tokens are not in the order in which the names were asked', operation)]
  })
  const parts = notes.filter(({ f }) => f === 'held-in-part')
  return [
    ...answers,
    ...parts.map((note) => ({
      check: 'all-or-nothing',
      what: `${note.value.names}: a part of it is held`,
      events: [note],
    })),
  ]
}

interface Party {
  readonly operation: Operation
  readonly amount: Amount
  readonly token: number
}

interface WaitingParty extends Waiter {
  readonly amount: Amount
}

/**
 * Nobody passes an earlier waiter whom that would delay, be it one that waits for several names. Who was told `queued` before
 * somebody else asked, stands before that one at each of its names, as though it had been granted already.
 */
export function checkPassing({ operations }: ReadHistory): Finding[] {
  const waiters = new Map<string, WaitingParty[]>()
  const served = new Map<string, Party[]>()
  const put = <T>(map: Map<string, T[]>, name: string, one: T): void =>
    void map.set(name, [...(map.get(name) ?? []), one])
  for (const operation of operations.filter(({ f }) => f === 'acquire')) {
    for (const [index, { name, amount }] of asksOf(operation).entries()) {
      const key = `${operation.workload}/${name}`
      const waiter = asWaiter(operation, index)
      if (waiter !== null) put(waiters, key, { ...waiter, amount })
      const token = operation.outcome === 'ok' && operation.completion !== null && tokensOf(operation.completion)[index]
      if (typeof token === 'number') put(served, key, { operation, amount, token })
    }
  }
  const findings = [...served].flatMap(([key, parties]) => passings(parties, waiters.get(key) ?? []))
  // Two names of one pair say it twice.
  return [...groupBy(findings, ({ what }) => what).values()].flatMap(([first]) => first ?? [])
}

function passings(served: readonly Party[], waiters: readonly WaitingParty[]): Finding[] {
  return served.flatMap(({ operation, amount, token }) => {
    const grantedAt = operation.completion?.time ?? Number.POSITIVE_INFINITY
    const passed = waiters.find((waiter) => {
      if (waiter.operation === operation || waiter.queuedAt >= operation.invoke.time) return false
      const isSingle = waiter.operation.name !== ''
      // Who waits for one name alone does not fit there, and then nobody behind it does.
      if (!isSingle && !exclude(waiter.amount, amount, limitOf(amount))) return false
      return token < waiter.token || grantedAt < waiter.waitedUntil
    })
    return passed === undefined ? [] : [overtaking(operation, passed)]
  })
}

const limitOf = (amount: Amount): number => (typeof amount === 'string' ? 0 : amount.limit)
