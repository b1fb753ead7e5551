/** `/v1/events?prefix=P&since=I.K`: what the session dialect's `watch` tells, as server-sent events. */
import { type Line, parseLine } from '../../protocol/line.js'
import type { NeutralReply } from '../../protocol/replies.js'
import { parseInteger } from '../../protocol/values.js'
import type { ClientReads } from '../../service/reads/client-reads.js'
import type { Position } from '../../service/reads/positions.js'
import type { Watcher } from '../../service/reads/watches.js'
import type { EventStream } from './event-stream.js'

/** A stream has one watch. */
const ONLY = 1

/** Keys of a line that are numbers in JSON. */
const NUMBERS: ReadonlySet<string> = new Set(['token', 'permits', 'limit', 'session', 'waiters', 'count', 'held-for'])

/** Writes what a watch says to a stream, line by line. */
class StreamWatcher implements Watcher {
  /** Of a gap whose listing is under way: of use only once all of that has arrived. */
  #gapAt: string | undefined

  constructor(private readonly stream: EventStream) {}

  get unsentBytes(): number {
    return this.stream.unsentBytes
  }

  say(reply: NeutralReply): void {
    for (const text of reply.split('\n')) {
      const line = text === '' ? null : parseLine(text)
      if (line !== null) this.#send(line)
    }
  }

  #send(line: Line): void {
    const { action } = line
    const at = line.get('at')
    const event = action === 'event' ? (line.get('type') ?? action) : action
    if (action === 'gap') this.#gapAt = at
    const id = action === 'end' ? this.#gapAt : action === 'gap' || action === 'lock' ? undefined : at
    this.stream.send({ ...(id === undefined ? {} : { id }), event, data: JSON.stringify(jsonOf(line)) })
  }
}

function jsonOf(line: Line): Readonly<Record<string, string | number>> {
  const values: Record<string, string | number> = {}
  for (const key of line.keys) {
    const value = line.get(key) ?? ''
    if (key === 'id' || key === 'type' || value === '') continue
    values[camelCase(key)] = NUMBERS.has(key) ? (parseInteger(value) ?? Number(value)) : value
  }
  return values
}

/** As `/v1/locks` has it. */
const camelCase = (key: string): string => key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** `since` null: from now on. Null: there are as many watches as there may be; else what ends this one. */
export function beginWatch(
  reads: ClientReads,
  stream: EventStream,
  prefix: string,
  since: Position | null,
): (() => void) | null {
  const watcher = new StreamWatcher(stream)
  const watch = reads.watches.add(watcher, ONLY, undefined, { text: prefix, isPrefix: true })
  if (watch === null) return null
  reads.watches.begin(watch, since)
  return () => reads.forget(watcher)
}
