/**
 * What this process has, counted when nothing is under way: descriptors, timers and the like, and the heap after a collection.
 * All of it must come back to what it was the first time, however much was fed in between.
 */
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { cameTrue } from './own-time.js'

const MIB = 1_048_576
/** Caches fill and pools stay: a leak of seven bytes an input is above it after ten million. */
const HEAP_MARGIN_MIB = 64
/** Of each kind. Timers of a node come and go with its heartbeats and peers. */
const COUNT_MARGIN = 8
const TIMERS_MARGIN = 40
const TIMER_KINDS = new Set(['Timeout', 'Immediate'])
/** What is just being closed is gone by then. */
const PATIENCE_MS = 20_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

export class ProcessWatch {
  #counts: ReadonlyMap<string, number> | null = null
  #firstMib = 0
  highestMib = 0
  /** What escaped from the product's own code: it would have ended a node. */
  readonly escaped: unknown[] = []
  readonly #onEscape = (error: unknown): void => void this.escaped.push(error)

  constructor() {
    process.on('uncaughtException', this.#onEscape)
    process.on('unhandledRejection', this.#onEscape)
  }

  /** The first call says what is meant by "as before". Null: it is so. */
  async complaint(): Promise<string | null> {
    const first = this.#counts
    if (first === null) {
      // The first collection frees what the start needed.
      this.#firstMib = heapMib()
      this.#counts = counted()
      this.highestMib = this.#firstMib
      return null
    }
    const isAsBefore = () => risen(first, counted()) === ''
    if (!(await cameTrue(isAsBefore, PATIENCE_MS))) return `left behind: ${risen(first, counted())}`
    const mib = heapMib()
    this.highestMib = Math.max(this.highestMib, mib)
    if (mib <= this.#firstMib + HEAP_MARGIN_MIB) return null
    return `the heap has ${mib.toFixed(0)} MiB after a collection, and had ${this.#firstMib.toFixed(0)}`
  }

  get firstMib(): number {
    return this.#firstMib
  }

  close(): void {
    process.off('uncaughtException', this.#onEscape)
    process.off('unhandledRejection', this.#onEscape)
  }
}

function heapMib(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MIB
}

function counted(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const add = (kind: string, count: number): void => void counts.set(kind, (counts.get(kind) ?? 0) + count)
  for (const kind of process.getActiveResourcesInfo()) add(kind, 1)
  if (process.platform === 'linux') add('descriptors', readdirSync('/proc/self/fd').length)
  return counts
}

function risen(first: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string {
  const more = [...now].filter(([kind, count]) => {
    const margin = TIMER_KINDS.has(kind) ? TIMERS_MARGIN : COUNT_MARGIN
    return count > (first.get(kind) ?? 0) + margin
  })
  return more.map(([kind, count]) => `${count} ${kind} (${first.get(kind) ?? 0} at first)`).join(', ')
}
