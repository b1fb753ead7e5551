/** Virtual time: one queue of events, one seed. Promises settle between two events, so a seed replays exactly. */
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { VirtualTime } from '../../src/testing/virtual-time.js'
import { settle } from '../kit/settle.js'

/** So many events without any time passing are a loop that nothing ends. */
const LIVELOCK_EVENTS = 200_000
/** Notes kept for the report of a violation. */
const NOTES_KEPT = 60

export class World extends VirtualTime {
  readonly random: SeededRandom
  /** How often each fault, failpoint and noteworthy event happened. */
  readonly coverage = new Map<string, number>()
  eventCount = 0
  violation: string | null = null
  readonly lastNotes: string[] = []
  #hash = 0x811c9dc5

  constructor(
    readonly seed: number,
    private readonly trace: ((line: string) => void) | null = null,
  ) {
    super()
    this.random = new SeededRandom(seed)
  }

  /** Equal for two runs of one seed. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Something worth a line in the trace; enters the hash. */
  note(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at))
    const line = `${this.nowMs.toFixed(2).padStart(10)} ${text}`
    this.lastNotes.push(line)
    if (this.lastNotes.length > NOTES_KEPT) this.lastNotes.shift()
    this.trace?.(line)
  }

  /** For the trace alone: too much for the hash and the report. */
  tell(text: () => string): void {
    this.trace?.(`${this.nowMs.toFixed(2).padStart(10)} ${text()}`)
  }

  count(what: string, times = 1): void {
    this.coverage.set(what, (this.coverage.get(what) ?? 0) + times)
  }

  /** The first violation ends the run. It is not thrown: the code under test would catch it. */
  fail(what: string): void {
    if (this.violation !== null) return
    this.violation = what
    this.note(`VIOLATION ${what}`)
  }

  /** Runs until `done`, a violation, or for `limitMs`; false if the time ran out. */
  async until(done: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs
    let eventsNow = 0
    for (;;) {
      if (this.violation !== null || done()) return true
      const beforeMs = this.nowMs
      const event = this.next(endMs)
      if (event === null) return done()
      eventsNow = event.atMs === beforeMs ? eventsNow + 1 : 0
      if (eventsNow > LIVELOCK_EVENTS) this.fail('a livelock: events go on and time stands still')
      this.eventCount++
      this.#mix(event.order)
      this.#mix(event.atMs * 1000)
      event.run?.()
      await settle()
    }
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193)
  }
}
