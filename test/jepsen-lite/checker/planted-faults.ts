import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import type { HistoryEvent, HistoryValue } from '../types.js'
import { type Hold, readHistory, textOf } from './operations.js'

/** A way for a lock service to be wrong, shown in a history that was right. */
export interface PlantedFault {
  readonly what: string
  /** The check that has to find it. */
  readonly foundBy: string
  /** The wrong history, or null if this history offers no occasion. */
  plant(history: readonly HistoryEvent[], random: SeededRandom): HistoryEvent[] | null
}

/** Clients that the simulated histories do not have. */
const STRANGER = 1_000_000
const MS = 1e6

const event = (
  type: HistoryEvent['type'],
  f: string,
  time: number,
  value: HistoryValue,
  process = STRANGER,
): HistoryEvent => ({ type, process, f, value, time, workload: 'simulated' })

/** Asks, gets the token, holds and releases, all from `from` to `to`. */
function strangersHold(name: string, token: number, from: number, to: number, middle: HistoryEvent[] = []) {
  const step = (to - from) / 5
  return [
    event('invoke', 'acquire', from, { name, wait: 0 }),
    event('ok', 'acquire', from + step, { name, token }),
    ...middle,
    event('info', 'hold-end', from + 4 * step, { name, token, why: 'released' }),
    event('invoke', 'release', from + 4 * step, { name, token }),
    event('ok', 'release', to, { name, token }),
  ]
}

const added = (history: readonly HistoryEvent[], events: readonly HistoryEvent[]): HistoryEvent[] =>
  [...history, ...events].sort((a, b) => a.time - b.time)

const changed = (
  history: readonly HistoryEvent[],
  original: HistoryEvent,
  change: { type?: HistoryEvent['type']; value: HistoryValue },
): HistoryEvent[] =>
  history.map((one) =>
    one === original ? { ...one, type: change.type ?? one.type, value: { ...one.value, ...change.value } } : one,
  )

function pickFrom<T>(list: readonly T[], random: SeededRandom): T | null {
  return list.length === 0 ? null : random.pick(list)
}

const holdsOf = (history: readonly HistoryEvent[]): readonly Hold[] => readHistory(history).holds
const believed = ({ granted, believedUntil }: Hold): boolean => believedUntil > granted.time + 2 * MS
const tokenOf = ({ token }: Hold): number => token ?? 0
/** A token that no other grant has: tokens of simulated histories are whole numbers. */
const tokenAfter = (hold: Hold): number => tokenOf(hold) + 0.5

