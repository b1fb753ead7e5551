import { type EventType, type HistoryEvent, NEMESIS } from '../types.js'
import { type Amount, type Ask, parseAsk, parseAsks } from './amounts.js'

/** An invocation with what came of it. */
export interface Operation {
  readonly workload: string
  readonly process: number
  readonly f: string
  readonly name: string
  readonly invoke: HistoryEvent
  /** Null if nobody ever heard of it again. */
  readonly completion: HistoryEvent | null
  readonly outcome: Exclude<EventType, 'invoke'>
  /** What its process noted meanwhile. */
  readonly notes: readonly HistoryEvent[]
}

/** A lock that was granted, and what its holder did with it. */
export interface Hold {
  readonly name: string
  readonly amount: Amount
  /** Null if the client does not learn it. */
  readonly token: number | null
  readonly acquire: Operation
  readonly granted: HistoryEvent
  readonly release: Operation | null
  readonly endNote: HistoryEvent | null
  /** The client rightly believes to hold from `granted.time` until here. */
  readonly believedUntil: number
}

export interface ReadHistory {
  readonly operations: readonly Operation[]
  readonly holds: readonly Hold[]
  /** Notes of clients that belong to no open operation or hold are here as well. */
  readonly notes: readonly HistoryEvent[]
}

/** The history contradicts itself: a fault of the harness, not of the locks. */
export class MalformedHistory extends Error {
  override readonly name = 'MalformedHistory'
}

const OPERATIONS: ReadonlySet<string> = new Set([
  'acquire',
  'release',
  'write',
  'write-fenced',
  'check',
  'force',
  'freeze',
  'thaw',
  'resize',
])

/** True if the line is a note and neither opens nor closes an operation. */
export function isNote(event: HistoryEvent): boolean {
  return event.type === 'info' && !OPERATIONS.has(event.f)
}

export function numberOf(event: HistoryEvent | null, key: string): number | null {
  const value = event?.value[key]
  return typeof value === 'number' ? value : null
}

export function textOf(event: HistoryEvent | null, key: string): string | null {
  const value = event?.value[key]
  return typeof value === 'string' ? value : null
}

/** Keys of clients and locks: two workloads share neither. */
export const lockKey = ({ workload, value }: HistoryEvent): string => `${workload}/${value.name ?? ''}`

interface OpenOperation {
  readonly invoke: HistoryEvent
  readonly notes: HistoryEvent[]
}

interface OpenHold extends Ask {
  readonly token: number | null
  readonly acquire: Operation
  readonly granted: HistoryEvent
  release: Operation | null
  endNote: HistoryEvent | null
}

/** Pairs the lines of the history. Throws MalformedHistory. */
export function readHistory(events: readonly HistoryEvent[]): ReadHistory {
  const reader = new Reader()
  for (const event of events) if (event.process !== NEMESIS) reader.read(event)
  return reader.finish()
}

class Reader {
  readonly #operations: Operation[] = []
  readonly #holds: OpenHold[] = []
  readonly #notes: HistoryEvent[] = []
  readonly #open = new Map<number, OpenOperation>()
  /** By process, lock and token. */
  readonly #lastHold = new Map<string, OpenHold>()
  #time = Number.NEGATIVE_INFINITY

  read(event: HistoryEvent): void {
    if (event.time < this.#time) throw new MalformedHistory(`time runs backwards: ${JSON.stringify(event)}`)
    this.#time = event.time
    const open = this.#open.get(event.process)
    if (isNote(event)) this.#note(event, open)
    else if (event.type === 'invoke') this.#invoke(event, open)
    else this.#complete(event, open)
  }

  finish(): ReadHistory {
    for (const { invoke, notes } of this.#open.values()) this.#add(invoke, null, notes)
    return { operations: this.#operations, holds: this.#holds.map(closed), notes: this.#notes }
  }

  #note(event: HistoryEvent, open: OpenOperation | undefined): void {
    this.#notes.push(event)
    open?.notes.push(event)
    if (event.f !== 'hold-end') return
    const hold = this.#holdOf(event)
    if (hold !== undefined) hold.endNote ??= event
  }

  #invoke(event: HistoryEvent, open: OpenOperation | undefined): void {
    if (open !== undefined) {
      throw new MalformedHistory(`process ${event.process} has two open operations: ${JSON.stringify(event)}`)
    }
    this.#open.set(event.process, { invoke: event, notes: [] })
  }

  #complete(event: HistoryEvent, open: OpenOperation | undefined): void {
    if (open === undefined || open.invoke.f !== event.f || open.invoke.value.name !== event.value.name) {
      throw new MalformedHistory(`completes nothing that is open: ${JSON.stringify(event)}`)
    }
    this.#open.delete(event.process)
    this.#add(open.invoke, event, open.notes)
  }

