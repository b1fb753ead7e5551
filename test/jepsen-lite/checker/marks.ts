import type { Finding, HistoryEvent } from '../types.js'
import { eventsOf, groupBy, type Operation, type ReadHistory, textOf } from './operations.js'

/** What became of one done-mark: who asked with it, who ran, who set it. */
interface Marked {
  readonly key: string
  /** Granted: the work is to be run. */
  readonly granted: readonly Operation[]
  /** Answered `done`. */
  readonly done: readonly Operation[]
  /** Releases that say that it is done. */
  readonly releases: readonly Operation[]
  /** The work came to its end with success. */
  readonly runs: readonly HistoryEvent[]
}

/**
 * The work of a key runs once while nobody dies, and again only where nobody knows whether the mark was set. A mark is never
 * invented: somebody must have had success and said so under a hold that was current.
 */
export function checkMarks(read: ReadHistory): Finding[] {
  return markedOf(read).flatMap((mark) => [...runsAfterMark(mark), ...inventedMarks(mark)])
}

function markedOf({ operations, notes }: ReadHistory): Marked[] {
  const withKey = operations.filter(({ invoke }) => textOf(invoke, 'once') !== null)
  return [...groupBy(withKey, ({ workload, invoke }) => `${workload} ${textOf(invoke, 'once')}`).values()].map(
    (group) => {
      const key = textOf(group[0]?.invoke ?? null, 'once') ?? ''
      const acquires = group.filter(({ f }) => f === 'acquire')
      return {
        key,
        granted: acquires.filter(({ outcome }) => outcome === 'ok'),
        done: acquires.filter(
          ({ outcome, completion }) => outcome === 'fail' && textOf(completion, 'reason') === 'done',
        ),
        releases: group.filter(({ f, invoke }) => f === 'release' && invoke.value.done === true),
        runs: notes.filter(({ f, value }) => f === 'run' && value.once === key),
      }
    },
  )
}

/** Whoever asks when the mark is there must be told `done`. */
function runsAfterMark({ key, granted, done, releases, runs }: Marked): Finding[] {
  const told = done.flatMap(({ completion }) => completion ?? [])
  const released = releases.flatMap(({ outcome, completion }) =>
    outcome === 'ok' && completion !== null ? [completion] : [],
  )
  const [first] = [...told, ...released].sort((a, b) => a.time - b.time)
  if (first === undefined) return []
  return granted
    .filter(({ invoke }) => invoke.time > first.time)
    .map((again) => ({
      check: 'marks',
      what: `${key} was granted to be run again after it was marked`,
      events: [first, ...eventsOf(again), ...runs],
    }))
}

/** Of each `done`: some release that can have set the mark was sent before the answer came, after a run, and was not refused. */
function inventedMarks({ key, done, releases, runs }: Marked): Finding[] {
  return done.flatMap((answer) => {
    const before = (event: HistoryEvent): boolean => event.time <= (answer.completion?.time ?? 0)
    const setters = releases.filter(({ invoke, outcome }) => outcome !== 'fail' && before(invoke))
    const right = setters.filter(({ invoke }) =>
      runs.some(({ value, time }) => value.token === invoke.value.token && time <= invoke.time),
    )
    if (right.length > 0) return []
    return [
      {
        check: 'marks',
        what: `${key} is said to be done, and nobody can have marked it`,
        events: [...eventsOf(answer), ...releases.flatMap(eventsOf), ...runs],
      },
    ]
  })
}