/** The same history, but every line about this hold tells another token. */
function withToken(history: readonly HistoryEvent[], hold: Hold, token: number): HistoryEvent[] {
  const { process } = hold.acquire
  return history.map((one) =>
    one.process === process && one.value.token === hold.token ? { ...one, value: { ...one.value, token } } : one,
  )
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    what: 'a lock is granted while its holder believes',
    foundBy: 'overlap',
    plant: (history, random) => {
      const hold = pickFrom(holdsOf(history).filter(believed), random)
      if (hold === null) return null
      const { name, granted, believedUntil } = hold
      return added(history, strangersHold(name, tokenAfter(hold), granted.time + MS / 2, believedUntil - MS / 2))
    },
  },
  {
    what: 'a new leader expires the session of a frozen client at once',
    foundBy: 'overlap',
    plant: (history, random) => {
      const frozen = holdsOf(history).filter(({ endNote }) => textOf(endNote, 'why') === 'deadline')
      const hold = pickFrom(frozen, random)
      if (hold === null) return null
      const from = hold.granted.time + 100 * MS
      return added(history, strangersHold(hold.name, tokenAfter(hold), from, from + 50 * MS))
    },
  },
  {
    what: 'a lock is granted before its release, to one who asks when nobody says that he believes',
    foundBy: 'linearizable',
    plant: (history, random) => {
      const released = holdsOf(history).filter((hold) => believed(hold) && hold.release?.outcome === 'ok')
      const hold = pickFrom(released, random)
      if (hold?.endNote == null) return null
      const { name, granted, acquire, believedUntil, endNote } = hold
      const classic = changed(history, endNote, { value: { until: acquire.invoke.time } })
      return added(classic, strangersHold(name, tokenAfter(hold), granted.time + MS / 2, believedUntil - MS / 2))
    },
  },
  {
    what: 'one who lost the lock long ago is told that he released it',
    foundBy: 'linearizable',
    plant: (history, random) => {
      const holds = holdsOf(history)
      const denied = holds.filter(
        (hold) =>
          hold.release?.outcome === 'fail' &&
          holds.some((other) => {
            const between = other.acquire.invoke.time > hold.believedUntil
            return other.name === hold.name && between && other.granted.time < (hold.release?.invoke.time ?? 0)
          }),
      )
      const completion = pickFrom(denied, random)?.release?.completion
      return completion == null ? null : changed(history, completion, { type: 'ok', value: { reason: null } })
    },
  },
  {
    what: 'somebody is told that a free lock is held',
    foundBy: 'linearizable',
    plant: (history) => {
      const first = history.find(({ f }) => f === 'acquire')
      if (first === undefined) return null
      const { name = '' } = first.value
      const [asked, told] = [first.time / 3, (2 * first.time) / 3]
      return added(history, [
        event('invoke', 'acquire', asked, { name, wait: 0 }),
        event('fail', 'acquire', told, { name, reason: 'held' }),
      ])
    },
  },
  {
    what: 'tokens of one lock run backwards',
    foundBy: 'tokens',
    plant: (history, random) => {
      const holds = holdsOf(history)
      const pairs = holds.flatMap((hold, index) => {
        const later = holds
          .slice(index + 1)
          .find(({ name, acquire }) => name === hold.name && acquire.invoke.time > hold.granted.time)
        return later === undefined ? [] : [[hold, later] as const]
      })
      const pair = pickFrom(pairs, random)
      return pair === null ? null : withToken(history, pair[1], tokenOf(pair[0]) - 0.5)
    },
  },
  {
    what: 'each lock counts its own tokens',
    foundBy: 'tokens',
    plant: (history) => {
      const first = holdsOf(history)[0]
      if (first === undefined) return null
      const from = (history.at(-1)?.time ?? 0) + MS
      return added(history, strangersHold('another-lock', tokenOf(first) + 0.5, from, from + MS))
    },
  },
  {
    what: 'two grants have the same token',
    foundBy: 'tokens',
    plant: (history, random) => {
      const holds = holdsOf(history)
      const index = 1 + random.int(holds.length - 1)
      const [before, hold] = [holds[index - 1], holds[index]]
      return before === undefined || hold === undefined ? null : withToken(history, hold, tokenOf(before))
    },
  },
  {
    what: 'a waiter is overtaken: its place was forgotten',
    foundBy: 'fifo',
    plant: (history, random) => {
      const waiters = holdsOf(history).flatMap((hold) => {
        const queued = hold.acquire.notes.find(({ f }) => f === 'queued')
        return queued !== undefined && queued.time < hold.granted.time ? [{ hold, queued }] : []
      })
      const waiter = pickFrom(waiters, random)
      if (waiter === null) return null
      const { hold, queued } = waiter
      const step = (hold.granted.time - queued.time) / 10
      const overtaker = strangersHold(hold.name, tokenOf(hold) - 0.5, queued.time + step, hold.granted.time - step)
      return added(history, overtaker)
    },
  },
  {
    what: 'a waiter waits until its time is over, while others are served',
    foundBy: 'fifo',
    plant: (history, random) => {
      const starved = readHistory(history).operations.flatMap(({ name, invoke, completion, notes }) => {
        const queued = notes.find(({ f }) => f === 'queued')
        const gaveUp = textOf(completion, 'reason') !== 'timeout' || notes.some(({ f }) => f === 'cancel')
        const wait = invoke.value.wait
        return gaveUp || queued === undefined || typeof wait !== 'number' ? [] : [{ name, queued, invoke, wait }]
      })
      const waiter = pickFrom(starved, random)
      if (waiter === null) return null
      const { name, queued, invoke, wait } = waiter
      const soon = invoke.time + 0.8 * wait * MS
      if (queued.time >= soon) return null
      return added(history, strangersHold(name, 0.5, queued.time + (soon - queued.time) / 4, soon))
    },
  },
  ...answersPlanted(),
  {
    what: 'two who believe write the same register',
    foundBy: 'unguarded-register',
    plant: (history, random) => {
      const writes = readHistory(history).operations.filter(({ f, outcome }) => f === 'write' && outcome === 'ok')
      const holds = holdsOf(history)
      const pairs = writes.flatMap((write) => {
        const { invoke, completion } = write
        const hold = holds.find(
          ({ acquire, token }) => acquire.process === write.process && token === invoke.value.token,
        )
        const inTime = hold !== undefined && completion !== null && completion.time <= hold.believedUntil
        return inTime && completion.time > invoke.time + 10 ? [{ hold, invoke, completion }] : []
      })
      const pair = pickFrom(pairs, random)
      if (pair === null) return null
      const { hold, invoke, completion } = pair
      const { name } = hold
      const version = Number(completion.value.version)
      const token = tokenAfter(hold)
      const step = (completion.time - invoke.time) / 5
      const rival = strangersHold(name, token, invoke.time, completion.time, [
        event('invoke', 'write', invoke.time + 2 * step, { name, token }),
        event('ok', 'write', invoke.time + 3 * step, { name, token, read: version - 1, version }),
      ])
      return added(changed(history, completion, { value: { version: version + 1 } }), rival)
    },
  },
  {
    what: 'the fenced register takes an old token',
    foundBy: 'fenced-register',
    plant: (history, random) => {
      const last = lastFencedWrite(history, random)
      return (
        last &&
        changed(changed(history, last.completion, { value: { token: 1 } }), last.invoke, { value: { token: 1 } })
      )
    },
  },
  {
    what: 'the fenced register loses a write',
    foundBy: 'fenced-register',
    plant: (history, random) => {
      const last = lastFencedWrite(history, random)
      if (last === null) return null
      const version = Number(last.completion.value.version)
      return changed(history, last.completion, { value: { read: version - 2 } })
    },
  },
]

