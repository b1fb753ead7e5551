import { openSync, readSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Clock, Timer } from '../platform.js'

/** The kernel gives the boot time in hundredths of a second, rounded down: a difference of two readings is off by less. */
const BOOT_RESOLUTION_MS = 10
/** `setTimeout` takes no more; a longer one would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export interface ClockSources {
  /** Milliseconds that stand still while the machine is suspended. */
  monotonicMs(): number
  /** Milliseconds since boot, suspend included. */
  bootMs(): number
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
  return { monotonicMs, bootMs: bootClock({ file: bootFile(), system: () => uptime() * 1000, monotonicMs }) }
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

/** `uptime()` opens and closes the kernel's file at each call; this is read in every turn, so the file is kept open. */
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
  /** The boot time is read at most once per turn of the event loop: reading it costs a system call on a file. */
  #bootReadThisTurn = false
  #pending: (() => void)[] = []
  #endOfTurnScheduled = false

  constructor(sources: ClockSources = systemSources()) {
    this.#sources = sources
    this.#anchorMonotonicMs = sources.monotonicMs()
    this.#anchorBootMs = sources.bootMs()
  }

  speakerNow(): number {
    const nowMs = this.#sources.monotonicMs()
    if (!this.#bootReadThisTurn) {
      this.#bootReadThisTurn = true
      this.#scheduleEndOfTurn()
      this.#noticeSuspend(nowMs)
    }
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
   * A boot clock that ran ahead by more than its resolution means a suspend. It is counted with the resolution added and
   * both clocks are anchored again, so that a suspend of more than 20 ms is never counted too short, however many there are.
   */
  #noticeSuspend(monotonicMs: number): void {
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
    try {
      this.#runPending()
      // What the end of a turn asks for, such as writing the answers it made, need not wait for another turn. Once: work
      // that yields again and again must let the sockets in between.
      this.#runPending()
    } finally {
      this.#bootReadThisTurn = false
    }
  }

  #runPending(): void {
    const due = this.#pending
    this.#pending = []
    for (const run of due) run()
  }
}
