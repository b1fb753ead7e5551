import { openSync, readSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Clock, Timer } from '../platform.js'

/** The kernel gives the boot time in hundredths of a second, rounded down: a difference of two readings is off by less. */
const BOOT_RESOLUTION_MS = 10
/** So long a reading of the boot time serves, while the wall clock keeps step with the monotonic one … */
const BOOT_READING_SERVES_MS = 10
/** … to within this. Below the resolution, so that no suspend that could be seen in the file is seen any later. */
const WALL_STEP_MS = 5
/** `setTimeout` takes no more; a longer one would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export interface ClockSources {
  /** Milliseconds that stand still while the machine is suspended. */
  monotonicMs(): number
  /** Milliseconds since boot, suspend included. */
  bootMs(): number
  /** Milliseconds since 1970, suspend included; it may be set at any time. */
  wallMs(): number
}

/** Where the time since boot comes from; each may fail at any time. */
export interface BootSources {
  /** The kernel's own file, which containers may have from a file system of their own (lxcfs). */
  file(): number
  /** The system's answer without that file. */
  system(): number
  monotonicMs(): number
}

const systemSources = (): ClockSources => {
  const monotonicMs = (): number => performance.now()
  return {
    monotonicMs,
    bootMs: bootClock({ file: bootFile(), system: () => uptime() * 1000, monotonicMs }),
    wallMs: Date.now,
  }
}

/**
 * The file while it can be read and says something sensible; after its first failure the system's answer for good, and
 * failing that too, the monotonic clock, which does not notice a suspend. Sources may count from different moments (lxcfs
 * from the start of the container), so a new one goes on from the last reading of the old one: a jump forward would look
 * like a suspend and cost this node its right to speak.
 */
export function bootClock({ file, system, monotonicMs }: BootSources): () => number {
  const sources = [file, system, monotonicMs]
  let offsetMs = 0
  let lastMs = Number.NEGATIVE_INFINITY
  let lastMonotonicMs = 0
  return () => {
    for (;;) {
      const readMs = reading(sources[0] ?? monotonicMs)
      const nowMs = readMs === null ? Number.NaN : readMs + offsetMs
      // It is rounded down, so it may stand still; it never goes back by more than that.
      if (nowMs >= lastMs - BOOT_RESOLUTION_MS) {
        lastMs = nowMs
        lastMonotonicMs = monotonicMs()
        return nowMs
      }
      sources.shift()
      const next = reading(sources[0] ?? monotonicMs) ?? Number.NaN
      if (lastMs > Number.NEGATIVE_INFINITY) offsetMs = lastMs + monotonicMs() - lastMonotonicMs - next
    }
  }
}

/** Null if the source fails, or says what is no time. */
function reading(source: () => number): number | null {
  try {
    const ms = source()
    return Number.isFinite(ms) && ms >= 0 ? ms : null
  } catch {
    return null
  }
}

/** `uptime()` opens and closes the kernel's file at each call; this is read a hundred times a second, so the file is kept open. */
function bootFile(): () => number {
  const text = Buffer.alloc(64)
  let file: number | null = null
  return () => {
    file ??= openSync('/proc/uptime', 'r')
    const length = readSync(file, text, 0, text.length, 0)
    return Math.round(Number.parseFloat(text.toString('latin1', 0, length)) * 1000)
  }
}

/** The clocks and timers of this machine (rules.md rule 7). */
export class SystemClock implements Clock {
  readonly #sources: ClockSources
  #anchorMonotonicMs: number
  #anchorBootMs: number
  /** How long the machine was suspended since the start, rounded up. */
  #suspendedMs = 0
  /** The last reading of the boot time, by the two clocks that cost next to nothing. */
  #readMonotonicMs: number
  #readWallMs: number
  #pending: (() => void)[] = []
  #endOfTurnScheduled = false