/** Answers to repeated requests that differ. */
function answersPlanted(): PlantedFault[] {
  const repeated = (what: string, change: (answer: HistoryEvent) => HistoryValue): PlantedFault => ({
    what,
    foundBy: 'exactly-once',
    plant: (history, random) => {
      const answer = pickFrom(
        history.filter(({ f }) => f === 'answer'),
        random,
      )
      if (answer === null) return null
      return added(history, [
        event('info', 'answer', answer.time, { ...answer.value, ...change(answer) }, answer.process),
      ])
    },
  })
  return [
    repeated('a repeated request is refused after it was granted', () => ({ answer: 'not-granted' })),
    repeated('a repeated request is granted once more', ({ value }) => ({ token: (value.token ?? 0) + 0.5 })),
    repeated('one grant is told to two requests', () => ({ request: 1_000_000 })),
  ]
}

/** Of some lock, and not the first there. */
function lastFencedWrite(history: readonly HistoryEvent[], random: SeededRandom) {
  const writes = readHistory(history).operations.filter(({ f, outcome }) => f === 'write-fenced' && outcome === 'ok')
  const last = pickFrom(
    writes.filter(({ completion }) => Number(completion?.value.version) > 2),
    random,
  )
  return last?.completion == null ? null : { invoke: last.invoke, completion: last.completion }
}