  #add(invoke: HistoryEvent, completion: HistoryEvent | null, notes: readonly HistoryEvent[]): void {
    const { workload, process, f, value } = invoke
    const outcome = completion === null || completion.type === 'invoke' ? 'info' : completion.type
    const operation: Operation = { workload, process, f, name: value.name ?? '', invoke, completion, outcome, notes }
    this.#operations.push(operation)
    if (f === 'acquire' && completion !== null && outcome === 'ok') {
      const tokens = tokensOf(completion)
      for (const [index, ask] of asksOf(operation).entries()) {
        const token = tokens[index] ?? null
        const hold: OpenHold = { ...ask, token, acquire: operation, granted: completion, release: null, endNote: null }
        this.#holds.push(hold)
        for (const key of holderKeys({ workload, process, name: ask.name, token })) this.#lastHold.set(key, hold)
      }
    } else if (f === 'release') {
      const hold = this.#holdOf(invoke)
      if (hold !== undefined) hold.release ??= operation
    }
  }

  #holdOf({ workload, process, value: { name = '', token } }: HistoryEvent): OpenHold | undefined {
    for (const key of holderKeys({ workload, process, name, token: token ?? null })) {
      const hold = this.#lastHold.get(key)
      if (hold !== undefined) return hold
    }
    return undefined
  }
}

/** A client that has several holds may go by another number since: then the token says which one is meant. */
function holderKeys(of: { workload: string; process: number; name: string; token: number | null }): readonly string[] {
  const { workload, process, name, token } = of
  const own = `${process} ${workload}/${name} ${token ?? ''}`
  return token === null ? [own] : [own, `${workload}/${name} ${token}`]
}

/** What an `acquire` asks for: one name, or several at once. */
export function asksOf({ invoke, name }: Operation): readonly Ask[] {
  const names = textOf(invoke, 'names')
  if (names !== null) return parseAsks(names)
  const amount = textOf(invoke, 'amount')
  return [amount === null ? { name, amount: 'exclusive' } : parseAsk(`${name}@${amount}`)]
}

/** In the order asked. */
export function tokensOf(completion: HistoryEvent): readonly number[] {
  const tokens = textOf(completion, 'tokens')
  if (tokens !== null) return tokens.split(' ').map(Number)
  return completion.value.token === undefined ? [] : [completion.value.token]
}

function closed({ name, amount, token, acquire, granted, release, endNote }: OpenHold): Hold {
  const ends = [release?.invoke.time, numberOf(endNote, 'until') ?? endNote?.time]
  const known = ends.filter((end) => end !== undefined)
  // Whoever says nothing about the end is believed to have believed for no time at all.
  const believedUntil = known.length === 0 ? granted.time : Math.min(...known)
  return { name, amount, token, acquire, granted, release, endNote, believedUntil }
}

/** All lines of one hold, in no order. */
export function eventsOfHold({ acquire, release, endNote }: Hold): HistoryEvent[] {
  const events = [...eventsOf(acquire), ...(release === null ? [] : eventsOf(release))]
  return endNote === null ? events : [...events, endNote]
}

export function eventsOf({ invoke, completion, notes }: Operation): HistoryEvent[] {
  return [invoke, ...notes, ...(completion === null ? [] : [completion])]
}

export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}