  constructor(sources: ClockSources = systemSources()) {
    this.#sources = sources
    this.#anchorMonotonicMs = sources.monotonicMs()
    this.#readMonotonicMs = this.#anchorMonotonicMs
    this.#readWallMs = sources.wallMs()
    this.#anchorBootMs = sources.bootMs()
  }

  speakerNow(): number {
    const nowMs = this.#sources.monotonicMs()
    if (this.#mayHaveSlept(nowMs)) this.#noticeSuspend(nowMs)
    return nowMs + this.#suspendedMs
  }

  /** Monotonic time never runs ahead of boot time, so the smaller of the two is the monotonic one. */
  takerNow(): number {
    return this.#sources.monotonicMs()
  }

  wallNow(): number {
    // A clock set before 1970 is wrong, and must not make every request one that cannot be written.
    return Math.max(0, Date.now())
  }

  after(delayMs: number, run: () => void): Timer {
    const deadlineMs = this.#sources.monotonicMs() + delayMs
    let handle = setTimeout(fire, Math.min(delayMs, MAX_TIMEOUT_MS))
    const sources = this.#sources
    function fire(): void {
      const leftMs = deadlineMs - sources.monotonicMs()
      // Only a wait that did not fit into one timeout is continued; an ordinary one may fire a fraction early.
      if (delayMs > MAX_TIMEOUT_MS && leftMs > 0) handle = setTimeout(fire, Math.min(leftMs, MAX_TIMEOUT_MS))
      else run()
    }
    return { cancel: () => clearTimeout(handle) }
  }

  soon(run: () => void): void {
    this.#pending.push(run)
    this.#scheduleEndOfTurn()
  }

  /**
   * Every event asks, and a busy node has ten thousand of them in a second. To read the boot time costs a system call that adds up
   * the idle time of all processors, of which a large machine has hundreds. A suspend moves the wall clock against the monotonic one
   * too, by just as much, and both can be had for some nanoseconds. They cannot say that there was one, because people and
   * time servers set the wall clock; but while they agree there was none.
   *
   * Example: the boot time was read at t = 0. At t = 3 the machine sleeps for 20 s; on waking the wall clock stands at 20,003 and
   * the monotonic one at 3: the file is read, and says 20,003. If somebody sets the wall clock back by 20 s in that very moment, the
   * reading of t = 10 finds it.
   */
  #mayHaveSlept(monotonicMs: number): boolean {
    const elapsedMs = monotonicMs - this.#readMonotonicMs
    if (elapsedMs >= BOOT_READING_SERVES_MS) return true
    return Math.abs(this.#sources.wallMs() - this.#readWallMs - elapsedMs) > WALL_STEP_MS
  }

  /**
   * A boot clock that ran ahead by more than its resolution means a suspend. It is counted with the resolution added and
   * both clocks are anchored again, so that a suspend of more than 20 ms is never counted too short, however many there are.
   */
  #noticeSuspend(monotonicMs: number): void {
    this.#readMonotonicMs = monotonicMs
    // Before the boot time: a suspend between the two is one that the next look sees.
    this.#readWallMs = this.#sources.wallMs()
    const bootMs = this.#sources.bootMs()
    const aheadMs = bootMs - this.#anchorBootMs - (monotonicMs - this.#anchorMonotonicMs)
    if (aheadMs <= BOOT_RESOLUTION_MS) return
    this.#suspendedMs += aheadMs + BOOT_RESOLUTION_MS
    this.#anchorBootMs = bootMs
    this.#anchorMonotonicMs = monotonicMs
  }

  #scheduleEndOfTurn(): void {
    if (this.#endOfTurnScheduled) return
    this.#endOfTurnScheduled = true
    setImmediate(this.#endTurn)
  }

  readonly #endTurn = (): void => {
    this.#endOfTurnScheduled = false
    this.#runPending()
    // What the end of a turn asks for, such as writing the answers it made, need not wait for another turn. Once: work that
    // yields again and again must let the sockets in between.
    this.#runPending()
  }

  #runPending(): void {
    const due = this.#pending
    this.#pending = []
    for (const run of due) run()
  }
}
